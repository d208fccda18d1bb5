package worker_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/png"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

func TestImageAndVideoArriveInTheBucket(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	img, vid := r.submit(t, job.Image, "a fox"), r.submit(t, job.Video, "a wave")

	j := r.wantSucceeded(t, img, 1)
	if m := j.Media[0]; m.Name != "image-0.jpg" || m.ContentType != "image/jpeg" || m.Width != 1024 || m.Height != 1024 {
		t.Errorf("image = %+v", m)
	}
	j = r.wantSucceeded(t, vid, 2)
	film, cover := j.Media[0], j.Media[1]
	if film.Name != "video-0.mp4" || film.Role != job.Primary || film.Duration < 4*time.Second || film.Width <= film.Height || film.FPS == 0 {
		t.Errorf("film = %+v", film)
	}
	if cover.Name != "cover-0.png" || cover.Role != job.Cover || cover.ContentType != "image/png" {
		t.Errorf("cover = %+v", cover)
	}
	for _, prompt := range []string{"a fox", "a wave"} {
		if charged, sent := r.charges(prompt); charged != 1 || sent != 1 {
			t.Errorf("%q was charged %d times in %d submissions", prompt, charged, sent)
		}
	}
}

// wantSucceeded checks a finished job: its media are in the bucket with the
// recorded facts, its record is in the archive, its log has no gap.
func (r *rig) wantSucceeded(t *testing.T, id job.ID, media int) *job.Job {
	t.Helper()
	j := r.awaitFinal(t, id)
	if j.State != job.Succeeded || len(j.Media) != media {
		t.Fatalf("job = %+v, failure %v", j, j.Failure)
	}
	for _, m := range j.Media {
		if sum, n := r.sum(t, m.Key); sum != m.SHA256 || n != m.SizeBytes {
			t.Errorf("%s has %d bytes with %s, recorded %d with %s", m.Key, n, sum, m.SizeBytes, m.SHA256)
		}
	}
	r.wantArchived(t, j)
	events, err := r.store.Events(t.Context(), id, 0)
	if err != nil || int64(len(events)) != j.Version || events[len(events)-1].Type != job.EventSucceeded {
		t.Errorf("log = %+v, %v", events, err)
	}
	return j
}

func (r *rig) sum(t *testing.T, key string) (string, int64) {
	t.Helper()
	obj, err := r.blobs.Open(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = obj.Close() }()
	h := sha256.New()
	n, err := io.Copy(h, obj)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil)), n
}

func (r *rig) wantArchived(t *testing.T, j *job.Job) {
	t.Helper()
	r.await(t, j.ID, "archived", func(*job.Job) bool {
		return r.rdb.ZScore(t.Context(), "{tt}:archive", string(j.ID)).Err() != nil
	})
	kept, err := archive.Load(t.Context(), r.blobs, j.ID)
	if err != nil {
		t.Fatal(err)
	}
	if kept.State != j.State || !reflect.DeepEqual(kept.Media, j.Media) || kept.Tenant != j.Tenant || !kept.FinishedAt.Equal(j.FinishedAt) {
		t.Errorf("archived %+v, want %+v", kept, j)
	}
}

