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
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// about is the call that asks after a task.
func (d *Driver) about(a account.Account, upstreamID string) wire.Call {
	return wire.Call{
		Op: wire.Status, Method: http.MethodGet, URL: d.base + tasksPath + "/" + url.PathEscape(upstreamID),
		Secret: a.Secret, Accept: "application/json", Via: d.pooled,
	}
}

// get asks a free question and gives the body of the answer.
func (d *Driver) get(ctx context.Context, c wire.Call, limit int64) ([]byte, *upstream.Error) {
	ans, raw, failure := c.Do(ctx, d.cfg.StatusTimeout, limit)
	if failure == nil && ans.StatusCode/100 != 2 {
		failure = d.statusRefusal(ans, raw)
	}
	return raw, failure
}

// statusRefusal is cautious with 404: only the upstream itself may say that a
// job is gone, not a server in front of it.
func (d *Driver) statusRefusal(a wire.Answer, raw []byte) *upstream.Error {
	e := d.refusal(a, raw)
	if e.Class == upstream.Lost && !json.Valid(raw) && len(bytes.TrimSpace(raw)) > 0 {
		e.Class, e.Fault = upstream.Transient, fault.New(fault.Upstream, wire.SaysGarbled)
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
		CompletionTokens rawjson.Number `json:"completion_tokens"`
		TotalTokens      rawjson.Number `json:"total_tokens"`
	} `json:"usage"`
	CreatedAt rawjson.Number `json:"created_at"` // Unix seconds
	UpdatedAt rawjson.Number `json:"updated_at"` // of a task that has ended: when it did
}

// ask gives the task object of an answer, which has a status.
func (d *Driver) ask(ctx context.Context, c wire.Call) (taskAnswer, *upstream.Error) {
	var t taskAnswer
	raw, failure := d.get(ctx, c, wire.SmallAnswer)
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
		return wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("an empty 200"))
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, err)
	}
	return nil
}

// inside is the error of a 200 that lacks what it should hold: the one that it
// brings itself, if any.
func (d *Driver) inside(c wire.Call, e *apiError, lacks string) *upstream.Error {
	if e != nil && e.Code != "" {
		return d.classify(c, 0, nil, *e)
	}
	return wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, errors.New(lacks))
}
