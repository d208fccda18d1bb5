package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
)

const (
	idemKey    = "Idempotency-Key"
	retryCount = "X-Stainless-Retry-Count"
	replayed   = "Idempotency-Replayed"
)

// jobs counts the jobs that were made.
func (h *house) jobs() int {
	h.Helper()
	names, err := h.rdb.Keys(context.Background(), "{tt}:job:*").Result()
	h.must(err)
	return len(names)
}

func TestIdempotencyKeyForms(t *testing.T) {
	t.Parallel()
	h := open(t)
	want := h.create(images, `{"prompt":"x"}`, idemKey, `a"b\c`)
	for name, tt := range map[string]struct {
		key  string
		same bool
	}{
		"bare": {`a"b\c`, true}, "quoted": {`"a\"b\\c"`, true}, "white space around": {"  a\"b\\c ", true},
		"another": {"abc", false}, "longest": {strings.Repeat("k", 255), false}, "longest quoted": {`"` + strings.Repeat(`\"`, 255) + `"`, false},
	} {
		if got := h.create(images, `{"prompt":"x"}`, idemKey, tt.key); (got == want) != tt.same {
			t.Errorf("%s: job %s, and the first was %s", name, got, want)
		}
	}
	made := h.jobs()
	for _, bad := range []string{
		`""`, `"a`, `"a"b`, `"a";q=1`, `"a\b"`, `"a\`, "a b", `"a b"`, "schlüssel", strings.Repeat("k", 256), `"` + strings.Repeat("k", 256) + `"`,
	} {
		a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Prefer", "respond-async", idemKey, bad)
		if code, param, _ := errorOf(t, a.body); a.status != http.StatusBadRequest || code != "invalid_request" || param != idemKey {
			t.Errorf("%q: %d %s", bad, a.status, a.body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+images, strings.NewReader(`{"prompt":"x"}`))
	h.must(err)
	req.Header = http.Header{"Authorization": {"Bearer " + gatewayKey}, idemKey: {"a", "a"}, "Prefer": {"respond-async"}}
	resp, err := client.Do(req)
	h.must(err)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest || h.jobs() != made {
		t.Errorf("two keys: %d; %d jobs after %d", resp.StatusCode, h.jobs(), made)
	}
}

// TestSameBody: the same wish in other words has the same job, any other wish
// none under that key.
func TestSameBody(t *testing.T) {
	t.Parallel()
	h := open(t)
	const body = `{"prompt":"a cat","ratio":"16:9","variant":7,"meta":{"a":1,"b":[true]}}`
	want := h.create(images, body, idemKey, "k")
	for _, tt := range []struct {
		body   string
		status int
	}{
		{body, http.StatusAccepted},
		{"\ufeff" + ` { "ratio" : "16:9" , "meta":{"b":[true],"a":1.0}, "variant":70e-1, "prompt":"\u0061 cat" } `, http.StatusAccepted},
		{`{"prompt":"a dog","prompt":"a cat","ratio":"16:9","variant":7,"meta":{"a":1,"b":[true]},"style":null}`, http.StatusAccepted},
		{`{"prompt":"a cat","ratio":"16:9","variant":7,"meta":{"a":1,"b":[true]},"response_format":"b64_json","stream":false}`, http.StatusAccepted},
		{`{"prompt":"a cat","ratio":"16:9","variant":8,"meta":{"a":1,"b":[true]}}`, http.StatusUnprocessableEntity},
		{`{"prompt":"a cat","ratio":"9:16","variant":7,"meta":{"a":1,"b":[true]}}`, http.StatusUnprocessableEntity},
		{`{"prompt":"a cat ","ratio":"16:9","variant":7,"meta":{"a":1,"b":[true]}}`, http.StatusUnprocessableEntity},
		{`{"prompt":"a cat","ratio":"16:9","variant":"7","meta":{"a":1,"b":[true]}}`, http.StatusUnprocessableEntity},
		{`{"prompt":"a cat","ratio":"16:9","variant":7,"meta":{"a":1,"b":[true]},"user":"u"}`, http.StatusUnprocessableEntity},
		{`{"prompt":""}`, http.StatusUnprocessableEntity}, // that it is wrong besides is not the point
		{`{"prompt":"a cat","stream":"yes"}`, http.StatusBadRequest},
	} {
		a := h.call(http.MethodPost, images, tt.body, "Prefer", "respond-async", idemKey, "k")
		if a.status != tt.status {
			t.Errorf("%s: %d %s", tt.body, a.status, a.body)
		}
		switch a.status {
		case http.StatusAccepted:
			if a.header.Get("X-Job-Id") != string(want) || a.header.Get(replayed) != "true" {
				t.Errorf("%s: %v", tt.body, a.header)
			}
		case http.StatusUnprocessableEntity:
			code, param, _ := errorOf(t, a.body)
			if code != "idempotency_key_reuse" || param != idemKey || a.header.Get("X-Should-Retry") != "false" || a.header.Get(replayed) != "" {
				t.Errorf("%s: %v %s", tt.body, a.header, a.body)
			}
		}
	}
	if n := h.jobs(); n != 1 {
		t.Errorf("%d jobs", n)
	}
}

// TestKeyScope: a key is its tenant's, and counts on one path.
func TestKeyScope(t *testing.T) {
	t.Parallel()
	h := open(t)
	seen := map[job.ID]string{}
	for name, call := range map[string][]string{
		"one":           {images, gatewayKey},
		"other path":    {videos, gatewayKey},
		"other tenant":  {images, otherKey},
		"pooled":        {images, "pooled"},
		"own":           {images, "sim-own-1"},
		"another's own": {images, "sim-own-2"},
	} {
		for range 2 {
			id := h.create(call[0], `{"prompt":"x"}`, "Authorization", "Bearer "+call[1], idemKey, "k")
			if other, ok := seen[id]; ok && other != name {
				t.Errorf("%s and %s share job %s", name, other, id)
			}
			seen[id] = name
		}
	}
	if len(seen) != 6 || h.jobs() != 6 {
		t.Errorf("%d jobs told, %d made", len(seen), h.jobs())
	}
}

// TestAttach: whoever comes to a running job, at any process, is answered just
// as it asked.
func TestAttach(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Silence: 20 * ms, Space: 20 * ms, Window: 50 * ms}))
	twin := h.twin()
	const body = `{"prompt":"x"}`
	id := h.create(videos, body, idemKey, "k")
	if a := twin.call(http.MethodPost, videos, body, idemKey, "k", "Prefer", "respond-async"); a.status != http.StatusAccepted || job.ID(a.header.Get("X-Job-Id")) != id {
		t.Errorf("respond-async: %d %s", a.status, a.body)
	}
	answers := make(chan string, 3)
	for name, call := range map[string][]string{
		"blocking": {body}, "waiting": {body, "Prefer", "wait=30"}, "stream": {`{"prompt":"x","stream":true}`},
	} {
		headers := append([]string{idemKey, "k"}, call[1:]...)
		go func() {
			a := twin.call(http.MethodPost, videos, call[0], headers...)
			answers <- fmt.Sprint(name, " ", a.status, " ", a.header.Get(replayed), " ", a.header.Get("X-Job-Id"), " ", a.body)
		}()
	}
	h.eventually(func() bool { return twin.metric(`tintype_requests_attached_total{by="key"}`) == "4" })
	h.makeVideo(id)
	for range cap(answers) {
		got := <-answers
		name, rest, _ := strings.Cut(got, " ")
		if !strings.HasPrefix(rest, "200 true "+string(id)) || !strings.Contains(rest, "/video-0.mp4") {
			t.Errorf("%s", got)
		}
		if name == "stream" && (!strings.Contains(rest, `"role":"assistant"`) || !strings.Contains(rest, "id: 1\n") || !strings.HasSuffix(rest, "[DONE]\n\n")) {
			t.Errorf("not the whole log: %s", got)
		}
	}
	if n := h.jobs(); n != 1 {
		t.Errorf("%d jobs", n)
	}
}

// TestReplay: a job that is final answers as it did the first time, however it
// is asked.
func TestReplay(t *testing.T) {
	t.Parallel()
	h := open(t)
	twin := h.twin()
	const body = `{"prompt":"x"}`
	h.meanwhile(func() { h.makeImage(h.waitForJob(), picture(t, 300, 200)) })
	first := h.call(http.MethodPost, images, body, idemKey, "k")
	if first.status != http.StatusOK || first.header.Get(replayed) != "" {
		t.Fatalf("%d %v", first.status, first.header)
	}
	for name, call := range map[string][]string{
		"blocking": {body}, "wait": {body, "Prefer", "wait=5"},
	} {
		a := h.call(http.MethodPost, images, call[0], append([]string{idemKey, "k"}, call[1:]...)...)
		if a.status != http.StatusOK || a.body != first.body || a.header.Get(replayed) != "true" {
			t.Errorf("%s: %d %v %s", name, a.status, a.header, a.body)
		}
	}
	if a := twin.call(http.MethodPost, images, `{"prompt":"x","response_format":"b64_json"}`, idemKey, "k"); a.status != http.StatusOK || !strings.Contains(a.body, `"b64_json":"`) {
		t.Errorf("in base64: %d %.300s", a.status, a.body)
	}
	if a := twin.call(http.MethodPost, images, `{"prompt":"x","stream":true}`, idemKey, "k"); !strings.Contains(a.body, "id: 1\n") || !strings.HasSuffix(a.body, "[DONE]\n\n") {
		t.Errorf("as a stream: %d %.300s", a.status, a.body)
	}
	if a := h.call(http.MethodPost, images, body, idemKey, "k", "Prefer", "respond-async"); a.status != http.StatusAccepted || !strings.Contains(a.body, `"succeeded"`) {
		t.Errorf("as a job: %d %.300s", a.status, a.body)
	}
}

