package ark

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Status implements [upstream.Driver]: it asks after a video's task.
func (d *Driver) Status(ctx context.Context, a account.Account, upstreamID string) (upstream.Status, error) {
	if e := wire.Askable(a, upstreamID); e != nil {
		return upstream.Status{}, wire.Free(e)
	}
	c := d.about(a, upstreamID)
	t, failure := d.ask(ctx, c)
	if failure != nil {
		return upstream.Status{}, wire.Free(failure)
	}
	st, failure := d.status(c, t)
	return st, wire.Free(failure)
}

// status reads the documented words. A word that is not documented counts as
// work in progress: the job's own deadline bounds it.
func (d *Driver) status(c wire.Call, t taskAnswer) (upstream.Status, *upstream.Error) {
	switch t.Status {
	case "queued":
		return upstream.Status{State: upstream.Working, Phase: job.PhaseQueued}, nil
	case "succeeded":
		return t.ready()
	case "failed":
		return upstream.Status{State: upstream.Failed, Failure: d.taskFailure(c, t.Error)}, nil
	case "expired":
		return failed("The upstream did not get to this job before its time there was over."), nil
	case "cancelled", "canceled":
		return failed("The job was cancelled at the upstream."), nil
	}
	return upstream.Status{State: upstream.Working, Phase: job.PhaseGenerating}, nil
}

func failed(message string) upstream.Status {
	return upstream.Status{State: upstream.Failed, Failure: fault.New(fault.GenerationFailed, message)}
}

// ready gives the links of a finished task, verbatim: their signature covers
// every byte.
func (t taskAnswer) ready() (upstream.Status, *upstream.Error) {
	if t.Content == nil || t.Content.VideoURL == "" {
		return upstream.Status{}, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("succeeded without a video"))
	}
	st := upstream.Status{
		State:   upstream.Ready,
		Sources: []job.Source{{Role: job.Primary, URL: t.Content.VideoURL}},
		Took:    upstream.Took(int64(t.CreatedAt), int64(t.UpdatedAt)),
	}
	if t.Content.LastFrameURL != "" {
		st.Sources = append(st.Sources, job.Source{Role: job.Cover, URL: t.Content.LastFrameURL})
	}
	if t.Usage != nil {
		st.Usage = &job.Usage{OutputTokens: int64(t.Usage.CompletionTokens), TotalTokens: int64(t.Usage.TotalTokens)}
	}
	return st, nil
}

// taskFailure tells the caller why an accepted task failed: for what the request
// itself is to blame, in the same words as at the door; else in general.
func (d *Driver) taskFailure(c wire.Call, e *apiError) *fault.Error {
	const message = "The upstream accepted the job and could not make it."
	if e == nil {
		return fault.New(fault.GenerationFailed, message)
	}
	c.Op = wire.Video // names the fields as the request did
	u := d.classify(c, 0, nil, *e)
	switch u.Class {
	case upstream.ContentRejected:
		return withCause(u.Fault, u.Cause)
	case upstream.InvalidInput:
		f := fault.New(fault.GenerationFailed, message+" It does not accept a part of the request.")
		return withCause(f.WithParam(u.Fault.Param), u.Cause)
	case upstream.Auth, upstream.RiskControl, upstream.RateLimited, upstream.Quota, upstream.NotServed, upstream.Overloaded,
		upstream.Transient, upstream.Empty, upstream.Timeout, upstream.Lost, upstream.Unknown:
	}
	return fault.Wrap(fault.GenerationFailed, message, fmt.Errorf("task failed: %w", u.Cause))
}

func withCause(f *fault.Error, cause error) *fault.Error {
	c := *f
	c.Cause = cause
	return &c
}

// Check implements [upstream.Driver] by listing the models, which is free.
func (d *Driver) Check(ctx context.Context, a account.Account) error {
	if !wire.Usable(a.Secret) {
		return wire.Free(wire.BadCredential())
	}
	_, failure := d.get(ctx, wire.Call{
		Op: wire.Check, Method: http.MethodGet, URL: d.base + "/models",
		Secret: a.Secret, Accept: "application/json", Via: d.pooled,
	}, imageAnswerBytes)
	return wire.Free(failure)
}
