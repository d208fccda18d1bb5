package ark_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	onwire "github.com/tintypehq/tintype/internal/upstream/wire"
)

// listed is a task in a list of the upstream's.
type listed struct {
	ID      string `json:"id"`
	Model   string `json:"model"`
	Mark    string `json:"safety_identifier,omitempty"`
	Created int64  `json:"created_at"`
	Status  string `json:"status"`
}

const markedModel = "doubao-seedance-2-0-260128"

// lost is a submission that can be looked up, of a job accepted at a time.
func lost(at time.Time) upstream.Submission {
	s := video("x")
	s.Job, s.Spec.UpstreamModel = job.NewID(at), markedModel
	return s
}

// others are tasks of other submissions, each a second older than the one
// before.
func others(n int, newest time.Time) []listed {
	all := make([]listed, n)
	for i := range all {
		all[i] = listed{fmt.Sprintf("cgt-%d", i), markedModel, fmt.Sprint("mark ", i), newest.Unix() - int64(i), "succeeded"}
	}
	return all
}

// listing serves a list as the upstream would, by pages of at most some tasks.
func listing(t *testing.T, all []listed, most int) *wire {
	t.Helper()
	return newWire(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		num, _ := strconv.Atoi(q.Get("page_num"))
		size, _ := strconv.Atoi(q.Get("page_size"))
		if num < 1 || num > 500 || size < 1 || size > 500 || len(q) != 2 {
			t.Errorf("asked for %v", q)
		}
		size = min(size, most)
		from := min((num-1)*size, len(all))
		body, _ := json.Marshal(map[string]any{"total": len(all), "items": all[from:min(from+size, len(all))]})
		reply(200, string(body))(w, r)
	})
}

// look searches and checks what every lookup has in common.
func look(t *testing.T, w *wire, s upstream.Submission) (string, error) {
	t.Helper()
	id, err := driver(t, w.URL+"/api/v3").Lookup(t.Context(), acc(), s)
	if err != nil {
		if e := fails(t, err); id != "" || e.Outcome != "" {
			t.Errorf("got %q, %v", id, e)
		}
	}
	for _, r := range w.requests() {
		if r.method != "GET" || r.path != "/api/v3/contents/generations/tasks" || r.header.Get("Authorization") != "Bearer "+key {
			t.Errorf("asked %s %s %v", r.method, r.path, r.header)
		}
	}
	return id, err
}

func TestLookupPages(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := lost(now)
	mine := listed{"cgt-mine", markedModel, onwire.Attempt(s), now.Unix(), "queued"}
	const full = ark.ListPageSize
	tests := []struct {
		name     string
		tasks    int
		at       int // where mine is; -1: nowhere
		most     int // of a page, if the upstream gives fewer than asked for
		requests int
	}{
		{"empty", 0, -1, full, 1},
		{"one page", 10, 10, full, 1},
		{"one page without it", 10, -1, full, 1},
		{"a full page", full - 1, 3, full, 2},
		{"a full page without it", full, -1, full, 2},
		{"the last of several pages", 2*full + 5, 2*full + 5, full, 3},
		{"several pages without it", 2*full + 5, -1, full, 3},
		{"pages shorter than asked for", 25, 25, 10, 3},
		{"pages shorter than asked for, without it", 30, -1, 10, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all, want := others(tt.tasks, now), ""
			if tt.at >= 0 {
				all, want = slices.Insert(all, tt.at, mine), mine.ID
			}
			w := listing(t, all, tt.most)
			if got, err := look(t, w, s); got != want || err != nil {
				t.Errorf("found %q (%v), want %q", got, err, want)
			}
			if n := len(w.requests()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
		})
	}
}

