package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// errNoJob is for unknown jobs and those of somebody else alike.
func errNoJob() error {
	return fault.New(fault.NotFound, "There is no such job. It may have expired, or belong to another credential.")
}

// findJob gives the caller's own job under the id in the path, if the caller
// has the scope that the call needs. What has expired or was deleted is unknown.
func (s *Server) findJob(c echo.Context, needs Scope) (*job.Job, error) {
	j, err := s.findAny(c, needs)
	if err == nil && j.Removed {
		c.Response().Header().Del(headerJobID)
		return nil, errNoJob()
	}
	return j, err
}

// findAny is findJob that also gives what is left of a job that was removed.
func (s *Server) findAny(c echo.Context, needs Scope) (*job.Job, error) {
	who, err := s.authenticate(c, needs)
	if err != nil {
		return nil, err
	}
	id, ok := job.ParseID(c.Param("id"))
	if !ok {
		return nil, errNoJob()
	}
	j, err := s.load(c.Request().Context(), id)
	if fault.Is(err, fault.NotFound) || err == nil && j.Tenant != who.tenant {
		return nil, errNoJob()
	}
	if err == nil {
		c.Response().Header().Set(headerJobID, string(id))
	}
	return j, err
}

// load reads a job from the store, or from the archive when it has left the
// store or the store cannot be reached. Of one that was removed it gives what is
// left, as long as anything is remembered of it.
func (s *Server) load(ctx context.Context, id job.ID) (*job.Job, error) {
	j, err := s.cfg.Store.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		if trace, traceErr := s.cfg.Store.Trace(ctx, id); trace != nil || traceErr != nil {
			return trace, traceErr
		}
	}
	if err == nil || s.cfg.Archive == nil || !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Unavailable) {
		return j, err
	}
	old, archiveErr := s.cfg.Archive(ctx, id)
	switch {
	case archiveErr != nil && !fault.Is(archiveErr, fault.NotFound):
		// Whether there is such a job cannot be known now.
		return nil, fault.Wrap(fault.Unavailable, "The job cannot be looked up at the moment. Try again.", archiveErr)
	case archiveErr != nil:
		return nil, err
	}
	old.Removed = !old.ExpiresAt.IsZero() && time.Now().After(old.ExpiresAt)
	return old, nil
}

// getJob serves GET /v1/jobs/{id}.
func (s *Server) getJob(c echo.Context) error {
	j, err := s.findJob(c, ScopeRead)
	if err != nil {
		return err
	}
	end, err := s.longPoll(c, j)
	if err != nil {
		return err
	}
	return s.sendJob(c, end)
}

// sendJob answers with a job. What it takes is apart from the waiting, so that
// whoever waits keeps no room for it.
func (s *Server) sendJob(c echo.Context, end outcome) error {
	j := end.job
	view, err := s.renderJob(c, j, end.log)
	if err != nil {
		return err
	}
	eta := view.ETA
	view.ETA = nil // it changes with the time, and the job does not
	known, err := encodeJSON(view)
	if err != nil {
		return err
	}
	body := known
	if eta != nil {
		view.ETA = eta
		if body, err = encodeJSON(view); err != nil {
			return err
		}
	}
	h := c.Response().Header()
	sum := sha256.Sum256(known)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h.Set("ETag", tag)
	h.Set(echo.HeaderCacheControl, "no-store")
	if !j.State.Final() {
		h.Set(headerRetryAfter, wholeSeconds(pollAfter(j.Spec.Kind)))
	}
	if matchesETag(c.Request().Header.Get("If-None-Match"), tag) {
		return c.NoContent(http.StatusNotModified)
	}
	if err := s.sendJSON(c, http.StatusOK, body); err != nil {
		return err
	}
	return flush(c) // who has waited for it need not wait for the line of log
}

// longPoll waits as ?wait=seconds&after=seq say: until the log has something
// newer than after, which without a number is what the job is now.
func (s *Server) longPoll(c echo.Context, j *job.Job) (outcome, error) {
	wait, err := queryNumber(c, "wait", 0, int64(s.cfg.Wait.MaxPrefer.Seconds()))
	if err != nil {
		return outcome{}, err
	}
	after := j.Version
	if c.QueryParam("after") != "" {
		if after, err = queryNumber(c, "after", 0, maxSeq); err != nil {
			return outcome{}, err
		}
	}
	if wait == 0 || isFinal(j) || j.Version > after {
		return outcome{job: j}, nil
	}
	leave, err := s.enter("poll", j.Tenant)
	if err != nil {
		return outcome{}, err
	}
	defer leave()
	newer := func(j *job.Job) bool { return j.Version > after || isFinal(j) }
	hears := readPatience(c)
	until := hears.within(time.Now().Add(time.Duration(wait)*time.Second), hears.quiet())
	end, err := s.await(c.Request().Context(), j, newer, until, nil)
	if err == nil {
		s.delivered(c.Request().Context(), end.job)
	}
	return end, err
}

// maxSeq is far above any job's log.
const maxSeq = 1 << 50

// queryNumber reads a whole number from the query; absent is zero.
func queryNumber(c echo.Context, name string, least, most int64) (int64, error) {
	text := c.QueryParam(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, fault.Newf(fault.Invalid, "%s: must be a whole number from %d to %d.", name, least, most).WithParam(name)
	}
	return n, nil
}

// renderJob is a job as it stands now. Without a log it is read.
func (s *Server) renderJob(c echo.Context, j *job.Job, log []job.Event) (tintype.Job, error) {
	ctx := c.Request().Context()
	if log == nil {
		// An unreachable store costs an archived job its timeline, not its answer.
		var err error
		if log, err = s.cfg.Store.Events(ctx, j.ID, 0); err != nil && !j.State.Final() {
			return tintype.Job{}, err
		}
	}
	view := viewJob(s.origin(c), j, log)
	view.Queue = s.queueOf(ctx, j)
	view.ETA = s.etaOf(ctx, j, view.Queue)
	return view, nil
}

// queueOf is where a job waits; nil if it does not, or if nobody knows.
func (s *Server) queueOf(ctx context.Context, j *job.Job) *tintype.Queue {
	if j.State != job.Queued || j.Account != "" { // it has a slot
		return nil
	}
	p, err := s.cfg.Store.Position(ctx, j.ID)
	if err != nil || p == nil {
		return nil
	}
	q := &tintype.Queue{Position: int(p.Ahead), Depth: int(p.Depth)}
	if p.Risen {
		q.Reason = "fair_share"
	}
	return q
}
