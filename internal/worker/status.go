package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
)

// maxLost is how often in a row an upstream may say that it does not know a
// job before it is believed: a new job may not be visible everywhere at once.
const maxLost = 4

// ask asks once after a job and acts on the answer. Afterwards the job is back
// in the heap, or dropped.
func (p *poller) ask(life context.Context, j *polled) {
	if j.ctx.Err() != nil {
		p.drop(j)
		return
	}
	j.asked++
	status, err := p.status(j)
	if err == nil {
		err = p.act(life, j, status)
	}
	switch {
	case err == nil:
	case j.ctx.Err() != nil:
		p.drop(j)
	case errors.Is(err, errNotHere):
		p.leave(life, j, err)
	default:
		p.failed(life, j, err)
	}
}

// leave gives a job back that this process cannot ask after. The pause lets
// another one be quicker next time.
func (p *poller) leave(life context.Context, j *polled, err error) {
	p.w.Log.WarnContext(life, "a running job is left to other workers", append(j.attrs(), "err", err)...)
	pause := p.w.Store.Lease()/3 + rand.N(p.w.Store.Lease()) //nolint:gosec // spreads load, guards nothing
	if err := p.w.Store.Defer(life, j.ID, j.lease.Token, pause); err != nil {
		p.w.Log.WarnContext(life, "a running job could not be given back", append(j.attrs(), "err", err)...)
	}
	p.drop(j)
}

// status makes the call.
func (p *poller) status(j *polled) (upstream.Status, error) {
	up, ok := p.w.Upstreams[j.Upstream]
	if !ok {
		return upstream.Status{}, fmt.Errorf("%w: upstream %q", errNotHere, j.Upstream)
	}
	ctx, cancel := context.WithTimeout(j.ctx, p.w.Kinds[j.Kind].Poll.Timeout)
	defer cancel()
	acct, err := p.w.account(ctx, j.ID, j.Account, j.Upstream)
	if err != nil {
		return upstream.Status{}, err
	}
	return up.Driver.Status(ctx, acct, j.UpstreamID)
}

// act writes down what the upstream said.
func (p *poller) act(life context.Context, j *polled, s upstream.Status) error {
	p.w.metrics.polls.WithLabelValues(j.Upstream, string(s.State)).Inc()
	j.lost = 0
	switch s.State {
	case upstream.Ready:
		return p.ready(life, j, s)
	case upstream.Failed:
		return p.end(life, j, s.Failure)
	case upstream.Working:
	}
	if s.Phase != "" && s.Phase != j.Phase {
		ours, err := p.w.Store.Progress(life, j.ID, j.lease.Token, s.Phase)
		if err != nil {
			return err
		}
		if !ours {
			p.drop(j)
			return nil
		}
		j.Phase = s.Phase
	}
	p.later(j, max(s.After, p.w.Kinds[j.Kind].Poll.after(j.asked)))
	return nil
}

// ready hands a job on to the mirror.
func (p *poller) ready(life context.Context, j *polled, s upstream.Status) error {
	crash.At(crash.ReadySeen, string(j.ID))
	_, bells, err := p.w.Store.Ready(life, j.ID, j.lease.Token, s.Sources, s.Usage)
	if err != nil {
		return err
	}
	crash.At(crash.ReadyKept, string(j.ID))
	p.drop(j)
	p.w.ring(life, bells)
	return nil
}

// end ends a job that will never be ready.
func (p *poller) end(life context.Context, j *polled, f *fault.Error) error {
	if f == nil {
		f = fault.New(fault.GenerationFailed, "The upstream accepted the job and could not make it.")
	}
	settled, bells, err := p.w.Store.Fail(life, j.ID, j.lease.Token, f)
	if err != nil {
		return err
	}
	p.drop(j)
	p.w.ring(life, bells)
	if settled == redisstore.Written {
		p.w.finished(life, j.ID, f)
	}
	return nil
}

// failed handles a question without an answer. The job is asked after again
// until its deadline: only an upstream that keeps saying that it does not know
// the job is believed, and a credential that is gone for good.
func (p *poller) failed(life context.Context, j *polled, err error) {
	e := upstream.AsError(err)
	p.w.metrics.polls.WithLabelValues(j.Upstream, string(e.Class)).Inc()
	p.w.Log.WarnContext(life, "a running job could not be asked after", append(j.attrs(), "err", err)...)
	if e.Class == upstream.Lost {
		j.lost++
	}
	var final *fault.Error
	switch {
	case j.lost >= maxLost:
		final = fault.Wrap(fault.GenerationFailed, "The upstream accepted the job and no longer knows it.", err)
	case fault.Is(err, fault.CredentialGone):
		final = fault.From(err)
	}
	if final == nil || p.end(life, j, final) != nil {
		p.later(j, max(e.RetryAfter, p.w.Kinds[j.Kind].Poll.after(j.asked)))
	}
}