// TestLookupStopsBehindTheFound: the rest of a busy account's week is not read
// for a second task with the mark, if the list seems to have its newest first.
// That nothing is there has to be seen to the end.
func TestLookupStopsBehindTheFound(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := lost(now)
	const full, pages = ark.ListPageSize, 5
	week := func() []listed {
		all := others(pages*full, now)
		for i := range all[1:] {
			all[1+i].Created = now.Add(-25*time.Hour).Unix() - int64(i)
		}
		return all
	}
	oldestFirst := week()
	slices.Reverse(oldestFirst)
	undated := week()
	undated[7].Created = 0
	tests := []struct {
		name     string
		tasks    []listed
		at       int // where it is; -1: nowhere
		requests int
	}{
		{"newest first", week(), 0, 1},
		{"newest first, without it", week(), -1, pages + 1},
		{"oldest first", oldestFirst, pages*full - 1, pages + 1},
		{"groups, each newest first", append(week()[full:], week()[:full]...), (pages - 1) * full, pages + 1},
		{"groups, each newest first, without it", append(week()[full:], week()[:full]...), -1, pages + 1},
		{"an age that cannot be read", undated, 0, pages + 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := ""
			if tt.at >= 0 {
				tt.tasks[tt.at].Mark, want = onwire.Attempt(s), tt.tasks[tt.at].ID
			}
			w := listing(t, tt.tasks, full)
			if got, err := look(t, w, s); got != want || err != nil {
				t.Errorf("found %q (%v), want %q", got, err, want)
			}
			if n := len(w.requests()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
		})
	}
}

// TestLookupReadsABoundedPart: what was not seen to its end does not count as
// absent; what was found counts.
func TestLookupReadsABoundedPart(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := lost(now)
	all := others(ark.ListPages*10+1, now)
	w := listing(t, all, 10)
	if got, err := look(t, w, s); err == nil {
		t.Errorf("found %q", got)
	}
	if n := len(w.requests()); n != ark.ListPages {
		t.Errorf("%d requests", n)
	}
	all[4].Mark = onwire.Attempt(s)
	if got, err := look(t, listing(t, all, 10), s); got != all[4].ID || err != nil {
		t.Errorf("found %q (%v)", got, err)
	}
	w = newWire(t, func(w http.ResponseWriter, r *http.Request) {
		body := `{"total":9,"items":[]}`
		if r.URL.Query().Get("page_num") == "1" {
			body = `{"total":9,"items":[{"id":"cgt-1","safety_identifier":"` + onwire.Attempt(s) + `"}]}`
		}
		reply(200, body)(w, r)
	})
	if got, err := look(t, w, s); got != "cgt-1" || err != nil || len(w.requests()) != 2 {
		t.Errorf("found %q (%v) after %d pages", got, err, len(w.requests()))
	}
}

// TestLookupWhileTasksArrive: each new task pushes another one to the next page.
func TestLookupWhileTasksArrive(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := lost(now)
	for _, there := range []bool{true, false} {
		all := others(25, now)
		if there {
			all[24].Mark = onwire.Attempt(s)
		}
		n := 0
		w := newWire(t, func(w http.ResponseWriter, r *http.Request) {
			num, _ := strconv.Atoi(r.URL.Query().Get("page_num"))
			from := min((num-1)*10, len(all))
			body, _ := json.Marshal(map[string]any{"total": len(all), "items": all[from:min(from+10, len(all))]})
			n++
			all = append([]listed{{fmt.Sprint("new-", n), markedModel, "new", now.Unix(), "queued"}}, all...)
			reply(200, string(body))(w, r)
		})
		if got, err := look(t, w, s); (got == "cgt-24") != there || err != nil {
			t.Errorf("found %q (%v)", got, err)
		}
	}
}

func TestLookupOfSeveral(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := lost(now)
	all := others(12, now)
	for _, i := range []int{2, 5, 9} {
		all[i].Mark = onwire.Attempt(s)
	}
	all[2].Status, all[5].Created = "cancelled", all[9].Created // two of the same second
	for range 2 {
		if got, err := look(t, listing(t, all, 5), s); got != "cgt-5" || err != nil {
			t.Errorf("found %q (%v), want the oldest", got, err)
		}
		slices.Reverse(all)
	}
}

