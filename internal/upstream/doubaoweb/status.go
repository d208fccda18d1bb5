package doubaoweb

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Status implements [upstream.Driver].
func (d *Driver) Status(ctx context.Context, a account.Account, upstreamID string) (upstream.Status, error) {
	r, ok := parseRef(upstreamID)
	if !ok {
		return upstream.Status{}, &upstream.Error{Class: upstream.Lost, Fault: fault.New(fault.GenerationFailed, wire.SaysLost)}
	}
	ask := d.history
	switch r.Mode {
	case Async:
		ask = d.async
	case Canvas:
		ask = d.canvas
	case History:
	}
	st, failure := ask(ctx, a, r)
	return st, wire.Free(failure)
}

// Cancel implements [upstream.Driver]. The protocol has no stop, so this only looks:
// a job that is not final works on.
func (d *Driver) Cancel(ctx context.Context, a account.Account, upstreamID string) (upstream.CancelAnswer, error) {
	st, err := d.Status(ctx, a, upstreamID)
	switch {
	case err != nil:
		return "", err
	case st.State == upstream.Working:
		return upstream.WorksOn, nil
	}
	return upstream.Finished, nil
}

// checked is an answer of Check.
type checked struct {
	at  time.Time
	err *upstream.Error
}

// mostChecks bounds how many answers are remembered.
const mostChecks = 10_000

// Check implements [upstream.Driver] by asking who the session is of. The upstream
// takes that amiss if it is asked more often than every 10 minutes, so an answer
// holds for Config.CheckEvery; a call that reached nobody is none.
func (d *Driver) Check(ctx context.Context, a account.Account) error {
	key := sha256.Sum256([]byte(a.ID + "\x00" + a.Secret.Reveal()))
	if old, ok := d.lastCheck(key); ok {
		return old.result()
	}
	c, bad := d.call(wire.Check, a, d.profile.Endpoints.WhoAmI, Template{root: map[string]any{}}, nil)
	if bad != nil {
		return wire.Free(bad)
	}
	v, bad := d.ask(ctx, c)
	if bad != nil && (bad.Outcome == upstream.NotSent || ctx.Err() != nil) {
		return wire.Free(bad)
	}
	if bad == nil && str(at(v, "data", "user_id")) == "" {
		bad = &upstream.Error{Class: upstream.Auth, Fault: faultOf(upstream.Auth), Cause: errors.New("the session is nobody's")}
	}
	now := checked{d.now(), bad}
	d.remember(key, now)
	return now.result()
}

// result gives an error of its own each time: errors are changed on their way.
func (c checked) result() error {
	if c.err == nil {
		return nil
	}
	e := *c.err
	return wire.Free(&e)
}

func (d *Driver) lastCheck(key [sha256.Size]byte) (checked, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, ok := d.checks[key]
	return c, ok && d.now().Sub(c.at) < d.cfg.CheckEvery
}

func (d *Driver) remember(key [sha256.Size]byte, c checked) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.checks) >= mostChecks {
		clear(d.checks)
	}
	d.checks[key] = c
}
