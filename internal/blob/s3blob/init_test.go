package s3blob_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/testserver"
)

var week = wishes(7*24*time.Hour + time.Second)

// wishes has files kept for twice as long as jobs.
func wishes(keep time.Duration) s3blob.Wishes {
	return s3blob.Wishes{Pages: true, Folders: []s3blob.Folder{
		{Rule: "tintype-jobs", Dir: "jobs/", Keep: keep}, {Rule: "tintype-files", Dir: "files/", Keep: 2 * keep},
	}}
}

func setUp(t *testing.T, s *s3blob.Store, w s3blob.Wishes, want s3blob.Setup) {
	t.Helper()
	got, err := s.Init(t.Context(), w)
	if err != nil || got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

// versitygw has no lifecycle rules; what it has is set, once.
func TestInitVersity(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	s := open(t, server, func(cfg *s3blob.Config) { cfg.Bucket = "a-new-bucket" })
	setUp(t, s, week, s3blob.Setup{Bucket: s3blob.DoneNow, Expiry: s3blob.Unsupported, Pages: s3blob.DoneNow})
	setUp(t, s, week, s3blob.Setup{Bucket: s3blob.DoneBefore, Expiry: s3blob.Unsupported, Pages: s3blob.DoneBefore})
	calm := week
	calm.Pages = false
	setUp(t, s, calm, s3blob.Setup{Bucket: s3blob.DoneBefore, Expiry: s3blob.Unsupported, Pages: s3blob.NotAsked})
	if _, err := put(t.Context(), s, "jobs/x/a.txt", []byte("x"), true); err != nil {
		t.Fatal(err)
	}
	link, err := s.Presign(t.Context(), "jobs/x/a.txt", "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", "null") // what a browser says behind a redirect
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if allowed := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != 200 || allowed != "*" && allowed != "null" {
		t.Errorf("a page may not read: %d %v", resp.StatusCode, resp.Header)
	}
}

// rules plays a store's lifecycle rules in front of one that has none.
type rules struct {
	mu     sync.Mutex
	held   string // XML; empty: none
	puts   int
	refuse string // a part of a rule that this store does not know
	status int    // of its refusal
	code   string

	loses   int    // so many puts are taken and not kept
	instead string // what is there then

	late  int // so many looks after a put still show what was before it
	busy  int // so many looks after a put, before those, are refused for now
	shown string
}

func (r *rules) answer(w http.ResponseWriter, req *http.Request) bool {
	if !req.URL.Query().Has("lifecycle") {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	w.Header().Set("Content-Type", "application/xml")
	fail := func(status int, code string) bool {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
		return true
	}
	if req.Method == http.MethodGet {
		switch {
		case r.puts == 0:
			r.shown = r.held
		case r.busy > 0:
			r.busy--
			return fail(503, "SlowDown")
		case r.late > 0:
			r.late--
		default:
			r.shown = r.held
		}
		if r.shown == "" {
			return fail(404, "NoSuchLifecycleConfiguration")
		}
		_, _ = io.WriteString(w, r.shown)
		return true
	}
	body, _ := io.ReadAll(req.Body)
	if r.refuse != "" && strings.Contains(string(body), r.refuse) {
		return fail(r.status, r.code)
	}
	r.puts++
	if r.loses >= r.puts {
		r.held = r.instead
		return true
	}
	r.held = string(body)
	return true
}

func (r *rules) open(t *testing.T) *s3blob.Store {
	t.Helper()
	return r.openOn(t, testserver.Versity(t), "media")
}

func (r *rules) openOn(t *testing.T, server *testserver.S3Server, prefix string) *s3blob.Store {
	t.Helper()
	return open(t, server, func(cfg *s3blob.Config) { cfg.Endpoint, cfg.Prefix = proxy{answer: r.answer}.start(t, server), prefix })
}

// Installations that share a bucket keep their rules, and one that sets its own again,
// because the store has not kept them, keeps what came from others meanwhile.
func TestInitExpiryOfMany(t *testing.T) {
	t.Parallel()
	r, server, calm := &rules{}, testserver.Versity(t), week
	calm.Pages = false
	var all []*s3blob.Store
	for _, prefix := range []string{"", "ark", "ark/eu"} {
		all = append(all, r.openOn(t, server, prefix))
		setUp(t, all[len(all)-1], calm, s3blob.Setup{Bucket: s3blob.DoneBefore, Expiry: s3blob.DoneNow, Pages: s3blob.NotAsked})
	}
	for _, s := range all {
		setUp(t, s, calm, s3blob.Setup{Bucket: s3blob.DoneBefore, Expiry: s3blob.DoneBefore, Pages: s3blob.NotAsked})
	}
	if n := strings.Count(r.held, "<Days>8</Days>"); n != 3 {
		t.Errorf("%d rules for jobs: %s", n, r.held)
	}
	other := &rules{loses: 1, instead: strings.ReplaceAll(r.held, "tintype-", "mine-")}
	setUp(t, other.openOn(t, server, ""), calm, s3blob.Setup{Bucket: s3blob.DoneBefore, Expiry: s3blob.DoneNow, Pages: s3blob.NotAsked})
	if n := strings.Count(other.held, "<Days>8</Days>"); n != 4 {
		t.Errorf("%d rules, with those that came meanwhile: %s", n, other.held)
	}
}

func TestInitExpiry(t *testing.T) {
	t.Parallel()
	const own = `<LifecycleConfiguration><Rule><ID>mine</ID><Status>Enabled</Status><Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>`
	r := &rules{held: own}
	s := r.open(t)
	for i, tt := range []struct {
		keep        time.Duration
		expiry      s3blob.Done
		jobs, files int // days
		puts        int
	}{
		{7*24*time.Hour + time.Second, s3blob.DoneNow, 8, 15, 1},
		{7*24*time.Hour + time.Second, s3blob.DoneBefore, 8, 15, 1},
		{24 * time.Hour, s3blob.DoneNow, 1, 2, 2},
	} {
		calm := wishes(tt.keep)
		calm.Pages = false
		setUp(t, s, calm, s3blob.Setup{Bucket: s3blob.DoneBefore, Expiry: tt.expiry, Pages: s3blob.NotAsked})
		for part, n := range map[string]int{
			"<ID>mine</ID>": 1, "<Prefix>logs/</Prefix>": 1, "<Days>3</Days>": 1,
			"<ID>tintype-jobs:media</ID>": 1, "<Prefix>media/jobs/</Prefix>": 1, fmt.Sprintf("<Days>%d</Days>", tt.jobs): 1,
			"<ID>tintype-files:media</ID>": 1, "<Prefix>media/files/</Prefix>": 1, fmt.Sprintf("<Days>%d</Days>", tt.files): 1,
			"<DaysAfterInitiation>1</DaysAfterInitiation>": 2, "<NoncurrentDays>1</NoncurrentDays>": 2,
		} {
			if strings.Count(r.held, part) != n {
				t.Errorf("%d: not %d times %s in %s", i, n, part, r.held)
			}
		}
		if r.puts != tt.puts {
			t.Errorf("%d: set %d times, want %d", i, r.puts, tt.puts)
		}
	}
}

// A store that knows a part of a rule alone gets the part that matters.
func TestInitExpiryInPart(t *testing.T) {
	t.Parallel()
	r := &rules{refuse: "AbortIncompleteMultipartUpload", status: 400, code: "MalformedXML"}
	s := r.open(t)
	calm := week
	calm.Pages = false
	for range 2 {
		setUp(t, s, calm, s3blob.Setup{Bucket: s3blob.DoneBefore, Expiry: s3blob.DonePart, Pages: s3blob.NotAsked})
	}
	if r.puts != 1 || !strings.Contains(r.held, "<Days>8</Days>") {
		t.Errorf("set %d times: %s", r.puts, r.held)
	}
}

// A store that shows its rules late, that is busy or that has just started and loses
// them (MinIO reads what it knows of its buckets while it already serves) has them in
// the end; one that never keeps them is told of.
func TestInitExpiryIsReadBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		r    *rules
		puts int // at most
		fail bool
	}{
		{"late", &rules{late: 2}, 3, false},
		{"busy", &rules{busy: 2}, 1, false},
		{"lost once", &rules{loses: 1}, 2, false},
		{"never kept", &rules{loses: 1000}, 1000, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tt.r.open(t)
			calm := week
			calm.Pages = false
			if tt.fail {
				_, err := s.Init(t.Context(), calm)
				if err == nil || !strings.HasPrefix(err.Error(), "storage.s3.bucket: the store did not keep the lifecycle rules") {
					t.Errorf("%v", err)
				}
				return
			}
			setUp(t, s, calm, s3blob.Setup{Bucket: s3blob.DoneBefore, Expiry: s3blob.DoneNow, Pages: s3blob.NotAsked})
			if tt.r.puts > tt.puts || !strings.Contains(tt.r.held, "<Days>8</Days>") {
				t.Errorf("set %d times: %s", tt.r.puts, tt.r.held)
			}
		})
	}
}

