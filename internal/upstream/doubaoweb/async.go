package doubaoweb

import (
	"context"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// async listens for a while to the stream of a task (4.7, result 2), which gives the
// video when it is made and heartbeats until then. Nothing in that time means that it
// is being made.
func (d *Driver) async(ctx context.Context, a account.Account, r ref) (upstream.Status, *upstream.Error) {
	c, bad := d.call(wire.Status, a, d.profile.Endpoints.Async, d.profile.Bodies.Async, vars{"task_id": r.Task})
	if bad != nil {
		return upstream.Status{}, bad
	}
	c.Accept = "text/event-stream"
	wait := min(time.Duration(d.profile.Poll.StreamWait), d.cfg.StatusTimeout)
	heard, failure := d.converse(ctx, c, Numeric, job.Video, wait)
	v := view{made: heard.made}
	switch {
	case heard.made.some():
		return d.status(r, &v)
	case heard.failure != nil:
		return failedOrError(heard.failure)
	case failure != nil && failure.Class == upstream.Timeout && ctx.Err() == nil:
		return upstream.Status{State: upstream.Working, Phase: job.PhaseGenerating}, nil
	case failure != nil:
		return upstream.Status{}, failure
	}
	return d.status(r, &v)
}

// failedOrError reads an error frame about an accepted job: a refusal ends it, all
// else may pass.
func failedOrError(e *upstream.Error) (upstream.Status, *upstream.Error) {
	if e.Class == upstream.ContentRejected {
		return failedBy(e.Class, "the task's stream has a refusal"), nil
	}
	return upstream.Status{}, e
}
