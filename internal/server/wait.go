package server

import (
	"cmp"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// answerBlocking holds the connection until the job is final, or as long as the
// caller has announced to wait. SDKs that announce it repeat a call by themselves
// when they have waited in vain, and as gladly after a 409, which says more.
func (s *Server) answerBlocking(c echo.Context, call *callJob) error {
	if isFinal(call.job) { // that of an earlier request, perhaps from the archive
		return s.finish(c, call.job, call.style.format, nil)
	}
	b := s.blockingFor(c, call)
	end, err := s.await(c.Request().Context(), call.job, isFinal, b.limit, b.beat)
	return s.endBlocking(c, call, b, end, err)
}

// blocking is how a blocking call is held.
type blocking struct {
	mode  WaitMode
	most  time.Time // the job is over by then
	limit time.Time // for this call
	beat  *ticker
}

func (s *Server) blockingFor(c echo.Context, call *callJob) *blocking {
	j, mode := call.job, cmp.Or(call.mode, s.cfg.Wait.Mode)
	// By this process's clock alone: the deadline is by the store's.
	most := time.Now().Add(j.Deadline.Sub(j.CreatedAt) + s.cfg.Wait.Slack)
	limit := most
	var beat *ticker
	switch hears := readPatience(c); mode {
	case Keepalive:
		limit = hears.within(most, hears.whole)
		beat = &ticker{
			hears.within(time.Now().Add(s.cfg.Wait.Silence), hears.silent), shorter(s.cfg.Wait.Space, hears.silent),
			func() error { return s.sendSpace(c) },
		}
	case Hold:
		limit = hears.within(most, hears.quiet())
	case Window:
		limit = hears.within(earliest(most, time.Now().Add(s.cfg.Wait.Window)), hears.quiet())
	}
	return &blocking{mode, most, limit, beat}
}

func (s *Server) endBlocking(c echo.Context, call *callJob, b *blocking, end outcome, err error) error {
	format := call.style.format
	switch {
	case err != nil:
		return s.finish(c, end.job, format, err)
	case end.why == changed:
		return s.finishAwaited(c, end.job, format)
	case end.why == due && b.limit.Before(b.most) && !c.Response().Committed && (b.mode == Window || s.cfg.Repeats.Absorb > 0):
		return s.comeBack(c, call.job)
	}
	return s.finish(c, end.job, format, errStillRuns(call.job))
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

// finishAwaited ends a blocking answer for a caller that has waited for it.
func (s *Server) finishAwaited(c echo.Context, j *job.Job, format tintype.ResponseFormat) error {
	err := s.finish(c, j, format, nil)
	if !isGone(c, err) {
		s.delivered(c.Request().Context(), j)
	}
	return err
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
	return s.sendJSON(c, http.StatusOK, body)
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
