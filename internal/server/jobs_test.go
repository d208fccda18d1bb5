package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

func (h *house) job(id job.ID, query string, headers ...string) (tintype.Job, answer) {
	h.Helper()
	a := h.call(http.MethodGet, "/v1/jobs/"+string(id)+query, "", headers...)
	var j tintype.Job
	if a.status == http.StatusOK {
		h.must(json.Unmarshal([]byte(a.body), &j))
	}
	return j, a
}

func TestJobAsItGoes(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	check := func(status tintype.Status, phase tintype.Phase, percent, files int) {
		t.Helper()
		j, a := h.job(id, "")
		if j.Status != status || j.Phase != phase || j.Progress != percent || len(j.Media) != files {
			t.Errorf("got %s/%s %d%% with %d files, want %s/%s %d%% with %d", j.Status, j.Phase, j.Progress, len(j.Media), status, phase, percent, files)
		}
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Job-Id") != string(id) {
			t.Errorf("headers %v", a.header)
		}
	}
	check("queued", "queued", 0, 0)
	h.submitted(id, "cgt-1")
	check("running", "queued", 10, 0)
	h.phase(id, job.PhaseGenerating)
	check("running", "generating", 30, 0)
	h.ready(id)
	check("mirroring", "mirroring", 90, 0)
	h.stored(id, 0, "video-0.mp4", job.Primary, []byte("a film"), "video/mp4")
	check("mirroring", "mirroring", 90, 1)
	h.stored(id, 1, "cover-0.png", job.Cover, []byte("a still"), "image/png")
	h.succeed(id)
	check("succeeded", "", 100, 2)
}

func TestJobWhole(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	h.makeVideo(id)
	j, a := h.job(id, "")
	var raw map[string]json.RawMessage
	h.must(json.Unmarshal([]byte(a.body), &raw))
	for _, key := range []string{
		"id", "object", "kind", "model", "status", "phase", "progress", "created_at", "started_at", "finished_at", "deadline",
		"expires_at", "queue", "eta", "media", "choices", "usage", "cancel", "recovered", "webhook", "timeline", "urls",
	} {
		if _, ok := raw[key]; !ok {
			t.Errorf("no %q in %s", key, a.body)
		}
	}
	film := j.Media[0]
	if film.ID != "video-0.mp4" || film.Type != "video/mp4" || film.Bytes != 6 || film.URL != h.link(id, "video-0.mp4") || film.CoverURL != h.link(id, "cover-0.png") {
		t.Errorf("media %+v", film)
	}
	if got := h.call(http.MethodGet, strings.TrimPrefix(film.URL, h.url), ""); got.header.Get("Etag") != `"`+film.SHA256+`"` {
		t.Errorf("the link's ETag is %s, the job says %s", got.header.Get("Etag"), film.SHA256)
	}
	if len(j.Timeline) != 9 || j.Timeline[8].Event != "job.succeeded" || j.FinishedAt == nil || j.StartedAt == nil || j.Error != nil {
		t.Errorf("%s", a.body)
	}
	if !strings.Contains(string(raw["created_at"]), "T") || !strings.Contains(string(raw["created_at"]), "Z") {
		t.Errorf("created_at %s", raw["created_at"])
	}
	if got := h.call(http.MethodGet, strings.TrimPrefix(j.URLs.Events, h.url), ""); got.status != 200 {
		t.Errorf("urls.events gives %d", got.status)
	}
}

func TestFailedJob(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(images, `{"prompt":"x"}`)
	h.fail(id, fault.New(fault.ContentPolicy, "Refused.").WithParam("prompt"))
	j, _ := h.job(id, "")
	if j.Status != tintype.StatusFailed || j.Error == nil || *j.Error.Code != "content_policy_violation" || *j.Error.Param != "prompt" {
		t.Errorf("%+v", j)
	}
}

