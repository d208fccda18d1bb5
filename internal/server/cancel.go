package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/telemetry"
)

// headerCancelAfter is a caller's own limit for its job.
const headerCancelAfter = "Cancel-After"

// The bounds of that limit. Whoever wants less than a second need not ask; the
// job's own deadline ends the longest.
const (
	leastCancelAfter = time.Second
	mostCancelAfter  = 72 * time.Hour
)

// readCancelAfter reads "Cancel-After: 90s". Zero: the caller sets no limit.
func readCancelAfter(h http.Header) (time.Duration, error) {
	text := h.Get(headerCancelAfter)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < leastCancelAfter || d > mostCancelAfter {
		return 0, fault.Newf(fault.Invalid, "Cancel-After: must be a time from 1s to 72h with its unit, like 90s or 5m; is %q.", clip(text)).WithParam(headerCancelAfter)
	}
	return d, nil
}

// onDisconnect reads what is to become of a job whose caller goes away: it goes
// on, unless the caller wants it canceled.
func onDisconnect(f fields) (cancels bool, err error) {
	word, err := f.text("on_disconnect")
	switch {
	case err != nil:
		return false, err
	case word == "" || word == "continue":
		return false, nil
	case word == "cancel":
		return true, nil
	}
	return false, fault.Newf(fault.Invalid, "on_disconnect: must be \"continue\" or \"cancel\"; is %q.", clip(word)).WithParam("on_disconnect")
}

// cancelJob serves POST /v1/jobs/{id}/cancel: 200 with a job that is final, 202
// with one whose upstream must be asked first. It may be repeated.
func (s *Server) cancelJob(c echo.Context) error {
	j, err := s.findJob(c, ScopeGenerate)
	if err != nil {
		return err
	}
	return s.cancelFor(c, j)
}

// cancelFor cancels a job for its caller and says how it stands then.
func (s *Server) cancelFor(c echo.Context, j *job.Job) error {
	j, err := s.cancel(c.Request().Context(), j)
	if err != nil {
		return err
	}
	if !j.State.Final() {
		return s.handle(c, j, nil)
	}
	view, err := s.renderJob(c, j, nil)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	s.writeJSON(c, http.StatusOK, view)
	return nil
}

// cancel cancels a job as far as that can be done at once, and gives it as it is
// then. Whoever asks may go away meanwhile: it is done and told of all the same.
func (s *Server) cancel(ctx context.Context, j *job.Job) (*job.Job, error) {
	if j.State.Final() { // perhaps from the archive
		return j, nil
	}
	ctx, end := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer end()
	answer, bells, err := s.cfg.Store.Cancel(ctx, j.ID)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Ring(ctx, bells...); err != nil {
		s.cfg.Log.WarnContext(ctx, "cannot ring, the sweeper will", "job_id", j.ID, "err", err)
	}
	if answer == redisstore.CancelGone {
		return nil, errNoJob()
	}
	s.metrics.cancels.WithLabelValues(string(answer)).Inc()
	fresh, err := s.cfg.Store.Get(ctx, j.ID)
	if answer == redisstore.CancelDone { // no worker hears of it
		ended := fresh
		if err != nil { // what is known of it
			known := *j
			known.State, known.FinishedAt = job.Canceled, s.cfg.Store.Now()
			ended = &known
		}
		s.metrics.ends.Tell(telemetry.Resume(ctx, j.Spec.Trace), ended, nil)
	}
	return fresh, err
}

// hasLeft tells whether an answer has ended because its caller went away, or no
// longer read. Who is let go because this server stops has not gone away.
func hasLeft(ctx context.Context, err error) bool {
	left := ctx.Err() != nil || errors.Is(err, context.Canceled)
	return left && !errors.Is(context.Cause(ctx), errStopping)
}

// cancelLeft cancels a job whose caller wanted that, should it go away.
func (s *Server) cancelLeft(ctx context.Context, j *job.Job) {
	if _, err := s.cancel(ctx, j); err != nil {
		s.cfg.Log.WarnContext(ctx, "a job whose caller went away could not be canceled", "job_id", j.ID, "err", err)
	}
}
