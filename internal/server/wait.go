package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// wake is why a waiter stopped sleeping.
type wake string

// The reasons.
const (
	changed  wake = "changed"  // something happened to the job
	due      wake = "due"      // the time has come that the waiter asked for
	handover wake = "handover" // the server is about to stop
	gone     wake = "gone"     // the caller went away
)

// sleep waits for news of a job until a time.
func (s *Server) sleep(ctx context.Context, news <-chan struct{}, until time.Time) wake {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-news:
		return changed
	case <-timer.C:
		return due
	case <-s.handover:
		return handover
	case <-ctx.Done():
		return gone
	}
}

// enter lets a caller wait in this process, if there is room. It leaves by
// calling the func.
func (s *Server) enter(kind string) (leave func(), err error) {
	if s.waiting.Add(1) > int64(s.cfg.Limits.Waiting) {
		s.waiting.Add(-1)
		return nil, fault.New(fault.QueueFull, "Too many calls are waiting on this server. Try again in a moment, or ask with \"Prefer: respond-async\".").WithRetryAfter(5 * time.Second)
	}
	g := s.metrics.waiters.WithLabelValues(kind)
	g.Inc()
	return func() { g.Dec(); s.waiting.Add(-1) }, nil
}

// outcome is how a wait for a job ended.
type outcome struct {
	job *job.Job // as it was last seen
	why wake     // due: the limit has come; changed: the job is as it was waited for
}

// await waits until done says yes, the limit has come, or one of the other
// reasons. The job is looked at after each news of it and every Recheck, since
// news may be lost. At each of ticks, if any, tick is called.
func (s *Server) await(ctx context.Context, j *job.Job, done func(*job.Job) bool, limit time.Time, beat *ticker) (outcome, error) {
	news, stop := s.cfg.News.Listen(j.ID)
	defer stop()
	look := time.Time{} // at once: listen first, then read
	for {
		now := time.Now()
		if !now.Before(look) {
			fresh, err := s.cfg.Store.Get(ctx, j.ID)
			switch {
			case err == nil:
				j = fresh
			case !fault.Is(err, fault.Unavailable) && ctx.Err() == nil:
				return outcome{job: j}, err
			} // else the store is away for a moment: the job is not
			look = now.Add(s.cfg.Wait.Recheck)
		}
		if done(j) {
			return outcome{j, changed}, nil
		}
		if !now.Before(limit) {
			return outcome{j, due}, nil
		}
		if err := beat.run(now); err != nil {
			return outcome{j, gone}, err
		}
		switch why := s.sleep(ctx, news, earliest(limit, look, beat.next())); why {
		case changed:
			look = time.Time{}
		case due:
		case handover, gone:
			return outcome{j, why}, context.Cause(ctx)
		}
	}
}

// ticker does something now and then during a wait. Nil never does.
type ticker struct {
	at    time.Time
	every time.Duration
	do    func() error
}

// next is when it is time again.
func (t *ticker) next() time.Time {
	if t == nil {
		return time.Now().Add(24 * time.Hour)
	}
	return t.at
}

// run does it if it is time.
func (t *ticker) run(now time.Time) error {
	if t == nil || now.Before(t.at) {
		return nil
	}
	t.at = now.Add(t.every)
	return t.do()
}

