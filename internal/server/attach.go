package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// headerReplayed marks every answer about a job that an earlier call has made.
const headerReplayed = "Idempotency-Replayed"

// attach gives the job that the request has made before; nil if it is new. A
// key is not free because its job has gone: that job may have been paid for.
func (s *Server) attach(c echo.Context, who caller, r redisstore.Repeat) (*callJob, error) {
	e, err := s.cfg.Store.Earlier(c.Request().Context(), r)
	switch {
	case err != nil || e == nil:
		return nil, err
	case !e.Same:
		return nil, errKeyReuse()
	}
	j, err := s.load(c.Request().Context(), e.ID)
	switch {
	case fault.Is(err, fault.NotFound) && r.Key == "", err == nil && j.Removed && r.Key == "":
		return nil, errLostRace
	case fault.Is(err, fault.NotFound) || err == nil && (j.Removed || j.Tenant != who.tenant):
		return nil, errJobGone()
	case err != nil:
		return nil, err
	}
	how := "retry"
	if r.Key != "" {
		how = "key"
	}
	s.metrics.attached.WithLabelValues(how).Inc()
	c.Response().Header().Set(headerReplayed, "true")
	return &callJob{job: j, turn: e.Turn, attached: true}, nil
}

func errKeyReuse() error {
	return fault.New(fault.KeyReuse, "Idempotency-Key: this key was used with another request. Send a new key with a new request, and the same body with the same key.").WithParam(headerIdempotencyKey)
}

func errJobGone() error {
	return fault.New(fault.NotFound, "Idempotency-Key: the job of this key has expired or was deleted; it is not made again under the same key. Send a new key to have it made anew.").WithParam(headerIdempotencyKey)
}

// errLostRace is for a request whose job is another call's, and gone by now.
var errLostRace = fault.New(fault.Unavailable, "An equal request was ahead of this one and has just ended. Try again.")

// leave notes how a call ended, so that the retry of a caller that got nothing
// finds its own job, and not one whose caller is still served. It tells whether
// the job is in nobody else's hands, for a caller that wants it canceled.
func (s *Server) leave(c echo.Context, call *callJob, err error, cancels bool) (alone bool) {
	ctx := c.Request().Context()
	how := call.ending(c, err)
	if how == redisstore.Unnoted && !cancels {
		return true
	}
	if how == redisstore.Told {
		_ = flush(c) // the caller need not wait for the note
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	alone, err = s.cfg.Store.Left(ctx, call.job.ID, call.turn, how)
	if err != nil {
		s.cfg.Log.DebugContext(ctx, "the end of a call was not noted", "job_id", call.job.ID, "err", err)
		return true
	}
	return alone
}

// ending is what is to be noted of how a call ended.
func (call *callJob) ending(c echo.Context, err error) redisstore.Ending {
	switch {
	case !call.noted:
		return redisstore.Unnoted
	case c.Request().Context().Err() != nil || errors.Is(err, context.Canceled) || fault.Is(err, fault.WaitTimeout),
		c.Response().Status == http.StatusConflict:
		return redisstore.Gone
	}
	return redisstore.Told
}