// TestReplayedFailure: paid or not, a failure is not tried again under its key.
func TestReplayedFailure(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.meanwhile(func() { h.fail(h.waitForJob(), fault.New(fault.OutcomeUnknown, "Nobody knows.")) })
	first := h.call(http.MethodPost, images, `{"prompt":"x"}`, idemKey, "k")
	again := h.call(http.MethodPost, images, `{"prompt":"x"}`, idemKey, "k")
	if first.status != http.StatusBadGateway || again.status != first.status || again.body != first.body {
		t.Errorf("%d %s\n%d %s", first.status, first.body, again.status, again.body)
	}
	if again.header.Get("X-Should-Retry") != "false" || again.header.Get(replayed) != "true" {
		t.Errorf("%v", again.header)
	}
	h.cancelJob(h.create(images, `{"prompt":"y"}`, idemKey, "l"), http.StatusOK)
	a := h.call(http.MethodPost, images, `{"prompt":"y"}`, idemKey, "l")
	if code, _, _ := errorOf(t, a.body); a.status != http.StatusConflict || code != "canceled" || a.header.Get(replayed) != "true" {
		t.Errorf("canceled: %d %v %s", a.status, a.header, a.body)
	}
}

// TestRefusedLeavesNoKey: what was refused at the door may be put right and sent
// under the same key.
func TestRefusedLeavesNoKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, bad := range []string{`{`, `{"prompt":""}`, `{"prompt":"x","model":"none"}`, `{"prompt":"x","image":"%%%"}`} {
		if a := h.call(http.MethodPost, images, bad, idemKey, "k"); a.status/100 != 4 {
			t.Errorf("%s: %d", bad, a.status)
		}
	}
	h.must(h.store.SyncAccounts(t.Context(), "ark", nil))
	if a := h.call(http.MethodPost, images, `{"prompt":"x"}`, idemKey, "k"); a.status != http.StatusServiceUnavailable {
		t.Errorf("without accounts: %d %s", a.status, a.body)
	}
	h.must(h.store.SyncAccounts(t.Context(), "ark", []account.Account{pooled("a1")}))
	h.create(images, `{"prompt":"another"}`, idemKey, "k")
}

