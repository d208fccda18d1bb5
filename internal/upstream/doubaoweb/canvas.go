package doubaoweb

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// The canvas (4.7, start C and result 3) is asked after by its own request: the same
// body, under the same request id, tells how the task stands and starts no second
// one. That is the word of one public code base; an operator who chooses this route
// trusts it. The body is kept with the job, since nobody else has it.
//
// With another session the same body would start, and charge, a second video. So it
// is packed and sealed with a key that is made from the session that started it: with
// any other one it cannot be opened, and the canvas is not asked. That also keeps the
// prompt in it from being read where upstream ids are shown.

// submitCanvas sends the request. It is accepted once it is answered with a state
// that the profile knows, whatever that is.
func (d *Driver) submitCanvas(ctx context.Context, a account.Account, s upstream.Submission, v vars) (upstream.Submitted, *upstream.Error) {
	c, bad := d.call(wire.Video, a, d.profile.Endpoints.Canvas, d.profile.Bodies.Canvas, v)
	if bad != nil {
		return upstream.Submitted{}, bad
	}
	ans, raw, failure := d.paid(c, s).Do(ctx, d.cfg.VideoTimeout, wire.SmallAnswer)
	if failure != nil {
		return upstream.Submitted{}, d.discreet(c, failure)
	}
	answer, bad := d.envelope(ans, raw)
	if bad != nil {
		return upstream.Submitted{}, bad
	}
	if _, known := d.profile.Results.Canvas.read(answer); !known {
		return upstream.Submitted{}, wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, errors.New("a canvas without a state"))
	}
	r := ref{Kind: job.Video, Mode: Canvas, Local: str(v["request_id"]), At: d.now().Unix(), Body: d.seal(a, pack(c.Body))}
	return upstream.Submitted{UpstreamID: r.String()}, nil
}

// read gives the state of a canvas's task; false for an answer without one.
func (p CanvasResults) read(answer any) (upstream.State, bool) {
	word := p.State.text(answer)
	switch {
	case slices.Contains(p.Done, word):
		return upstream.Ready, true
	case slices.Contains(p.Failed, word):
		return upstream.Failed, true
	}
	return upstream.Working, word != ""
}

// canvas asks after a task by its own request.
func (d *Driver) canvas(ctx context.Context, a account.Account, r ref) (upstream.Status, *upstream.Error) {
	packed, ok := d.open(a, r.Body)
	if !ok {
		return upstream.Status{}, d.otherSession(ctx, a)
	}
	body, err := unpacked(packed)
	if err != nil {
		return upstream.Status{}, &upstream.Error{Class: upstream.Lost, Fault: faultOf(upstream.Lost), Cause: err}
	}
	c, bad := d.call(wire.Status, a, d.profile.Endpoints.Canvas, d.profile.Bodies.Async, nil)
	if bad != nil {
		return upstream.Status{}, bad
	}
	c.Body = body
	answer, bad := d.ask(ctx, c)
	if bad != nil {
		return upstream.Status{}, bad
	}
	p := d.profile.Results.Canvas
	state, _ := p.read(answer)
	after := time.Duration(d.profile.Poll.Interval)
	switch state {
	case upstream.Failed:
		rule, _ := d.profile.rule(InText, "", p.Failure.text(answer))
		return failedBy(rule.Class, "the canvas's task has failed"), nil
	case upstream.Ready:
		return d.artifacts(p.Videos.all(answer), after)
	case upstream.Working:
	}
	phase := job.PhaseGenerating
	if len(p.Working) > 0 && p.State.text(answer) == p.Working[0] {
		phase = job.PhaseQueued
	}
	return upstream.Status{State: upstream.Working, Phase: phase, After: after}, nil
}

// sealer is the cipher that belongs to a session: its key is a hash of the session's
// cookies, or of the whole credential if it has none.
func (d *Driver) sealer(a account.Account) (cipher.AEAD, error) {
	list, _ := d.cookies(a)
	h := sha256.New()
	_, _ = io.WriteString(h, "tintype doubaoweb canvas\n") // a hash never fails
	known := func(c cookie) bool { return slices.Contains(d.profile.SessionCookies, c.name) }
	all := !slices.ContainsFunc(list, known)
	for _, c := range list {
		if all || known(c) {
			_, _ = io.WriteString(h, c.name+"="+c.value+"\n")
		}
	}
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal hides a body from all but its session.
func (d *Driver) seal(a account.Account, body []byte) []byte {
	c, err := d.sealer(a)
	if err != nil {
		return nil // never: the key has a valid length
	}
	return c.Seal(nil, nil, body, nil) //nolint:gosec // the cipher makes a random nonce itself and takes none
}

// open is the reverse of seal; false with another session.
func (d *Driver) open(a account.Account, sealed []byte) ([]byte, bool) {
	c, err := d.sealer(a)
	if err != nil {
		return nil, false
	}
	body, err := c.Open(nil, nil, sealed, nil)
	return body, err == nil
}

// otherSession tells what is wrong with a session that did not start the job: it is
// refused altogether, or the job is not to be found with it.
func (d *Driver) otherSession(ctx context.Context, a account.Account) *upstream.Error {
	if err := d.Check(ctx, a); err != nil {
		return upstream.AsError(err)
	}
	return &upstream.Error{Class: upstream.Lost, Fault: faultOf(upstream.Lost), Cause: errors.New("the canvas was started with another session, and may be asked with that one alone")}
}

// artifacts gives the links of a finished task; without one it is not finished.
func (d *Driver) artifacts(videos []any, after time.Duration) (upstream.Status, *upstream.Error) {
	var made creations
	for _, v := range videos {
		made.put(d.profile.Results.Video.read(v))
	}
	if !made.some() {
		return upstream.Status{State: upstream.Working, Phase: job.PhaseGenerating, After: after}, nil
	}
	return d.ready(&made)
}

// mostBody bounds what is unpacked.
const mostBody = 1 << 20

func pack(b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil // never: the level is valid
	}
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

func unpacked(b []byte) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), mostBody+1))
	if err != nil || len(out) == 0 || len(out) > mostBody {
		return nil, errors.New("the canvas's request cannot be unpacked")
	}
	return out, nil
}
