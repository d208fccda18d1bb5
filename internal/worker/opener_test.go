package worker_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream/openai"
	"github.com/tintypehq/tintype/internal/worker"
)

// openaiRig is a rig whose upstream speaks OpenAI's protocol.
func openaiRig(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	d, err := openai.New(openai.Config{
		BaseURL: r.root + "/openai/v1", Images: true, Videos: openai.Videos, Thumbnails: true,
		ImageTimeout: 10 * time.Second, VideoTimeout: 10 * time.Second, StatusTimeout: time.Second,
		Image: openai.Format{Ratios: map[string]string{"1:1": "256x256"}}, // drawn quickly
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	up := r.ups["sim"]
	up.Driver = d
	r.ups["sim"] = up
	return r
}

func model(id string) func(*redisstore.NewJob) {
	return func(n *redisstore.NewJob) { n.Spec.UpstreamModel = id }
}

// TestMediaBehindTheCredential: a video that the upstream gives out for the key
// alone is mirrored whole, also over a broken connection, and its still with it.
func TestMediaBehindTheCredential(t *testing.T) {
	t.Parallel()
	r := openaiRig(t)
	r.start(t)
	j := r.awaitFinal(t, r.submit(t, job.Video, "guarded sim:truncate=media,times=1", model("sora-2")))
	if j.State != job.Succeeded || len(j.Media) != 2 || j.Media[0].ContentType != "video/mp4" || j.Media[1].Role != job.Cover {
		t.Fatalf("the job is %+v, %v", j, j.Failure)
	}
	for _, s := range j.Sources {
		if strings.Contains(s.URL, "sim-a") {
			t.Errorf("the link has the credential: %s", s.URL)
		}
	}
	const reads = 3 // the video, the rest of it, the still
	if got := r.sim.Ledger().Totals.MediaReads; got != reads {
		t.Errorf("%d reads of media, want %d", got, reads)
	}
	if charged, submissions := r.charges("guarded"); charged != 1 || submissions != 1 {
		t.Errorf("%d charges for %d submissions", charged, submissions)
	}
}

// TestImageBytes: what came inside the answer reaches the bucket by way of the
// staged object, which is gone afterwards, and never the store of jobs.
func TestImageBytes(t *testing.T) {
	t.Parallel()
	r := openaiRig(t)
	r.start(t)
	j := r.awaitFinal(t, r.submit(t, job.Image, "inside", model("gpt-image-1")))
	if j.State != job.Succeeded || len(j.Media) != 1 || j.Media[0].Width != 256 {
		t.Fatalf("the job is %+v, %v", j, j.Failure)
	}
	src := j.Sources[0]
	if src.Data != nil || src.URL != "" || src.Key == "" {
		t.Errorf("the source is %+v", src)
	}
	// They are deleted behind the end of the job.
	r.await(t, j.ID, "without its staged bytes", func(*job.Job) bool {
		_, err := r.blobs.Stat(t.Context(), src.Key)
		return errors.Is(err, blob.ErrNotFound)
	})
}

// TestImageBytesOfADeadMirror plays a worker that dies right behind the end of a
// job whose media came inside the answer: the staged object goes all the same.
func TestImageBytesOfADeadMirror(t *testing.T) {
	t.Parallel()
	r := openaiRig(t)
	stop := r.start(t, func(c *worker.Config) { c.Roles = []worker.Role{worker.RoleSubmit} })
	id := r.submit(t, job.Image, "orphaned", model("gpt-image-1"))
	src := r.await(t, id, "accepted", func(j *job.Job) bool { return j.State == job.Mirroring }).Sources[0]
	stop()
	if ok, err := r.store.Claim(t.Context(), id, job.StageMirror, "dead"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	if settled, err := r.store.Stored(t.Context(), id, "dead", 0, job.Media{Key: id.Dir() + "image-0.png"}); settled != redisstore.Written || err != nil {
		t.Fatalf("stored = %v, %v", settled, err)
	}
	if settled, _, err := r.store.Succeed(t.Context(), id, "dead"); settled != redisstore.Written || err != nil {
		t.Fatalf("succeed = %v, %v", settled, err)
	}
	r.start(t)
	r.await(t, id, "without its staged bytes", func(*job.Job) bool {
		_, err := r.blobs.Stat(t.Context(), src.Key)
		return errors.Is(err, blob.ErrNotFound)
	})
}

// TestImageBytesOfADeadSubmitter plays a worker that dies with the bytes in the
// bucket and nothing about them in the job's record: they go when nobody can come
// back to them any more.
func TestImageBytesOfADeadSubmitter(t *testing.T) {
	t.Parallel()
	r := openaiRig(t)
	id := r.submit(t, job.Image, "half-way", model("gpt-image-1"))
	if ok, err := r.store.Claim(t.Context(), id, job.StageSubmit, "dead"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	if fence, err := r.store.Begin(t.Context(), id, "dead"); fence == 0 || err != nil {
		t.Fatalf("begin = %d, %v", fence, err)
	}
	key := id.Dir() + "staged-0"
	if _, err := r.blobs.Put(t.Context(), blob.PutRequest{Key: key, Body: strings.NewReader("bytes"), SizeBytes: 5}); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	if j := r.awaitFinal(t, id); j.Failure == nil || j.Failure.Code != fault.OutcomeUnknown {
		t.Errorf("the job is %s, %v", j.State, j.Failure)
	}
	r.await(t, id, "without its staged bytes", func(*job.Job) bool {
		_, err := r.blobs.Stat(t.Context(), key)
		return errors.Is(err, blob.ErrNotFound)
	})
}
