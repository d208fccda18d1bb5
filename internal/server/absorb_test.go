package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
)

// TestRetryIsAbsorbed: an SDK's own retry finds the job of the try before; a
// repeat without its header does not, nor does anybody else's.
func TestRetryIsAbsorbed(t *testing.T) {
	t.Parallel()
	h := open(t)
	const body = `{"prompt":"x"}`
	first := h.create(images, body, retryCount, "0")
	for _, tt := range []struct {
		name, path, body, key, count string
		same                         bool
	}{
		{"retry", images, body, gatewayKey, "1", true},
		{"second retry, respelled", images, ` {"stream":false,"prompt":"\u0078"}`, gatewayKey, "2", true},
		{"another first try", images, body, gatewayKey, "0", false},
		{"no header", images, body, gatewayKey, "", false},
		{"no number", images, body, gatewayKey, "many", false},
		{"below zero", images, body, gatewayKey, "-1", false},
		{"another body", images, `{"prompt":"y"}`, gatewayKey, "1", false},
		{"another path", videos, body, gatewayKey, "1", false},
		{"another tenant", images, body, otherKey, "1", false},
		{"another credential", images, body, "sim-own", "1", false},
	} {
		a := h.call(http.MethodPost, tt.path, tt.body, "Authorization", "Bearer "+tt.key, "Prefer", "respond-async", retryCount, tt.count)
		if same := a.header.Get("X-Job-Id") == string(first); a.status != http.StatusAccepted || same != tt.same {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
		if got := a.header.Get(replayed) == "true"; got != tt.same {
			t.Errorf("%s: %v", tt.name, a.header)
		}
	}
	if a := h.call(http.MethodPost, images, body, "Prefer", "respond-async", retryCount, "1", idemKey, "k"); a.header.Get("X-Job-Id") == string(first) {
		t.Error("a new key found the job of a call without one")
	}
}

// lists are the names of the lists by which retries find jobs.
func (h *house) lists() []string {
	h.Helper()
	names, err := h.rdb.Keys(context.Background(), "{tt}:alike:*").Result()
	h.must(err)
	return names
}

func TestAbsorbingIsOff(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Repeats.Absorb = -1 }))
	first := h.create(images, `{"prompt":"x"}`, retryCount, "0")
	if second := h.create(images, `{"prompt":"x"}`, retryCount, "1"); second == first || len(h.lists()) != 0 {
		t.Errorf("jobs %s and %s, lists %v", first, second, h.lists())
	}
	kept := h.create(images, `{"prompt":"x"}`, idemKey, "k")
	if again := h.create(images, `{"prompt":"x"}`, idemKey, "k", retryCount, "1"); again != kept {
		t.Errorf("under one key: %s and %s", kept, again)
	}
}

// TestCutCallsGetTheirOwnJobs: two equal calls at once, both cut off. Their
// retries get a job each, although a third equal call has had its answer.
func TestCutCallsGetTheirOwnJobs(t *testing.T) {
	t.Parallel()
	h := open(t)
	twin := h.twin()
	const body = `{"prompt":"x"}`
	h.meanwhile(func() { h.makeImage(h.waitForJob(), picture(t, 300, 200)) })
	if a := h.call(http.MethodPost, images, body, retryCount, "0"); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	delivered := h.bells()[0].Job
	h.eventually(func() bool { return h.caller(delivered) == "told" })

	cut := map[job.ID]bool{}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		known := len(h.bells())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+images, strings.NewReader(body))
			h.must(err)
			req.Header = http.Header{"Authorization": {"Bearer " + gatewayKey}, "X-Stainless-Retry-Count": {"0"}}
			if resp, err := client.Do(req); err == nil {
				_ = resp.Body.Close()
				t.Error("the call was answered")
			}
		}()
		h.eventually(func() bool { return len(h.bells()) > known })
		id := h.bells()[known].Job
		cancel()
		<-gone
		h.eventually(func() bool { return h.caller(id) == "gone" })
		cut[id] = true
	}
	for range 2 {
		id := twin.create(images, body, retryCount, "1")
		if !cut[id] {
			t.Errorf("a retry got job %s; cut were %v", id, cut)
		}
		delete(cut, id)
	}
	if n := h.jobs(); n != 3 {
		t.Errorf("%d jobs", n)
	}
}

// caller is what is noted of a job's newest caller.
func (h *house) caller(id job.ID) string {
	h.Helper()
	return h.rdb.HGet(context.Background(), "{tt}:job:"+string(id), "caller").Val()
}