// TestReplayNeedsNothingElse: neither the image by its URL nor the credential at
// the upstream nor the model is looked at for a job that is there.
func TestReplayNeedsNothingElse(t *testing.T) {
	t.Parallel()
	h := open(t)
	content := picture(t, 300, 200)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	t.Cleanup(web.Close)
	own := []string{"Authorization", "Bearer sim-own", idemKey, "k"}
	id := h.create(images, `{"prompt":"x","image":"`+web.URL+`"}`, own...)
	asked := h.checked()
	web.Close()
	if got := h.create(images, `{"prompt":"x","image":"`+web.URL+`"}`, own...); got != id {
		t.Errorf("job %s, not %s", got, id)
	}
	if h.checked() != asked {
		t.Error("the upstream was asked about the credential again")
	}
}

// TestLoserTakesItsImageBack: two calls with one key race; what the second has
// stored for its job is deleted.
func TestLoserTakesItsImageBack(t *testing.T) {
	t.Parallel()
	h := open(t)
	body := `{"prompt":"x","image":"` + h.dataURI(picture(t, 300, 200)) + `"}`
	const calls = 8
	ids := make(chan job.ID, calls)
	for range calls {
		go func() { ids <- h.create(images, body, idemKey, "k") }()
	}
	first := <-ids
	for range calls - 1 {
		if id := <-ids; id != first {
			t.Errorf("jobs %s and %s", first, id)
		}
	}
	kept, err := filepath.Glob(filepath.Join(h.dir, "*", "jobs", "*", "input-*"))
	h.must(err)
	if len(kept) != 1 || !strings.Contains(kept[0], string(first)) || h.jobs() != 1 {
		t.Errorf("%d jobs; kept: %v", h.jobs(), kept)
	}
}
