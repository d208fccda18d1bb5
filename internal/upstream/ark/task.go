package ark

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// askable refuses what no answer could be got for.
func askable(a account.Account, upstreamID string) *upstream.Error {
	switch {
	case !usable(a.Secret):
		return badCredential()
	case upstreamID == "":
		return &upstream.Error{Class: upstream.Lost, Fault: fault.New(fault.GenerationFailed, saysLost)}
	}
	return nil
}

// free makes the error of a call that submits nothing, and so has no outcome;
// nil of nil.
func free(e *upstream.Error) error {
	if e == nil {
		return nil // and not an error that holds a nil pointer
	}
	e.Outcome = ""
	return e
}

// about is the call that asks after a task.
func (d *Driver) about(a account.Account, upstreamID string) call {
	return call{
		op: opStatus, method: http.MethodGet, url: d.base + tasksPath + "/" + url.PathEscape(upstreamID),
		secret: a.Secret, accept: "application/json", via: d.pooled,
	}
}

// get asks a free question and gives the body of the answer.
func (d *Driver) get(ctx context.Context, c call, limit int64) ([]byte, *upstream.Error) {
	ans, raw, failure := c.do(ctx, d.cfg.StatusTimeout, limit)
	if failure == nil && ans.StatusCode/100 != 2 {
		failure = d.statusRefusal(ans, raw)
	}
	return raw, failure
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

// taskAnswer is the upstream's task object, as far as we need it.
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

// ask gives the task object of an answer, which has a status.
func (d *Driver) ask(ctx context.Context, c call) (taskAnswer, *upstream.Error) {
	var t taskAnswer
	raw, failure := d.get(ctx, c, smallAnswerBytes)
	if failure == nil {
		failure = decodeAnswer(raw, &t)
	}
	switch {
	case failure != nil:
		return taskAnswer{}, failure
	case t.Status != "":
		return t, nil
	}
	return taskAnswer{}, d.inside(c, t.Error, "a task without a status")
}

func decodeAnswer(raw []byte, into any) *upstream.Error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return ambiguous(upstream.Empty, saysEmpty, errors.New("an empty 200"))
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return ambiguous(upstream.Unknown, saysGarbled, err)
	}
	return nil
}

// inside is the error of a 200 that lacks what it should hold: the one that it
// brings itself, if any.
func (d *Driver) inside(c call, e *apiError, lacks string) *upstream.Error {
	if e != nil && e.Code != "" {
		return d.classify(c, 0, nil, *e)
	}
	return ambiguous(upstream.Unknown, saysGarbled, errors.New(lacks))
}
