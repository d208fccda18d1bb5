package ark

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

// Status implements [upstream.Driver]: it asks after a video's task.
func (d *Driver) Status(ctx context.Context, a account.Account, upstreamID string) (upstream.Status, error) {
	if !usable(a.Secret) {
		e := badCredential()
		e.Outcome = ""
		return upstream.Status{}, e
	}
	if upstreamID == "" {
		return upstream.Status{}, &upstream.Error{Class: upstream.Lost, Fault: fault.New(fault.GenerationFailed, saysLost)}
	}
	c := call{
		op: opStatus, method: http.MethodGet, url: d.base + tasksPath + "/" + url.PathEscape(upstreamID),
		secret: a.Secret, accept: "application/json", via: d.pooled,
	}
	ans, raw, failure := c.do(ctx, d.cfg.StatusTimeout, smallAnswerBytes)
	if failure == nil && ans.StatusCode/100 != 2 {
		failure = d.statusRefusal(ans, raw)
	}
	var st upstream.Status
	if failure == nil {
		st, failure = d.task(c, raw)
	}
	if failure != nil {
		failure.Outcome = "" // nothing was submitted
		return upstream.Status{}, failure
	}
	return st, nil
}

// statusRefusal is cautious with 404: only the upstream itself may say that a
// job is gone, not a server in front of it.
func (d *Driver) statusRefusal(a answer, raw []byte) *upstream.Error {
	e := d.refusal(a, raw)
	if e.Class == upstream.Lost && !json.Valid(raw) && len(bytes.TrimSpace(raw)) > 0 {
		e.Class, e.Fault = upstream.Transient, fault.New(fault.Upstream, saysGarbled)
	}
	return e
}

// task is the upstream's task object, as far as we need it.
type taskAnswer struct {
	ID      string    `json:"id"`
	Status  string    `json:"status"`
	Error   *apiError `json:"error"`
	Content *struct {
		VideoURL     string `json:"video_url"`
		LastFrameURL string `json:"last_frame_url"`
	} `json:"content"`
	Usage *struct {
		CompletionTokens number `json:"completion_tokens"`
		TotalTokens      number `json:"total_tokens"`
	} `json:"usage"`
}

func (d *Driver) task(c call, raw []byte) (upstream.Status, *upstream.Error) {
	var t taskAnswer
	if len(bytes.TrimSpace(raw)) == 0 {
		return upstream.Status{}, ambiguous(upstream.Empty, saysEmpty, errors.New("an empty 200"))
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return upstream.Status{}, ambiguous(upstream.Unknown, saysGarbled, err)
	}
	if t.Status == "" {
		if t.Error != nil && t.Error.Code != "" {
			return upstream.Status{}, d.classify(c, 0, nil, *t.Error)
		}
		return upstream.Status{}, ambiguous(upstream.Unknown, saysGarbled, errors.New("a task without a status"))
	}
	return d.status(c, t)
}

// status reads the documented words. A word that is not documented counts as
// work in progress: the job's own deadline bounds it.
func (d *Driver) status(c call, t taskAnswer) (upstream.Status, *upstream.Error) {
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
		return upstream.Status{}, ambiguous(upstream.Empty, saysEmpty, errors.New("succeeded without a video"))
	}
	st := upstream.Status{
		State:   upstream.Ready,
		Sources: []job.Source{{Role: job.Primary, URL: t.Content.VideoURL}},
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
func (d *Driver) taskFailure(c call, e *apiError) *fault.Error {
	const message = "The upstream accepted the job and could not make it."
	if e == nil {
		return fault.New(fault.GenerationFailed, message)
	}
	c.op = opVideo // names the fields as the request did
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
	if !usable(a.Secret) {
		e := badCredential()
		e.Outcome = ""
		return e
	}
	c := call{
		op: opCheck, method: http.MethodGet, url: d.base + "/models",
		secret: a.Secret, accept: "application/json", via: d.pooled,
	}
	ans, raw, failure := c.do(ctx, d.cfg.StatusTimeout, imageAnswerBytes)
	if failure == nil && ans.StatusCode/100 != 2 {
		failure = d.refusal(ans, raw)
	}
	if failure == nil {
		return nil
	}
	failure.Outcome = ""
	return failure
}