// rule is one of a store's lifecycle rules; more is what else it says.
func rule(id, filter string, days int, more string) string {
	return fmt.Sprintf("<Rule><ID>%s</ID><Status>Enabled</Status><Filter>%s</Filter><Expiration><Days>%d</Days></Expiration>%s</Rule>", id, filter, days, more)
}

// What the store removes too soon is told by its rules, whoever made them; those that
// hold for other objects, or for none, do not matter.
func TestTooSoon(t *testing.T) {
	t.Parallel()
	const jobs, tag = "<Prefix>media/jobs/</Prefix>", "<Tag><Key>a</Key><Value>b</Value></Tag>"
	ours := rule("tintype-jobs:media", jobs, 8, "")
	for _, tt := range []struct {
		name string
		held string
		want string // folder, rule, days
	}{
		{"no rules", "", ""},
		{"long enough", ours, ""},
		{"longer", rule("tintype-jobs:media", jobs, 9, ""), ""},
		{"ours from before", rule("tintype-jobs:media", jobs, 7, ""), "jobs/ tintype-jobs:media 7 true"},
		{"files, too", ours + rule("tintype-files:media", "<Prefix>media/files/</Prefix>", 14, ""), "files/ tintype-files:media 14 true"},
		{"of the whole bucket", ours + rule("mine", "", 3, ""), "jobs/ mine 3 false, files/ mine 3 false"},
		{"of all that is ours", rule("mine", "<Prefix>media/</Prefix>", 8, ""), "files/ mine 8 false"},
		{"of large objects", rule("mine", "<And>"+jobs+"<ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></And>", 3, ""), "jobs/ mine 3 false"},
		{"in the old style", strings.NewReplacer("<Filter>", "", "</Filter>", "").Replace(rule("mine", jobs, 3, "")), "jobs/ mine 3 false"},
		{"of other objects", rule("mine", "<Prefix>logs/</Prefix>", 3, "") + rule("deeper", "<Prefix>media/jobs/06</Prefix>", 3, ""), ""},
		{"of objects with a tag", rule("mine", tag, 3, "") + rule("both", "<And>"+jobs+tag+"</And>", 3, ""), ""},
		{"switched off", strings.Replace(rule("mine", jobs, 3, ""), "Enabled", "Disabled", 1), ""},
		{"of unfinished uploads alone", strings.Replace(rule("mine", jobs, 3, "<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>"), "<Expiration><Days>3</Days></Expiration>", "", 1), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &rules{}
			if tt.held != "" {
				r.held = "<LifecycleConfiguration>" + tt.held + "</LifecycleConfiguration>"
			}
			soon, err := r.open(t).TooSoon(t.Context(), week.Folders)
			var got []string
			for _, e := range soon {
				got = append(got, fmt.Sprintf("%s %s %d %t", strings.TrimPrefix(e.Dir, "media/"), e.Rule, e.Days, e.Ours))
			}
			if text := strings.Join(got, ", "); err != nil || text != tt.want {
				t.Errorf("%q, %v, want %q", text, err, tt.want)
			}
		})
	}
	if soon, err := open(t, testserver.Versity(t), nil).TooSoon(t.Context(), week.Folders); err != nil || len(soon) > 0 {
		t.Errorf("of a store without rules: %v, %v", soon, err)
	}
	r := &rules{busy: 1, puts: 1}
	if _, err := r.open(t).TooSoon(t.Context(), week.Folders); err == nil || !strings.HasPrefix(err.Error(), "storage.s3.endpoint: ") {
		t.Errorf("of a store that does not say: %v", err)
	}
}

