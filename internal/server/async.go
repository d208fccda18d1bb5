package server

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/job"
)

// answerAsWished serves "Prefer: wait=N" and "Prefer: respond-async".
func (s *Server) answerAsWished(c echo.Context, call *callJob) error {
	j, wish, format := call.job, call.wish, call.style.format
	until := readPatience(c).bound(&wish)
	c.Response().Header().Set("Preference-Applied", wish.applied())
	if wish.wait == 0 {
		return s.handle(c, j, j.FirstEvents())
	}
	if isFinal(j) { // that of an earlier request
		return s.finish(c, j, format, nil)
	}
	end, err := s.await(c.Request().Context(), j, isFinal, until, nil)
	switch {
	case err != nil:
		return s.finish(c, end.job, format, err)
	case end.why == changed && wish.wait > 0:
		return s.finishAwaited(c, end.job, format)
	}
	return s.handle(c, end.job, nil)
}

// handle answers 202 with the job as it stands. Without a log it is read.
func (s *Server) handle(c echo.Context, j *job.Job, log []job.Event) error {
	view, err := s.renderJob(c, j, log)
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