func TestJobETag(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(images, `{"prompt":"x"}`)
	_, a := h.job(id, "")
	tag := a.header.Get("Etag")
	if _, again := h.job(id, "", "If-None-Match", tag); again.status != http.StatusNotModified || again.body != "" {
		t.Errorf("unchanged: %d %s", again.status, again.body)
	}
	h.submitted(id, "cgt-1")
	if _, again := h.job(id, "", "If-None-Match", tag); again.status != http.StatusOK {
		t.Errorf("changed: %d", again.status)
	}
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(images, `{"prompt":"x"}`) // queued and admitted: two events
	if j, _ := h.job(id, "?wait=60&after=1"); len(j.Timeline) != 2 {
		t.Errorf("newer at once: %+v", j.Timeline)
	}
	began := time.Now()
	if j, _ := h.job(id, "?wait=1&after=2"); j.Status != "queued" || time.Since(began) < time.Second {
		t.Errorf("nothing new: %s after %s", j.Status, time.Since(began))
	}
	got := make(chan tintype.Job, 1)
	h.meanwhile(func() {
		j, _ := h.job(id, "?wait=60") // a change from now on
		got <- j
	})
	h.eventually(func() bool { return h.metric(`tintype_http_waiters{kind="poll"}`) == "1" })
	h.submitted(id, "cgt-1")
	if j := <-got; j.Status != "running" {
		t.Errorf("after a change: %s", j.Status)
	}
	h.fail2(id)
	began = time.Now()
	if j, _ := h.job(id, "?wait=60&after=99"); j.Status != "failed" || time.Since(began) > 30*time.Second {
		t.Errorf("final: %s after %s", j.Status, time.Since(began))
	}
}

// fail2 ends a running job.
func (h *house) fail2(id job.ID) {
	h.Helper()
	_, err := h.store.ClaimPolls(context.Background(), token, 10)
	h.must(err)
	_, _, err = h.store.Fail(context.Background(), id, token, fault.New(fault.GenerationFailed, "It went wrong."), redisstore.Rest{})
	h.must(err)
}

// metric gives the value of a line of /metrics; "" if there is none.
func (h *house) metric(name string) string {
	h.Helper()
	for line := range strings.SplitSeq(h.call(http.MethodGet, "/metrics", "").body, "\n") {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			return v
		}
	}
	return ""
}

// TestArchivedJob: a finished job outlives its record, and Redis.
func TestArchivedJob(t *testing.T) {
	t.Parallel()
	var h *house
	h = open(t, configure(func(c *server.Config) {
		c.Archive = func(ctx context.Context, id job.ID) (*job.Job, error) { return archive.Load(ctx, h.blobs, id) }
	}))
	id := h.create(videos, `{"prompt":"x"}`)
	h.makeVideo(id)
	j, err := h.store.Get(t.Context(), id)
	h.must(err)
	h.must(archive.Save(t.Context(), h.blobs, j))
	link := strings.TrimPrefix(h.link(id, "video-0.mp4"), h.url)
	check := func(when string) {
		t.Helper()
		view, a := h.job(id, "")
		if view.Status != "succeeded" || len(view.Media) != 2 || len(view.Timeline) != 3 {
			t.Errorf("%s: %d %s", when, a.status, a.body)
		}
		if got := h.call(http.MethodGet, link, ""); got.body != "a film" {
			t.Errorf("%s: the link gives %d %s", when, got.status, got.body)
		}
		_, fs := h.stream(http.MethodGet, "/v1/jobs/"+string(id)+"/events", "")
		fs.next()
		if all := fs.rest(); len(all) != 1 || all[0].event(t).Type != tintype.EventGap {
			t.Errorf("%s: events %q", when, all)
		}
	}
	h.redis.SetError("LOADING away")
	check("Redis away")
	h.redis.SetError("")
	h.redis.FlushAll()
	check("record gone")
	if a := h.call(http.MethodGet, "/v1/jobs/"+string(id), "", "Authorization", "Bearer "+otherKey); a.status != 404 {
		t.Errorf("foreign: %d", a.status)
	}
}

