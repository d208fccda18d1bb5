package server_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// cancelJob calls the path and reads the job.
func (h *house) cancelJob(id job.ID, status int) tintype.Job {
	h.Helper()
	a := h.call(http.MethodPost, "/v1/jobs/"+string(id)+"/cancel", "")
	if a.status != status || a.header.Get("X-Job-Id") != string(id) {
		h.Fatalf("cancel: %d %v %s", a.status, a.header, a.body)
	}
	if status == http.StatusAccepted && (a.header.Get("Location") == "" || a.header.Get("Retry-After") == "") {
		h.Errorf("a 202 that does not say where to go: %v", a.header)
	}
	var j tintype.Job
	h.must(json.Unmarshal([]byte(a.body), &j))
	return j
}

func TestCancelBeforeSubmit(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(images, `{"prompt":"x"}`)
	if j, _ := h.job(id, ""); j.Cancel != nil || !strings.HasSuffix(j.URLs.Cancel, "/v1/jobs/"+string(id)+"/cancel") {
		t.Errorf("a live job: %+v, %q", j.Cancel, j.URLs.Cancel)
	}
	for range 2 {
		j := h.cancelJob(id, http.StatusOK)
		if c := j.Cancel; j.Status != tintype.StatusCanceled || c == nil || c.Outcome != tintype.CancelBeforeSubmit ||
			c.Billing != tintype.BillingNone || c.RequestedAt.IsZero() || j.FinishedAt == nil || j.URLs.Cancel != "" {
			t.Errorf("%+v, %+v", j, c)
		}
	}
	// No worker hears of it: the API counts it.
	if got := h.metric(`tintype_jobs_finished_total{kind="image",state="canceled"}`); got != "1" {
		t.Errorf("%q ends were counted", got)
	}
	if a := h.call(http.MethodPost, "/v1/jobs/"+string(job.NewID(time.Now()))+"/cancel", ""); a.status != http.StatusNotFound {
		t.Errorf("an unknown job: %d %s", a.status, a.body)
	}
}

// unreadOnceCanceled refuses the first read after a job was canceled in line.
type unreadOnceCanceled struct{ unread }

func (u *unreadOnceCanceled) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	next = u.unread.ProcessHook(next)
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if script, ok := cmd.(*redis.Cmd); ok && err == nil {
			if reply, _ := script.Slice(); len(reply) > 0 && reply[0] == string(redisstore.CancelDone) {
				u.left.Store(1)
			}
		}
		return err
	}
}

