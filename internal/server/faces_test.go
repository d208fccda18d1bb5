package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestTasks: a video as new-api asks for it. The words are new-api's.
func TestTasks(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	path := videos + "/" + string(id)
	if a := h.call(http.MethodGet, path, ""); a.status != 200 || a.header.Get("Retry-After") != "5" ||
		a.body != `{"task_id":"`+string(id)+`","status":"queued","url":"","format":"","metadata":null,"error":null}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	h.submitted(id, "cgt-1")
	if a := h.call(http.MethodGet, path, ""); !strings.Contains(a.body, `"status":"in_progress"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	h.ready(id)
	h.stored(id, 0, "video-0.mp4", job.Primary, []byte("a film"), "video/mp4")
	h.succeed(id)
	a := h.call(http.MethodGet, path, "")
	var v tintype.VideoTask
	h.must(json.Unmarshal([]byte(a.body), &v))
	if v.Status != "succeeded" || v.Format != "mp4" || v.Metadata == nil || v.Metadata.Width != 8 || v.Error != nil || a.header.Get("Retry-After") != "" {
		t.Errorf("%s", a.body)
	}
	if film := h.call(http.MethodGet, strings.TrimPrefix(v.URL, h.url), "", "Authorization", ""); film.body != "a film" {
		t.Errorf("%s: %d %s", v.URL, film.status, film.body)
	}
	failed := h.create(videos, `{"prompt":"x"}`)
	h.fail(failed, fault.New(fault.GenerationFailed, "It could not be made."))
	a = h.call(http.MethodGet, videos+"/"+string(failed), "")
	if !strings.Contains(a.body, `"status":"failed"`) || !strings.Contains(a.body, `"error":{"code":"generation_failed","message":"It could not be made."}`) {
		t.Errorf("%s", a.body)
	}
}

// TestAsyncPaths: 202 and the job, whatever else is asked for.
func TestAsyncPaths(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, path := range []string{images, videos} {
		for _, body := range []string{`{"prompt":"x"}`, `{"prompt":"y","stream":true}`} {
			a := h.call(http.MethodPost, path+"/async", body)
			id := a.header.Get("X-Job-Id")
			var j tintype.Job
			h.must(json.Unmarshal([]byte(a.body), &j))
			if a.status != 202 || j.ID != id || j.Status != "queued" || a.header.Get("Location") != "/v1/jobs/"+id {
				t.Errorf("%s %s: %d %v %s", path, body, a.status, a.header, a.body)
			}
			task, same := h.call(http.MethodGet, "/v1/generations/tasks/"+id, ""), h.call(http.MethodGet, "/v1/jobs/"+id, "")
			if task.status != 200 || task.body != same.body || task.header.Get("ETag") != same.header.Get("ETag") {
				t.Errorf("%d %s", task.status, task.body)
			}
		}
		if a := h.call(http.MethodPost, path+"/async", `{}`); a.status != 400 || !strings.Contains(a.body, `"param":"prompt"`) {
			t.Errorf("%d %s", a.status, a.body)
		}
		first := h.call(http.MethodPost, path+"/async", `{"prompt":"x"}`, "Idempotency-Key", "k")
		again := h.call(http.MethodPost, path+"/async", `{"prompt":"x"}`, "Idempotency-Key", "k")
		if first.header.Get("X-Job-Id") != again.header.Get("X-Job-Id") || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%v %v", first.header, again.header)
		}
	}
}