// TestLookupOfTasksWithoutAMark: had the upstream dropped our mark, one of them
// would be ours.
func TestLookupOfTasksWithoutAMark(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := lost(now)
	tests := []struct {
		name    string
		task    listed
		couldBe bool
	}{
		{"of this model", listed{"cgt-1", markedModel, "", now.Unix(), "running"}, true},
		{"of this model in another region", listed{"cgt-1", "dreamina-seedance-2-0-260128", "", now.Unix(), "running"}, true},
		{"of a model that is not known", listed{"cgt-1", "ep-1", "", now.Unix(), "running"}, true},
		{"of an unreadable age", listed{"cgt-1", markedModel, "", 0, "running"}, true},
		{"a little older than the job", listed{"cgt-1", markedModel, "", now.Add(-23 * time.Hour).Unix(), "running"}, true},
		{"far older than the job", listed{"cgt-1", markedModel, "", now.Add(-25 * time.Hour).Unix(), "running"}, false},
		{"of another model", listed{"cgt-1", "doubao-seedance-1-0-pro-250528", "", now.Unix(), "running"}, false},
		{"of an endpoint that is another model", listed{"cgt-1", "ep-pro", "", now.Unix(), "running"}, false},
		{"with another mark", listed{"cgt-1", markedModel, "other", now.Unix(), "running"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := driver(t, listing(t, []listed{tt.task}, 10).URL, func(c *ark.Config) {
				c.Families = map[string]ark.Family{"ep-pro": ark.Seedance10Pro}
			})
			got, err := d.Lookup(t.Context(), acc(), s)
			if got != "" || (err != nil) != tt.couldBe {
				t.Errorf("found %q (%v)", got, err)
			}
			d = driver(t, listing(t, []listed{tt.task, {"cgt-mine", markedModel, onwire.Attempt(s), now.Unix(), "queued"}}, 10).URL)
			if got, err := d.Lookup(t.Context(), acc(), s); got != "cgt-mine" || err != nil {
				t.Errorf("found %q (%v)", got, err)
			}
		})
	}
}

// TestLookupOfGarbage: nothing of this says that there is nothing.
func TestLookupOfGarbage(t *testing.T) {
	t.Parallel()
	page := make([]string, ark.ListPageSize)
	for i := range page {
		page[i] = fmt.Sprintf(`{"id":"cgt-%d","model":%q,"safety_identifier":"x","created_at":1}`, i, markedModel)
	}
	tests := []struct {
		name, body string
		status     int
		class      upstream.Class
	}{
		{"empty", ``, 200, upstream.Empty},
		{"nothing in it", `{}`, 200, upstream.Unknown},
		{"null", `null`, 200, upstream.Unknown},
		{"an array", `[]`, 200, upstream.Unknown},
		{"no total", `{"items":[]}`, 200, upstream.Unknown},
		{"a total of nothing", `{"total":null,"items":[]}`, 200, upstream.Unknown},
		{"a total that is a text", `{"total":"0","items":[]}`, 200, upstream.Unknown},
		{"a total below zero", `{"total":-1,"items":[]}`, 200, upstream.Unknown},
		{"an endless total", `{"total":1e300,"items":[]}`, 200, upstream.Unknown},
		{"fewer tasks than it says", `{"total":3,"items":[]}`, 200, upstream.Unknown},
		{"the same page again and again", `{"total":3,"items":[{"id":"cgt-1","safety_identifier":"x"}]}`, 200, upstream.Unknown},
		{"the same full page again and again", `{"total":500,"items":[` + strings.Join(page, ",") + `]}`, 200, upstream.Unknown},
		{"a task without an id", `{"total":1,"items":[{"safety_identifier":"x"}]}`, 200, upstream.Unknown},
		{"a task of nothing", `{"total":1,"items":[null]}`, 200, upstream.Unknown},
		{"tasks that are no list", `{"total":1,"items":{"id":"cgt-1"}}`, 200, upstream.Unknown},
		{"half the JSON", `{"total":0,"items":[`, 200, upstream.Unknown},
		{"html", `<html>`, 200, upstream.Unknown},
		{"an error in a 200", `{"total":0,"items":[],"error":{"code":"AuthenticationError","message":"m"}}`, 200, upstream.Auth},
		{"an error without a code", `{"total":0,"items":[],"error":{"message":"m"}}`, 200, upstream.Unknown},
		{"404", `{"error":{"code":"NotFound.x","message":"m"}}`, 404, upstream.Unknown},
		{"404 without words", ``, 404, upstream.Unknown},
		{"redirect", ``, 302, upstream.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Location", "/elsewhere")
				reply(tt.status, tt.body)(rw, r)
			})
			got, err := look(t, w, lost(time.Now()))
			if err == nil {
				t.Fatalf("found %q", got)
			}
			if e := fails(t, err); e.Class != tt.class {
				t.Errorf("got %v", e)
			}
		})
	}
}