// TestCancelThatCannotBeReadIsCounted: the end has come, whatever can be told of it.
func TestCancelThatCannotBeReadIsCounted(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(images, `{"prompt":"x"}`)
	h.rdb.AddHook(&unreadOnceCanceled{})
	if a := h.call(http.MethodPost, "/v1/jobs/"+string(id)+"/cancel", ""); a.status != http.StatusServiceUnavailable {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	if got := h.metric(`tintype_jobs_finished_total{kind="image",state="canceled"}`); got != "1" {
		t.Errorf("%q ends were counted", got)
	}
	h.cancelJob(id, http.StatusOK)
	if got := h.metric(`tintype_jobs_finished_total{kind="image",state="canceled"}`); got != "1" {
		t.Errorf("%q ends were counted after another wish", got)
	}
}

// TestCancelAsksTheUpstream: until that has answered, the job goes on and says
// that it is to be canceled.
func TestCancelAsksTheUpstream(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	h.submitted(id, "cgt-1")
	for range 2 {
		if j := h.cancelJob(id, http.StatusAccepted); j.Status != tintype.StatusRunning || j.Cancel == nil || j.Cancel.Outcome != "" {
			t.Errorf("%+v, %+v", j, j.Cancel)
		}
	}
	_, err := h.store.ClaimPolls(context.Background(), token, 10)
	h.must(err)
	_, _, err = h.store.Canceled(context.Background(), id, token, false)
	h.must(err)
	if j := h.cancelJob(id, http.StatusOK); j.Status != tintype.StatusCanceled || j.Cancel.Outcome != tintype.CancelUnsupported || j.Cancel.Billing != tintype.BillingPossible {
		t.Errorf("%+v, %+v", j, j.Cancel)
	}
}

// TestCanceledAnswers: whoever waits for a job that is canceled learns it.
func TestCanceledAnswers(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.meanwhile(func() { _, _, _ = h.store.Cancel(context.Background(), h.waitForJob()) })
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`)
	if code, _, _ := errorOf(t, a.body); a.status != http.StatusConflict || code != "canceled" || a.header.Get("X-Should-Retry") != "false" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}

func TestCancelAfter(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(images, `{"prompt":"x"}`, "Cancel-After", "1s")
	h.eventually(func() bool {
		swept, err := h.store.Sweep(context.Background(), 10)
		return err == nil && len(swept.Ended) == 1
	})
	if j, _ := h.job(id, ""); j.Status != tintype.StatusCanceled {
		t.Errorf("%+v", j)
	}
	for _, bad := range []string{"90", "0s", "-5s", "1000h", "soon", "500ms"} {
		a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Cancel-After", bad)
		if code, param, _ := errorOf(t, a.body); a.status != http.StatusBadRequest || code != "invalid_request" || param != "Cancel-After" {
			t.Errorf("%q: %d %s", bad, a.status, a.body)
		}
	}
}

// TestOnDisconnect: a job outlives its caller, unless that does not want it.
func TestOnDisconnect(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"false", "true"} {
		for wish, status := range map[string]tintype.Status{`"cancel"`: tintype.StatusCanceled, `"continue"`: tintype.StatusQueued, `null`: tintype.StatusQueued} {
			t.Run(wish+" "+stream, func(t *testing.T) {
				t.Parallel()
				h := open(t)
				body := `{"prompt":"x","stream":` + stream + `,"on_disconnect":` + wish + `}`
				began := make(chan struct{})
				h.meanwhile(func() { h.waitForJob(); close(began) })
				h.hangUp(began, http.MethodPost, images, body, "Authorization: Bearer "+gatewayKey+"\r\nContent-Type: application/json")
				id := h.bells()[0].Job
				h.eventually(func() bool { return h.metric(`tintype_http_waiters{kind="create"}`) == "0" })
				if status == tintype.StatusCanceled {
					h.eventually(func() bool { j, _ := h.job(id, ""); return j.Status == status })
				} else if j, _ := h.job(id, ""); j.Status != status {
					t.Errorf("it is %s", j.Status)
				}
			})
		}
	}
	h := open(t)
	a := h.call(http.MethodPost, images, `{"prompt":"x","on_disconnect":"stay"}`)
	if code, param, _ := errorOf(t, a.body); a.status != http.StatusBadRequest || code != "invalid_request" || param != "on_disconnect" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// leaver goes away as soon as something is sent to it.
type leaver struct {
	*httptest.ResponseRecorder
	leave func()
}

func (l leaver) Flush() { l.ResponseRecorder.Flush(); l.leave() }

// TestWhoHasItsAnswerHasNotLeft: a caller that closes once it knows of its job keeps it.
func TestWhoHasItsAnswerHasNotLeft(t *testing.T) {
	t.Parallel()
	h := open(t)
	c := h.cfg
	c.Metrics = nil
	srv, err := server.New(c)
	h.must(err)
	srv.SetAccounts("ark", []account.Account{pooled("a1")})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, images, strings.NewReader(`{"prompt":"x","on_disconnect":"cancel"}`))
	for name, value := range map[string]string{"Authorization": "Bearer " + gatewayKey, "Content-Type": "application/json", "Prefer": "respond-async"} {
		r.Header.Set(name, value)
	}
	w := leaver{httptest.NewRecorder(), leave}
	srv.ServeHTTP(w, r)
	if w.Code != http.StatusAccepted {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	if j, _ := h.job(job.ID(w.Header().Get("X-Job-Id")), ""); j.Status != tintype.StatusQueued {
		t.Errorf("its job is %s", j.Status)
	}
}

// TestLateMediaIsShown: a job that failed says until when it may recover, and
// shows that it has.
func TestLateMediaIsShown(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	h.submitted(id, "cgt-1")
	_, err := h.store.ClaimPolls(context.Background(), token, 10)
	h.must(err)
	_, _, err = h.store.Fail(context.Background(), id, token, fault.New(fault.GenerationTimeout, "late"), redisstore.Rest{Stage: job.HarvestPoll})
	h.must(err)
	if j, _ := h.job(id, ""); j.Status != tintype.StatusFailed || j.RecoverableUntil == nil || !j.RecoverableUntil.After(j.Deadline) || j.Recovered {
		t.Errorf("%+v until %v", j, j.RecoverableUntil)
	}
	h.ready(id)
	h.stored(id, 0, "video-0.mp4", job.Primary, []byte("a film"), "video/mp4")
	h.succeed(id)
	j, _ := h.job(id, "")
	if j.Status != tintype.StatusSucceeded || !j.Recovered || j.RecoverableUntil != nil || j.Error != nil || len(j.Media) != 1 || len(j.Choices) != 1 {
		t.Errorf("%+v", j)
	}
	if last := j.Timeline[len(j.Timeline)-1]; last.Event != tintype.EventRecovered {
		t.Errorf("timeline ends with %s", last.Event)
	}
}

// TestChunksHaveAnEnd: media that comes after the end is one more entry of
// the log, and the stream still has to say how the job ended.
func TestChunksHaveAnEnd(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	h.submitted(id, "cgt-1")
	h.cancelJob(id, http.StatusAccepted)
	_, err := h.store.ClaimPolls(context.Background(), token, 10)
	h.must(err)
	_, _, err = h.store.Canceled(context.Background(), id, token, false)
	h.must(err)
	_, _, err = h.store.Ready(context.Background(), id, token, []job.Source{{Role: job.Primary, URL: "https://up/1"}}, nil, 0)
	h.must(err)
	h.stored(id, 0, "video-0.mp4", job.Primary, []byte("film"), "video/mp4")
	_, fs := h.stream(http.MethodGet, videos+"/"+string(id)+"/events", "")
	all := fs.rest()
	if n := len(all); n < 2 || all[n-1].field("data") != "[DONE]" {
		t.Errorf("the stream of a canceled job ends without an end: %q", all)
	}
}

// TestPastHasNoCancel: an event tells the job as it was then.
func TestPastHasNoCancel(t *testing.T) {
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
