package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// archived is a house with an archive in its bucket.
func archived(t *testing.T) *house {
	t.Helper()
	var h *house
	h = open(t, configure(func(c *server.Config) {
		c.Archive = func(ctx context.Context, id job.ID) (*job.Job, error) { return archive.Load(ctx, h.blobs, id) }
	}))
	return h
}

func (h *house) delete(id job.ID, headers ...string) answer {
	h.Helper()
	return h.call(http.MethodDelete, "/v1/jobs/"+string(id), "", headers...)
}

func (h *house) wantDeleted(a answer, id job.ID) {
	h.Helper()
	var d tintype.DeletedJob
	h.must(json.Unmarshal([]byte(a.body), &d))
	if a.status != http.StatusOK || d != (tintype.DeletedJob{ID: string(id), Object: "job.deleted", Deleted: true}) || a.header.Get("X-Job-Id") != string(id) {
		h.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}

// files counts what the bucket has of a job.
func (h *house) files(id job.ID) int {
	h.Helper()
	keys, err := h.blobs.Keys(context.Background(), id.Dir())
	h.must(err)
	return len(keys)
}

// wantNoTrace checks that nobody finds a job by any door, and that whoever had
// its link or its key is told that it has gone.
func (h *house) wantNoTrace(id job.ID, link string) {
	h.Helper()
	at := "/v1/jobs/" + string(id)
	unknown := h.call(http.MethodGet, "/v1/jobs/"+string(job.NewID(time.Now())), "")
	for _, path := range []string{at, at + "/events", "/v1/video/generations/" + string(id) + "/events"} {
		if a := h.call(http.MethodGet, path, ""); a.status != 404 || a.body != unknown.body {
			h.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := h.call(http.MethodPost, at+"/cancel", ""); a.status != 404 {
		h.Errorf("cancel: %d %s", a.status, a.body)
	}
	for _, path := range []string{link, at + "/content/0"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			a := h.call(method, path, "")
			if a.status != 410 || a.header.Get("Content-Disposition") != "" || a.header.Get("X-Should-Retry") != "false" {
				h.Errorf("%s %s: %d %v", method, path, a.status, a.header)
			}
			if method == http.MethodGet && !strings.Contains(a.body, `"code":"gone"`) {
				h.Errorf("%s: %s", path, a.body)
			}
		}
	}
	secretless := link[:len("/v1/media/")+len(id)] + job.NewSecret() + "/video-0.mp4"
	if a := h.call(http.MethodGet, secretless, ""); a.status != 404 {
		h.Errorf("a guessed link: %d %s", a.status, a.body)
	}
	for _, path := range []string{at, at + "/content/0"} {
		if a := h.call(http.MethodGet, path, "", "Authorization", "Bearer "+otherKey); a.status != 404 || a.body != unknown.body {
			h.Errorf("%s to a stranger: %d %s", path, a.status, a.body)
		}
	}
	if ids, _ := h.list(""); len(ids) != 0 {
		h.Errorf("listed: %v", ids)
	}
}

// TestDelete: everything of a final job goes at once, and deleting it again is
// no error.
func TestDelete(t *testing.T) {
	t.Parallel()
	h := archived(t)
	id, link := h.film()
	h.must(archive.Save(t.Context(), h.blobs, h.get(id)))
	if a := h.delete(id, "Authorization", "Bearer "+otherKey); a.status != 404 || h.files(id) != 3 {
		t.Fatalf("a stranger: %d %s, %d files", a.status, a.body, h.files(id))
	}
	for range 2 {
		h.wantDeleted(h.delete(id), id)
		if n := h.files(id); n != 0 {
			t.Errorf("%d files are left", n)
		}
		h.wantNoTrace(id, link)
	}
	if err := filepath.WalkDir(h.dir, func(path string, e os.DirEntry, err error) error {
		if strings.Contains(path, string(id)) {
			t.Errorf("%s is left", path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if _, err := h.store.Get(t.Context(), id); !fault.Is(err, fault.NotFound) {
		t.Errorf("the record: %v", err)
	}
}

// TestDeleteLive: a job that is not final is canceled, and goes when it is deleted
// again.
func TestDeleteLive(t *testing.T) {
	t.Parallel()
	h := archived(t)
	queued, running := h.create(videos, `{"prompt":"x"}`), h.create(videos, `{"prompt":"x"}`)
	h.submitted(running, "cgt-1")
	for id, status := range map[job.ID]int{queued: 200, running: 202} {
		a := h.delete(id)
		var j tintype.Job
		h.must(json.Unmarshal([]byte(a.body), &j))
		if a.status != status || j.Object != "job" || j.Cancel == nil {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	h.wantDeleted(h.delete(queued), queued)
	if a := h.delete(running); a.status != 202 {
		t.Errorf("still running: %d %s", a.status, a.body)
	}
}

// TestDeleteWhileTheBucketIsAway: the job is gone for its caller all the same,
// and a worker is told to remove the rest.
func TestDeleteWhileTheBucketIsAway(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Blobs = stubborn{c.Blobs} }))
	id, link := h.film()
	h.wantDeleted(h.delete(id), id)
	if n := h.files(id); n == 0 || !h.get(id).Removed {
		t.Errorf("%d files are left, and the record is %+v", n, h.get(id))
	}
	if ids, err := h.store.Expired(t.Context(), 10, time.Minute); err != nil || len(ids) != 0 {
		t.Errorf("workers are told of %v, %v, before the server could", ids, err)
	}
	h.redis.SetTime(time.Now().Add(time.Minute))
	if ids, err := h.store.Expired(t.Context(), 10, time.Minute); err != nil || len(ids) != 1 || ids[0] != id {
		t.Errorf("workers are told of %v, %v", ids, err)
	}
	h.wantNoTrace(id, link)
}

// stubborn is a bucket that gives nothing up.
type stubborn struct{ blob.Store }

func (stubborn) Delete(context.Context, string) error { return errors.New("the bucket is away") }

// TestDeleteFromTheArchive: a job that Redis has lost can be deleted.
func TestDeleteFromTheArchive(t *testing.T) {
	t.Parallel()
	h := archived(t)
	id, link := h.film()
	h.must(archive.Save(t.Context(), h.blobs, h.get(id)))
	h.redis.FlushAll()
	h.wantDeleted(h.delete(id), id)
	if n := h.files(id); n != 0 {
		t.Errorf("%d files are left", n)
	}
	h.wantNoTrace(id, link)
	h.wantDeleted(h.delete(id), id)
}

// TestDeletedKey: the key of a job that was deleted has nothing made anew.
func TestDeletedKey(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(images, `{"prompt":"x"}`, "Idempotency-Key", "k")
	h.makeImage(id, []byte("a picture"))
	h.wantDeleted(h.delete(id), id)
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Idempotency-Key", "k")
	if code, param, message := errorOf(t, a.body); a.status != 404 || code != "not_found" || param != "Idempotency-Key" || !strings.Contains(message, "deleted") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := h.jobs(); n != 0 {
		t.Errorf("%d jobs", n)
	}
}