func earliest(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

func isFinal(j *job.Job) bool { return j.State.Final() }

// answerBlocking holds the connection until the job is final.
func (s *Server) answerBlocking(c echo.Context, j *job.Job, mode WaitMode, format tintype.ResponseFormat) error {
	if mode == "" {
		mode = s.cfg.Wait.Mode
	}
	limit := j.Deadline.Add(s.cfg.Wait.Slack)
	var beat *ticker
	switch mode {
	case Keepalive:
		beat = &ticker{time.Now().Add(s.cfg.Wait.Silence), s.cfg.Wait.Space, func() error { return s.sendSpace(c) }}
	case Hold:
	case Window:
		limit = earliest(limit, time.Now().Add(s.cfg.Wait.Window))
	}
	end, err := s.await(c.Request().Context(), j, isFinal, limit, beat)
	switch {
	case err != nil:
		return s.finish(c, end.job, format, err)
	case end.why == changed:
		return s.finish(c, end.job, format, nil)
	case mode == Window && end.why == due && time.Now().Before(j.Deadline):
		return s.comeBack(c, j)
	}
	return s.finish(c, end.job, format, errStillRuns(j))
}

// sendSpace keeps every proxy on the way believing in the answer. JSON allows
// white space in front.
func (s *Server) sendSpace(c echo.Context) error {
	w := c.Response()
	if !w.Committed {
		h := w.Header()
		h.Set(echo.HeaderContentType, contentJSON)
		unbuffered(h)
		w.WriteHeader(http.StatusOK)
	}
	return s.send(c, []byte(" "))
}

// unbuffered tells proxies to let every byte through as it comes.
func unbuffered(h http.Header) {
	h.Set(echo.HeaderCacheControl, "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// send writes and flushes, giving up on a caller that does not read.
func (s *Server) send(c echo.Context, b []byte) error {
	w := c.Response()
	ctl := http.NewResponseController(w.Writer)
	_ = ctl.SetWriteDeadline(time.Now().Add(s.cfg.Limits.WriteStall)) // not every test's writer can
	if _, err := w.Write(b); err != nil {
		return goneBecause(err)
	}
	return goneBecause(ctl.Flush())
}

// goneBecause marks an error of writing to a caller: it is nobody's fault here.
func goneBecause(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", context.Canceled, err)
}

// finish ends a blocking answer, whether it has begun or not.
func (s *Server) finish(c echo.Context, j *job.Job, format tintype.ResponseFormat, err error) error {
	if err == nil {
		err = failureOf(j)
	}
	var body []byte
	if err == nil {
		body, err = s.mediaBody(c, j, format)
	}
	if err != nil && c.Response().Committed && !isGone(c, err) {
		// Too late for a status: the error goes into the body of the 200.
		body, _ = encodeJSON(errorBody(toFault(err), j.ID))
		_ = s.send(c, body) // err is what is logged
	}
	if err != nil {
		return err
	}
	if c.Response().Committed {
		return s.send(c, body)
	}
	return c.Blob(http.StatusOK, contentJSON, body)
}

// errStillRuns hands the job over to the caller.
func errStillRuns(j *job.Job) error {
	return fault.Newf(fault.WaitTimeout, "The job %s is not finished yet and goes on. Ask for it with GET %s.", j.ID, jobPath(j.ID))
}

// comeBack makes the SDKs of OpenAI, which repeat a request after a 409, ask
// again. It is no error and not logged as one.
func (s *Server) comeBack(c echo.Context, j *job.Job) error {
	const soon = "100"
	c.Response().Header().Set("Retry-After-Ms", soon)
	c.Response().Header().Set(echo.HeaderLocation, jobPath(j.ID))
	s.writeJSON(c, http.StatusConflict, errorBody(toFault(errStillRuns(j)), j.ID))
	return nil
}

// answerAsWished serves "Prefer: wait=N" and "Prefer: respond-async".
func (s *Server) answerAsWished(c echo.Context, j *job.Job, wish preference, format tintype.ResponseFormat) error {
	c.Response().Header().Set("Preference-Applied", wish.applied())
	end, err := s.await(c.Request().Context(), j, isFinal, time.Now().Add(wish.wait), nil)
	switch {
	case err != nil:
		return s.finish(c, end.job, format, err)
	case end.why == changed && wish.wait > 0:
		return s.finish(c, end.job, format, nil)
	}
	return s.handle(c, end.job)
}

// handle answers 202 with the job as it stands.
func (s *Server) handle(c echo.Context, j *job.Job) error {
	view, err := s.renderJob(c, j, nil)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderLocation, jobPath(j.ID))
	h.Set(headerRetryAfter, wholeSeconds(pollAfter(j.Spec.Kind)))
	h.Set(echo.HeaderCacheControl, "no-store")
	s.writeJSON(c, http.StatusAccepted, view)
	return nil
}

// pollAfter is when it is worth asking for a job of a kind again.
func pollAfter(k job.Kind) time.Duration {
	switch k {
	case job.Image:
		return 2 * time.Second
	case job.Video:
		return 5 * time.Second
	}
	return 5 * time.Second
}

// failureOf is why a final job gave no media; nil if it did.
func failureOf(j *job.Job) error {
	switch j.State {
	case job.Failed:
		if j.Failure != nil {
			return j.Failure
		}
		return fault.New(fault.GenerationFailed, "The upstream could not make it.")
	case job.Canceled:
		return fault.New(fault.Canceled, "The job was canceled.")
	case job.Succeeded, job.Queued, job.Submitting, job.Running, job.Mirroring:
	}
	return nil
}
