package server_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// What a review has found; each of these fails on the code it was written for.

// TestReviewChunksHaveAnEnd: media that comes after the end is one more entry of
// the log, and the stream still has to say how the job ended.
func TestReviewChunksHaveAnEnd(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	h.submitted(id, "cgt-1")
	h.cancelJob(id, http.StatusAccepted)
	_, err := h.store.ClaimPolls(context.Background(), token, 10)
	h.must(err)
	_, _, err = h.store.Canceled(context.Background(), id, token, false)
	h.must(err)
	_, _, err = h.store.Ready(context.Background(), id, token, []job.Source{{Role: job.Primary, URL: "https://up/1"}}, nil)
	h.must(err)
	h.stored(id, 0, "video-0.mp4", job.Primary, []byte("film"), "video/mp4")
	_, fs := h.stream(http.MethodGet, videos+"/"+string(id)+"/events", "")
	all := fs.rest()
	if n := len(all); n < 2 || all[n-1].field("data") != "[DONE]" {
		t.Errorf("the stream of a canceled job ends without an end: %q", all)
	}
}

// TestReviewPastHasNoCancel: an event tells the job as it was then.
func TestReviewPastHasNoCancel(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	h.cancelJob(id, http.StatusOK)
	_, fs := h.stream(http.MethodGet, "/v1/jobs/"+string(id)+"/events", "")
	fs.next() // retry
	if e := fs.next().event(t); e.Type != tintype.EventQueued || e.Job.Cancel != nil {
		t.Errorf("%s, and the cancel that came later: %+v", e.Type, e.Job.Cancel)
	}
}