// TestLateFirstTry: a first try is so slow that its own retry makes the job. It
// makes no second one.
func TestLateFirstTry(t *testing.T) {
	t.Parallel()
	h := open(t)
	twin := h.twin()
	asked, release := make(chan struct{}), make(chan struct{})
	content := picture(t, 300, 200)
	var fetches atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fetches.Add(1) == 1 {
			close(asked)
			<-release
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(web.Close)
	body := `{"prompt":"x","image":"` + web.URL + `"}`
	first := make(chan job.ID, 1)
	go func() { first <- h.create(images, body, retryCount, "0") }()
	<-asked
	<-time.After(300 * ms) // the caller's patience: the retry comes so much later
	second := twin.create(images, body, retryCount, "1")
	close(release)
	if id := <-first; id != second || h.jobs() != 1 {
		t.Errorf("the late try has job %s, its retry %s; %d jobs", id, second, h.jobs())
	}
	if id := h.create(images, body, retryCount, "0"); id == second {
		t.Error("a call on purpose has the job of the one before")
	}
}

// TestWindow: a 409 brings an SDK back to its own job, at any process, until
// that has an answer.
func TestWindow(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Mode: server.Window, Window: 50 * ms}))
	twin := h.twin()
	const body = `{"prompt":"x"}`
	first := h.call(http.MethodPost, images, body, retryCount, "0")
	second := twin.call(http.MethodPost, images, body, retryCount, "1")
	id := job.ID(first.header.Get("X-Job-Id"))
	if first.status != http.StatusConflict || second.status != http.StatusConflict || second.header.Get("X-Job-Id") != string(id) {
		t.Fatalf("%d %s\n%d %s", first.status, first.body, second.status, second.body)
	}
	h.makeImage(id, picture(t, 300, 200))
	if a := h.call(http.MethodPost, images, body, retryCount, "2"); a.status != http.StatusOK || !strings.Contains(a.body, string(id)) || h.jobs() != 1 {
		t.Errorf("%d %s; %d jobs", a.status, a.body, h.jobs())
	}
}

// TestLeavingIsNotTheRetrysEnd: a caller that wanted no job without itself goes
// away after its retry has come: the job goes on for that one.
func TestLeavingIsNotTheRetrysEnd(t *testing.T) {
	t.Parallel()
	h := open(t)
	const body = `{"prompt":"x","on_disconnect":"cancel"}`
	calls := 0
	for name, headers := range map[string][2][]string{
		"retry": {{retryCount, "0"}, {retryCount, "1"}}, "key": {{idemKey, "k"}, {idemKey, "k"}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		known := len(h.bells())
		leaving := make(chan struct{})
		go func() {
			defer close(leaving)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+images, strings.NewReader(body))
			h.must(err)
			req.Header.Set("Authorization", "Bearer "+gatewayKey)
			req.Header.Set(headers[0][0], headers[0][1])
			if resp, err := client.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
		h.eventually(func() bool { return len(h.bells()) > known })
		id := h.bells()[known].Job
		if got := h.create(images, body, headers[1]...); got != id {
			t.Fatalf("%s: job %s, not %s", name, got, id)
		}
		cancel()
		<-leaving
		calls++
		h.eventually(func() bool { return strings.Count(h.log.String(), `"status":499`) == calls })
		if view, _ := h.job(id, ""); view.Status != "queued" || view.Cancel != nil {
			t.Errorf("%s: %s %+v", name, view.Status, view.Cancel)
		}
		h.must(h.rdb.Del(t.Context(), "{tt}:job:"+string(id)).Err())
	}
}

// TestKeyOfALostJob: the archive answers for a record that has gone; where it
// knows nothing either, the key is not free for another payment.
func TestKeyOfALostJob(t *testing.T) {
	t.Parallel()
	var h *house
	h = open(t, configure(func(c *server.Config) {
		c.Archive = func(ctx context.Context, id job.ID) (*job.Job, error) { return archive.Load(ctx, h.blobs, id) }
	}))
	const body = `{"prompt":"x"}`
	id := h.create(videos, body, idemKey, "k")
	h.makeVideo(id)
	j, err := h.store.Get(t.Context(), id)
	h.must(err)
	h.must(h.rdb.Del(t.Context(), "{tt}:job:"+string(id), "{tt}:ev:"+string(id)).Err())
	a := h.call(http.MethodPost, videos, body, idemKey, "k")
	if code, param, _ := errorOf(t, a.body); a.status != http.StatusNotFound || code != "not_found" || param != idemKey || a.header.Get("X-Should-Retry") != "false" {
		t.Errorf("nowhere: %d %v %s", a.status, a.header, a.body)
	}
	h.must(archive.Save(t.Context(), h.blobs, j))
	for _, call := range [][]string{{body}, {body, "Prefer", "wait=20"}, {`{"prompt":"x","stream":true}`}} {
		began := time.Now()
		a := h.call(http.MethodPost, videos, call[0], append([]string{idemKey, "k"}, call[1:]...)...)
		if a.status != http.StatusOK || !strings.Contains(a.body, "/video-0.mp4") || time.Since(began) > 10*time.Second {
			t.Errorf("from the archive, %v: %d %s", call, a.status, a.body)
		}
	}
	if n := h.jobs(); n != 0 {
		t.Errorf("%d records", n)
	}
}

// TestDigestsAreKeyed: what the store holds of a request cannot be guessed
// without the secret, and has nothing of the key.
func TestDigestsAreKeyed(t *testing.T) {
	t.Parallel()
	names := func(secret string) []string {
		h := open(t, configure(func(c *server.Config) { c.Repeats.Secret = []byte(secret) }))
		h.create(images, `{"prompt":"a canary prompt"}`, idemKey, "canary-key")
		all, err := h.rdb.Keys(t.Context(), "{tt}:once:*").Result()
		h.must(err)
		all = append(all, h.lists()...)
		for _, name := range all {
			if strings.Contains(name, "canary") {
				t.Errorf("%s", name)
			}
		}
		return all
	}
	plain, one, two, again := names(""), names("secret-one-of-16"), names("secret-two-of-16"), names("secret-one-of-16")
	if len(plain) != 2 || len(one) != 2 {
		t.Fatalf("%v %v", plain, one)
	}
	for i := range one {
		if one[i] != again[i] || one[i] == two[i] || one[i] == plain[i] {
			t.Errorf("%s %s %s %s", plain[i], one[i], two[i], again[i])
		}
	}
}
