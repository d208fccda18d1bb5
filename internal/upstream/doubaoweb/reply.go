package doubaoweb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/sse"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// The most that is read of a stream.
const (
	frameBytes  = 4 << 20
	streamBytes = 32 << 20 // of a job's; that of a chat has no end of its own
	textBytes   = 1 << 20  // of what a job's stream says
)

// reply is what a job's stream has told.
type reply struct {
	conversation, message, task string
	replies                     []string // ids of the upstream's messages
	text                        strings.Builder
	made                        creations
	finished                    bool            // the answer was whole
	failure                     *upstream.Error // an error frame came
}

// accepted tells whether the upstream has begun a conversation for the request.
func (r *reply) accepted() bool { return r.conversation != "" && r.conversation != "0" }

// take adds one piece.
func (r *reply) take(p *Profile, k job.Kind, in piece) {
	switch in.kind {
	case ids:
		r.conversation = firstText(r.conversation, in.conversation)
		r.message = firstText(r.message, in.message)
		r.task = firstText(r.task, in.task)
		if in.reply != "" && len(r.replies) < 8 && !slices.Contains(r.replies, in.reply) {
			r.replies = append(r.replies, in.reply)
		}
	case said, retold:
		if r.text.Len()+len(in.text) < textBytes {
			r.text.WriteString(in.text)
		}
	case creation:
		r.made.open = 0
		r.made.add(&p.Results, k, in.value)
	case finished, ended:
		r.finished = true
	case failed:
		r.failure = p.failure(InFrame, in.code, in.text)
		r.failure.Outcome = upstream.Rejected
	case thought, garbled:
	}
}

// converse sends a call whose answer is a stream and reads it to its end, or to an
// error in it. The reply is what was heard, also beside an error.
func (d *Driver) converse(ctx context.Context, c wire.Call, dialect Dialect, k job.Kind, timeout time.Duration) (*reply, *upstream.Error) {
	r := &reply{}
	var refusal *upstream.Error
	ans, failure := c.Read(ctx, timeout, func(a wire.Answer) error {
		if !isStream(a) {
			raw, err := a.Whole(wire.SmallAnswer)
			if err == nil {
				refusal = d.noStream(a, raw)
			}
			return err
		}
		return r.read(d.profile, &decoder{p: d.profile, dialect: dialect}, k, a.Body)
	})
	if failure != nil && ans.Response != nil && r.ends() {
		failure = nil // what broke off was not wanted any more
	}
	if failure != nil {
		return r, d.discreet(c, failure)
	}
	return r, refusal
}

// ends tells whether nothing more is to be learned from the stream.
func (r *reply) ends() bool { return r.finished || r.failure != nil }

// read reads the stream. It ends at an error frame: what follows would be about
// nothing.
func (r *reply) read(p *Profile, d *decoder, k job.Kind, body io.Reader) error {
	events := sse.NewReader(io.LimitReader(body, streamBytes), frameBytes)
	for n := 0; r.failure == nil; n++ {
		e, err := events.Next()
		switch {
		case errors.Is(err, io.EOF) && n == 0:
			r.failure = wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("a stream without events"))
			return nil
		case errors.Is(err, io.EOF) && r.finished:
			return nil
		case errors.Is(err, sse.ErrTooLong):
			return fmt.Errorf("%w: %w", wire.ErrTooBig, err)
		case err != nil:
			return err
		}
		for _, in := range d.decode(e) {
			if r.take(p, k, in); in.kind == ended {
				return nil
			}
		}
	}
	return nil
}

func isStream(a wire.Answer) bool {
	return a.StatusCode == 200 && strings.HasPrefix(a.Header.Get("Content-Type"), "text/event-stream")
}

// noStream makes the error of an answer that is no stream: another status, JSON
// with a code, a page of somebody in between, or nothing.
func (d *Driver) noStream(a wire.Answer, raw []byte) *upstream.Error {
	if a.StatusCode/100 != 2 {
		return d.refusal(a)
	}
	_, failure := d.envelope(a, raw)
	if failure == nil {
		failure = wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, errors.New("a 200 that is no stream of events"))
	}
	return failure
}

// refusal is the error that a status outside of 2xx is. Its body is not read: this
// upstream tells its errors inside of a 200, so it is somebody else's.
func (d *Driver) refusal(a wire.Answer) *upstream.Error {
	e := d.profile.failure(InHTTP, fmt.Sprint(a.StatusCode), "")
	e.Outcome = wire.OutcomeOf(a.StatusCode, false)
	if wait := wire.RetryAfter(a.Header, d.now()); wait > 0 && wire.MayWait(e.Class) {
		e.RetryAfter, e.Fault = wait, e.Fault.WithRetryAfter(wait)
	}
	return e
}

// envelope reads an answer in JSON and finds the error in it: a code or a
// status_code that is not 0.
func (d *Driver) envelope(a wire.Answer, raw []byte) (any, *upstream.Error) {
	switch {
	case a.StatusCode/100 != 2:
		return nil, d.refusal(a)
	case len(strings.TrimSpace(string(raw))) == 0:
		return nil, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("an empty 200"))
	}
	v := parseJSON(raw)
	if _, ok := v.(map[string]any); !ok {
		return nil, wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, errors.New("a 200 that is no JSON object"))
	}
	for _, name := range []string{"code", "status_code"} {
		if code := str(at(v, name)); code != "" && code != "0" {
			text := firstText(at(v, "msg"), at(v, "message"), at(v, "status_desc"))
			e := d.profile.failure(InJSON, code, text)
			e.Outcome = upstream.Rejected
			return nil, e
		}
	}
	return v, nil
}