// What cannot be read back is not said to be lost.
func TestInitExpiryCannotBeRead(t *testing.T) {
	t.Parallel()
	r := &rules{busy: 1000}
	s := r.open(t)
	if _, err := s.Init(t.Context(), week); err == nil || !strings.HasPrefix(err.Error(), "storage.s3.endpoint: ") || !strings.Contains(err.Error(), "is busy") {
		t.Errorf("%v", err)
	}
}

func TestInitNeedsRights(t *testing.T) {
	t.Parallel()
	r := &rules{refuse: "tintype", status: 403, code: "AccessDenied"}
	s := r.open(t)
	_, err := s.Init(t.Context(), week)
	if err == nil || !strings.HasPrefix(err.Error(), "storage.s3.access_key_id: ") || !strings.Contains(err.Error(), "s3:PutLifecycleConfiguration") {
		t.Errorf("%v", err)
	}
}

// What an operator gets wrong is named by its setting here too.
func TestInitMistakes(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	for _, tt := range mistakes {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, server, func(cfg *s3blob.Config) { tt.make(t, cfg) })
			_, err := s.Init(t.Context(), week)
			if tt.name == "no such bucket" || tt.name == unreached {
				if err != nil {
					t.Errorf("the bucket is not made: %v", err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), "storage.s3."+tt.setting+": ") {
				t.Errorf("%v, want one about %s", err, tt.setting)
			}
		})
	}
	s := open(t, server, func(cfg *s3blob.Config) { cfg.Bucket = "No_Bucket's name" })
	if _, err := s.Init(t.Context(), week); err == nil || !strings.HasPrefix(err.Error(), "storage.s3.bucket: ") {
		t.Errorf("a bad name: %v", err)
	}
}
