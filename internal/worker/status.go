package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/telemetry"
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
	life = telemetry.Resume(life, j.Trace) // lines of log name it
	j.asked++
	err := p.question(life, j)
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

// question asks what there is to ask: first, if somebody wants it, to stop.
func (p *poller) question(life context.Context, j *polled) error {
	if j.Cancel {
		done, err := p.cancel(life, j)
		if done || err != nil {
			return err
		}
	}
	status, err := p.status(j)
	if err != nil {
		return err
	}
	return p.act(life, j, status)
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
func (p *poller) status(j *polled) (s upstream.Status, err error) {
	err = p.call(j, func(ctx context.Context, d upstream.Driver, acct account.Account) error {
		s, err = d.Status(ctx, acct, j.UpstreamID)
		return err
	})
	return s, err
}

// call makes a call about a job, within the time of one.
func (p *poller) call(j *polled, f func(context.Context, upstream.Driver, account.Account) error) error {
	up, ok := p.w.Upstreams[j.Upstream]
	if !ok {
		return errNoDriver(j.Upstream)
	}
	ctx, cancel := context.WithTimeout(j.ctx, p.w.Kinds[j.Kind].Poll.Timeout)
	defer cancel()
	acct, err := p.w.account(ctx, j.ID, j.Account, j.Upstream)
	if err != nil {
		return err
	}
	return f(ctx, up.Driver, acct)
}

// cancel asks the upstream to stop a job, and tells whether that is all there
// was to ask now. One that works on is asked after like any other: its slot is
// taken as long as it does, and what it makes is stored.
func (p *poller) cancel(life context.Context, j *polled) (done bool, err error) {
	var answer upstream.CancelAnswer
	err = p.call(j, func(ctx context.Context, d upstream.Driver, acct account.Account) (err error) {
		answer, err = d.Cancel(ctx, acct, j.UpstreamID)
		return err
	})
	if err != nil {
		return false, err
	}
	p.w.metrics.cancels.WithLabelValues(j.Upstream, string(answer)).Inc()
	j.lost = 0
	if answer == upstream.Finished { // which way, its status tells
		j.Cancel = false
		return false, nil
	}
	settled, bells, err := p.w.Store.Canceled(life, j.ID, j.lease.Token, answer == upstream.Stopped)
	if err != nil {
		return false, err
	}
	p.w.ring(life, bells)
	j.Cancel = false
	switch settled {
	case redisstore.Written:
		p.w.finished(life, j.ID, nil)
		p.generated(life, j, "canceled")
	case redisstore.Over:
		p.w.harvested(life, j.ID, nil)
	case redisstore.Late, redisstore.Noted, redisstore.Canceled, redisstore.Known, redisstore.Stale, redisstore.Spent:
	}
	if answer == upstream.Stopped || settled == redisstore.Stale {
		p.drop(j)
	} else {
		p.later(j, p.pause(j))
	}
	return true, nil
}

// pause is how long a job waits for the next question. After its deadline, when
// nobody waits for it any more, that is longer.
func (p *poller) pause(j *polled) time.Duration {
	k := p.w.Kinds[j.Kind]
	if !time.Now().Before(j.deadline) {
		return orDefault(k.HarvestEvery, time.Minute)
	}
	return k.Poll.after(j.asked)
}

// act writes down what the upstream said.
func (p *poller) act(life context.Context, j *polled, s upstream.Status) error {
	p.w.metrics.polls.WithLabelValues(j.Upstream, string(s.State)).Inc()
	p.noted(j, string(s.State))
	j.lost = 0
	switch s.State {
	case upstream.Ready:
		return p.ready(life, j, s)
	case upstream.Failed:
		return p.end(life, j, s.Failure, redisstore.Rest{})
	case upstream.Working:
		p.overtime(life, j)
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
	p.later(j, max(s.After, p.pause(j)))
	return nil
}

// ready hands a job on to the mirror.
func (p *poller) ready(life context.Context, j *polled, s upstream.Status) error {
	crash.At(crash.ReadySeen, string(j.ID))
	settled, bells, err := p.w.Store.Ready(life, j.ID, j.lease.Token, s.Sources, s.Usage, s.Took)
	if err != nil {
		return err
	}
	crash.At(crash.ReadyKept, string(j.ID))
	p.drop(j)
	if settled == redisstore.Stale {
		return nil
	}
	p.w.Log.InfoContext(life, "the upstream has made a job's media", j.attrs()...)
	p.w.ring(life, bells)
	p.generated(life, j, "")
	return nil
}

// end ends a job that will never be ready.
func (p *poller) end(life context.Context, j *polled, f *fault.Error, rest redisstore.Rest) error {
	if f == nil {
		f = fault.New(fault.GenerationFailed, "The upstream accepted the job and could not make it.")
	}
	settled, bells, err := p.w.Store.Fail(life, j.ID, j.lease.Token, f, rest)
	if err != nil {
		return err
	}
	p.drop(j)
	p.w.ring(life, bells)
	switch settled {
	case redisstore.Written:
		p.w.finished(life, j.ID, f)
		p.generated(life, j, string(f.Code))
	case redisstore.Over:
		p.w.harvested(life, j.ID, f)
		p.generated(life, j, string(f.Code))
	case redisstore.Late, redisstore.Noted, redisstore.Canceled, redisstore.Known, redisstore.Stale, redisstore.Spent:
	}
	return nil
}

// failed handles a question without an answer. The job is asked after again
// until its deadline: only an upstream that keeps saying that it does not know
// the job, when it has had the time to show it, is believed, and a credential
// that is gone for good.
func (p *poller) failed(life context.Context, j *polled, err error) {
	e := upstream.AsError(err)
	p.w.metrics.polls.WithLabelValues(j.Upstream, string(e.Class)).Inc()
	p.noted(j, string(e.Class))
	p.w.Log.WarnContext(life, "a running job could not be asked after", append(j.attrs(), "err", err)...)
	age := time.Since(j.accepted)
	if e.Class != upstream.Lost {
		j.lost = 0
	} else if age > p.w.Upstreams[j.Upstream].VisibleWithin {
		j.lost++
	}
	rest := redisstore.Rest{Stage: job.HarvestBlind, Blind: age + p.w.Kinds[j.Kind].UnknownHold, Unsure: true}
	var final *fault.Error
	switch {
	case j.lost >= maxLost:
		final = fault.Wrap(fault.GenerationFailed, "The upstream accepted the job and no longer knows it.", err)
	case fault.Is(err, fault.CredentialGone):
		final = fault.Wrap(fault.CredentialGone, "The credential that this job was posted with can no longer be opened, so the upstream cannot be asked for its result. "+
			"It was accepted there and may have been billed.", err)
	}
	if final == nil || p.end(life, j, final, rest) != nil {
		p.later(j, max(e.RetryAfter, p.pause(j)))
	}
}
