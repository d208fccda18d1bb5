package server_test

import (
	"net/http"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
)

const delivered = `tintype_job_stage_seconds_count{kind="video",stage="deliver"}`

// TestDeliveriesAreMeasured: whoever waited for the end of a job, in whatever way, and
// nobody else.
func TestDeliveriesAreMeasured(t *testing.T) {
	t.Parallel()
	// wait waits for the end of a job that is there, or makes one and waits for it.
	for name, wait := range map[string]func(h *house, id job.ID){
		"a long poll": func(h *house, id job.ID) { _, _ = h.job(id, "?wait=60&after=2") },
		"a stream": func(h *house, id job.ID) {
			_, fs := h.stream(http.MethodGet, "/v1/jobs/"+string(id)+"/events", "")
			_ = fs.rest()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			if got := h.metric(delivered); got != "0" {
				t.Errorf("%q before anything", got)
			}
			id := h.create(videos, `{"prompt":"x"}`)
			if got := h.metric("tintype_accept_seconds_count"); got != "1" {
				t.Errorf("%q admissions", got)
			}
			told := make(chan struct{})
			h.meanwhile(func() {
				defer close(told)
				wait(h, id)
			})
			h.eventually(func() bool {
				return h.metric(`tintype_http_waiters{kind="poll"}`) == "1" || h.metric(`tintype_http_waiters{kind="stream"}`) == "1"
			})
			if name == "a stream" {
				h.makeVideo(id)
			} else { // each poll ends with any change
				h.cancelQueued(id)
			}
			<-told
			h.eventually(func() bool { return h.metric(delivered) == "1" })
			if _, a := h.job(id, "?wait=60&after=1"); a.status != http.StatusOK { // it is over
				t.Errorf("%d", a.status)
			}
			_, fs := h.stream(http.MethodGet, "/v1/jobs/"+string(id)+"/events", "")
			_ = fs.rest()
			if got := h.metric(delivered); got != "1" {
				t.Errorf("%q: who did not wait is counted", got)
			}
		})
	}
}

// cancelQueued ends a job that has not been submitted.
func (h *house) cancelQueued(id job.ID) {
	h.Helper()
	if a := h.call(http.MethodPost, "/v1/jobs/"+string(id)+"/cancel", ""); a.status != http.StatusOK {
		h.Fatalf("cancel: %d %s", a.status, a.body)
	}
}

// TestBlockingDeliveriesAreMeasured: the call that made the job is the one that waits.
func TestBlockingDeliveriesAreMeasured(t *testing.T) {
	t.Parallel()
	for name, headers := range map[string][]string{"blocking": nil, "preferring to wait": {"Prefer", "wait=60"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			h.meanwhile(func() { h.makeImage(h.waitForJob(), picture(t, 300, 200)) })
			a := h.call(http.MethodPost, images, `{"prompt":"x"}`, headers...)
			if a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			h.eventually(func() bool { return h.metric(`tintype_job_stage_seconds_count{kind="image",stage="deliver"}`) == "1" })
			if got := h.metric("tintype_accept_seconds_count"); got != "1" {
				t.Errorf("%q admissions", got)
			}
		})
	}
}