// TestRecoveryOfEveryFamily: what the driver promises of a family is what the
// simulator does for it, and 1.x has none of it.
func TestRecoveryOfEveryFamily(t *testing.T) {
	t.Parallel()
	s := sim.New(sim.Config{ImageTime: -1})
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		srv.Close()
		s.Close()
	})
	d := driver(t, srv.URL+"/api/v3", func(c *ark.Config) { c.VisibilityLag = 7 * time.Second })
	for _, family := range ark.Families() {
		p, _ := ark.ProfileOf("", family)
		if p.Kind != upstream.VideoModel {
			continue
		}
		sub := video("x")
		sub.Job, sub.Spec.UpstreamModel = job.ID("01"+string(family)), "doubao-"+string(family)
		r := d.Recovery(sub.Spec)
		if want := strings.HasPrefix(string(family), "seedance-2."); r.ByLookup != want || (r.VisibleWithin == 7*time.Second) != want {
			t.Errorf("%s: %+v", family, r)
		}
		if !r.ByLookup {
			continue
		}
		got, err := d.Submit(t.Context(), acc(), sub)
		if err != nil {
			t.Fatalf("%s: %v", family, err)
		}
		if id, err := d.Lookup(t.Context(), acc(), sub); id != got.UpstreamID || err != nil {
			t.Errorf("%s: found %q (%v), want %q", family, id, err, got.UpstreamID)
		}
	}
}

func TestRecoveryLag(t *testing.T) {
	t.Parallel()
	for set, want := range map[time.Duration]time.Duration{0: time.Minute, -1: 0, time.Second: time.Second} {
		d := driver(t, "http://127.0.0.1:1", func(c *ark.Config) { c.VisibilityLag = set })
		if got := d.Recovery(lost(time.Now()).Spec); !got.ByLookup || got.VisibleWithin != want {
			t.Errorf("%s: %+v", set, got)
		}
		if got := d.Recovery(image("x").Spec); got != (upstream.Recovery{}) {
			t.Errorf("an image: %+v", got)
		}
	}
}

// TestLookupAmongThousands reads a real list, of a simulator that keeps it.
func TestLookupAmongThousands(t *testing.T) {
	t.Parallel()
	s := sim.New(sim.Config{Accounts: []sim.Account{{Key: key, RPM: -1, MaxRunning: 1, MaxQueued: -1}}})
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		srv.Close()
		s.Close()
	})
	d := driver(t, srv.URL+"/api/v3")
	const n = 2*ark.ListPageSize + 1
	sub := video("x")
	sub.Spec.UpstreamModel = markedModel
	first := ""
	for i := range n {
		sub.Fence = int64(i)
		got, err := d.Submit(t.Context(), acc(), sub)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = got.UpstreamID
		}
	}
	for fence, want := range map[int64]string{0: first, n: ""} {
		sub.Fence = fence
		if got, err := d.Lookup(t.Context(), acc(), sub); got != want || err != nil {
			t.Errorf("found %q (%v), want %q", got, err, want)
		}
	}
	if got := s.Ledger().Totals.Lists; got != 6 {
		t.Errorf("%d pages were read", got)
	}
}