func TestTenants(t *testing.T) {
	t.Parallel()
	h := open(t)
	mine := h.create(images, `{"prompt":"x"}`, "Authorization", "Bearer sim-mine")
	shared := h.create(images, `{"prompt":"x"}`, "Authorization", "bearer pooled")
	for _, tt := range []struct {
		id     job.ID
		key    string
		status int
	}{
		{mine, "sim-mine", 200},
		{mine, "sim-other", 404},
		{mine, "pooled", 404},
		{mine, gatewayKey, 404},
		{shared, "pooled", 200},
		{shared, "sim-mine", 404},
	} {
		if _, a := h.job(tt.id, "", "Authorization", "BEARER "+tt.key); a.status != tt.status {
			t.Errorf("%s asks: %d, want %d", tt.key, a.status, tt.status)
		}
	}
	j, err := h.store.Get(t.Context(), mine)
	h.must(err)
	if !strings.HasPrefix(j.Tenant, "own:") || strings.Contains(j.Tenant, "mine") || !strings.HasPrefix(j.Account, "own-") || strings.Contains(h.redis.Dump(), "sim-mine") {
		t.Errorf("tenant %s, account %s", j.Tenant, j.Account)
	}
	if strings.Contains(h.log.String(), "sim-mine") || strings.Contains(h.log.String(), gatewayKey) {
		t.Error("a credential is in the log")
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	h := open(t)
	var list tintype.ModelList
	a := h.call(http.MethodGet, "/v1/models", "")
	h.must(json.Unmarshal([]byte(a.body), &list))
	if len(list.Data) != 4 || list.Object != "list" || list.Data[1].ID != "Seedream 4.0" || list.Data[1].Kind != "image" || len(list.Data[1].Ratios) != 3 {
		t.Errorf("%s", a.body)
	}
	for path, want := range map[string]string{
		"/v1/models/Seedream%204.0": "Seedream 4.0", "/v1/models/seedream": "seedream", "/v1//models/doubao": "doubao", "/v1/models/text%20only": "text only",
	} {
		var m tintype.Model
		got := h.call(http.MethodGet, path, "")
		h.must(json.Unmarshal([]byte(got.body), &m))
		if m.ID != want || m.Object != "model" {
			t.Errorf("%s: %s", path, got.body)
		}
	}
	got := h.call(http.MethodGet, "/v1/models/a%2Fb", "")
	if code, param, message := errorOf(t, got.body); got.status != 404 || code != "model_not_found" || param != "model" || !strings.Contains(message, "a/b") {
		t.Errorf("unknown: %d %s", got.status, got.body)
	}
}

// TestUnreadableArchive: a job that cannot be looked up is not a job that does
// not exist.
func TestUnreadableArchive(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	h := open(t, configure(func(c *server.Config) {
		c.Archive = func(context.Context, job.ID) (*job.Job, error) {
			if broken.Load() {
				return nil, errors.New("bucket of secret name is away")
			}
			return nil, fault.New(fault.NotFound, "none")
		}
	}))
	id := job.NewID(time.Now())
	media := "/v1/media/" + string(id) + job.NewSecret() + "/image-0.png"
	for _, path := range []string{"/v1/jobs/" + string(id), "/v1/jobs/" + string(id) + "/events", media} {
		broken.Store(false)
		if a := h.call(http.MethodGet, path, ""); a.status != 404 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		broken.Store(true)
		a := h.call(http.MethodGet, path, "")
		if code, _, _ := errorOf(t, a.body); a.status != 503 || code != "service_unavailable" || strings.Contains(a.body, "secret") || a.header.Get("X-Should-Retry") != "" {
			t.Errorf("%s: %d %v %s", path, a.status, a.header, a.body)
		}
	}
}
