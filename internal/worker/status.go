package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
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
	default:
		p.failed(life, j, err)
	}
}

// status makes the call.
func (p *poller) status(j *polled) (upstream.Status, error) {
	up, ok := p.w.Upstreams[j.Upstream]
	if !ok {
		return upstream.Status{}, fmt.Errorf("worker: upstream %q is not configured in this process", j.Upstream)
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
	_, bells, err := p.w.Store.Ready(life, j.ID, j.lease.Token, s.Sources, s.Usage)
	if err != nil {
		return err
	}
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

// finished notes the end of a job: the log line, the metric, the archive.
func (w *Worker) finished(ctx context.Context, id job.ID, f *fault.Error) {
	begun := time.Now()
	j, err := w.archive(ctx, id)
	if err != nil {
		w.Log.WarnContext(ctx, "a final job waits for the sweeper to be archived", "job_id", id, "err", err)
	}
	if j == nil {
		return
	}
	w.metrics.jobs.WithLabelValues(string(j.Spec.Kind), string(j.State)).Inc()
	args := []any{
		"job_id", id, "kind", j.Spec.Kind, "state", j.State, "account", j.Account, "upstream_id", j.UpstreamID,
		"took", j.FinishedAt.Sub(j.CreatedAt), "archived_in", time.Since(begun),
	}
	if f != nil {
		args = append(args, "err", f)
	}
	w.Log.InfoContext(ctx, "a job ended", args...)
}