func TestInputImageReachesTheUpstream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	picture := image.NewRGBA(image.Rect(0, 0, 400, 300))
	for x := range 400 {
		picture.Set(x, x*3/4, color.White)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	size := int64(b.Len())
	if _, err := r.blobs.Put(t.Context(), blob.PutRequest{Key: "jobs/x/input-0.png", Body: &b, SizeBytes: size, ContentType: "image/png"}); err != nil {
		t.Fatal(err)
	}
	input := func(n *redisstore.NewJob) {
		n.Spec.Input = &job.Input{Key: "jobs/x/input-0.png", ContentType: "image/png", SizeBytes: size, Width: 400, Height: 300}
	}
	r.wantSucceeded(t, r.submit(t, job.Image, "in the rain", input), 1)
	r.wantSucceeded(t, r.submit(t, job.Video, "it moves", input), 2)

	r.wantSucceeded(t, r.submit(t, job.Image, "three of them", input, func(n *redisstore.NewJob) {
		n.Spec.References = []job.Input{*n.Spec.Input, *n.Spec.Input}
	}), 1)
	r.wantSucceeded(t, r.submit(t, job.Video, "from here to there", input, func(n *redisstore.NewJob) {
		n.Spec.LastFrame = n.Spec.Input
	}), 2)
	for prompt, want := range map[string]int{"in the rain": 1, "it moves": 1, "three of them": 3, "from here to there": 2} {
		if got := r.inputs(prompt); got != want {
			t.Errorf("%s: %d pictures reached the upstream, want %d", prompt, got, want)
		}
	}

	nothing := job.Input{Key: "jobs/x/nothing.png", SizeBytes: 5}
	for param, spoil := range map[string]func(*job.Spec){
		"image":      func(s *job.Spec) { s.Input = &nothing },
		"images":     func(s *job.Spec) { s.References = []job.Input{nothing} },
		"last_frame": func(s *job.Spec) { s.LastFrame = &nothing },
	} {
		gone := r.submit(t, job.Image, "without its picture", input, func(n *redisstore.NewJob) { spoil(&n.Spec) })
		if j := r.awaitFinal(t, gone); j.Failure == nil || j.Failure.Code != fault.InvalidImage || j.Failure.Param != param {
			t.Errorf("%s: failure = %+v", param, j.Failure)
		}
	}
	if _, sent := r.charges("without its picture"); sent != 0 {
		t.Errorf("it was submitted %d times", sent)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	tests := []struct {
		name    string
		kind    job.Kind
		tag     string
		want    fault.Code // empty: succeeded
		charged int
		sent    int // submissions that reached the upstream
	}{
		{"prompt refused", job.Image, "sim:reject", fault.ContentPolicy, 0, 1},
		{"video prompt refused", job.Video, "sim:reject", fault.ContentPolicy, 0, 1},
		{"generation fails", job.Video, "sim:fail", fault.ContentPolicy, 1, 1},
		{"generation breaks", job.Video, "sim:broken", fault.GenerationFailed, 1, 1},
		{"image fails in the list", job.Image, "sim:fail", fault.ContentPolicy, 1, 1},
		{"connection dropped after create", job.Video, "sim:drop", fault.OutcomeUnknown, 1, 1},
		{"connection dropped after the image", job.Image, "sim:drop", fault.OutcomeUnknown, 1, 1},
		{"no answer", job.Video, "sim:hang", fault.OutcomeUnknown, 1, 1},
		{"half an answer", job.Video, "sim:truncate", fault.OutcomeUnknown, 1, 1},
		{"no body", job.Video, "sim:empty", fault.OutcomeUnknown, 1, 1},
		{"server error", job.Video, "sim:500", fault.OutcomeUnknown, 0, 1},
		{"server error that had accepted", job.Video, "sim:500,accepted", fault.OutcomeUnknown, 1, 1},
		{"redirected", job.Video, "sim:redirect", fault.OutcomeUnknown, 0, 1},
		{"too many requests, once", job.Video, "sim:429,times=1", "", 1, 2},
		{"unknown status for a while", job.Video, "sim:unknown=300ms", "", 1, 1},
		{"status fails for a while", job.Video, "sim:500,on=get,times=3", "", 1, 1},
		{"task vanishes", job.Video, "sim:lost", fault.GenerationFailed, 1, 1},
		{"expired link", job.Video, "sim:expired", "", 1, 1},
		{"media stalls once", job.Video, "sim:stall,times=1", "", 1, 1},
		{"media is cut once", job.Video, "sim:truncate=media,times=1", "", 1, 1},
		{"media link gives a page once", job.Video, "sim:html,times=1", "", 1, 1},
		{"media without length", job.Video, "sim:nolength", "", 1, 1},
		{"media fails once", job.Image, "sim:500,on=media,times=1", "", 1, 1},
		{"media link gives a page for some time", job.Video, "sim:html,times=5", "", 1, 1},
		{"media link always gives a page", job.Image, "sim:html", fault.MediaInvalid, 1, 1},
		{"media is too large", job.Video, "sim:size=80MB", fault.MediaInvalid, 1, 1},
		{"media is too large without length", job.Video, "sim:size=80MB sim:nolength", fault.MediaInvalid, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			prompt := t.Name() + " " + tt.tag
			id := r.submit(t, tt.kind, prompt)
			if tt.want == "" {
				r.wantSucceeded(t, id, map[job.Kind]int{job.Image: 1, job.Video: 2}[tt.kind])
			} else {
				j := r.awaitFinal(t, id)
				if j.State != job.Failed || j.Failure.Code != tt.want {
					t.Errorf("job ended as %s with %v, want %s", j.State, j.Failure, tt.want)
				}
			}
			if charged, sent := r.charges(t.Name() + " "); charged != tt.charged || sent != tt.sent {
				t.Errorf("charged %d times in %d submissions, want %d in %d", charged, sent, tt.charged, tt.sent)
			}
		})
	}
	t.Cleanup(func() {
		if n := r.rdb.SCard(contextForCleanup(), "{tt}:slots:a").Val(); n != 0 {
			t.Errorf("%d slots are still held", n)
		}
	})
}
