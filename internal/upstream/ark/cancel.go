package ark

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Cancel implements [upstream.Driver].
//
// The upstream's DELETE cancels a task that waits, refuses one that runs, and
// of one that has ended it removes the record, with the links to media that was
// paid for: [wire.Cancel] keeps it from that.
func (d *Driver) Cancel(ctx context.Context, a account.Account, upstreamID string) (upstream.CancelAnswer, error) {
	if e := wire.Askable(a, upstreamID); e != nil {
		return "", wire.Free(e)
	}
	c := d.about(a, upstreamID)
	return wire.Cancel{
		Now: d.now,
		Look: func(ctx context.Context) (upstream.CancelAnswer, *upstream.Error) {
			t, failure := d.ask(ctx, c)
			if failure != nil {
				return "", failure
			}
			return t.cancellation(), nil
		},
		Delete: func(ctx context.Context, within time.Duration) (upstream.CancelAnswer, *upstream.Error) {
			return d.remove(ctx, c, within)
		},
	}.Ask(ctx)
}

// cancellation is what a task's state says of the wish to cancel it; nothing for
// a task that still can be. A word that is not documented counts as work.
func (t taskAnswer) cancellation() upstream.CancelAnswer {
	switch t.Status {
	case "queued":
		return ""
	case "succeeded", "failed", "expired":
		return upstream.Finished
	case "cancelled", "canceled":
		return upstream.Stopped
	}
	return upstream.WorksOn
}

func (d *Driver) remove(ctx context.Context, c wire.Call, within time.Duration) (upstream.CancelAnswer, *upstream.Error) {
	ans, raw, failure := c.Delete(ctx, d.submits, within, d.cfg.StatusTimeout)
	switch {
	case failure != nil:
		return "", failure
	case ans.StatusCode/100 != 2:
		return d.notRemoved(ans, raw)
	}
	return d.removed(c, raw)
}

// removed reads a success: an empty object, or nothing at all.
func (d *Driver) removed(c wire.Call, raw []byte) (upstream.CancelAnswer, *upstream.Error) {
	var ans struct {
		Error *apiError `json:"error"`
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return upstream.Stopped, nil
	}
	if failure := decodeAnswer(raw, &ans); failure != nil {
		return "", failure
	}
	if ans.Error != nil {
		return "", d.inside(c, ans.Error, "an error without a code")
	}
	return upstream.Stopped, nil
}

// notRemoved reads a refusal. That the task is gone, or in another state than a
// moment before, may be the work of an earlier DELETE: it is looked at again.
func (d *Driver) notRemoved(a wire.Answer, raw []byte) (upstream.CancelAnswer, *upstream.Error) {
	env, whole := parseEnvelope(raw)
	e := d.statusRefusal(a, raw)
	switch {
	case a.StatusCode == http.StatusConflict && fitsCode("InvalidAction.RunningTaskDeletion", env.Code):
		return upstream.WorksOn, nil
	case a.StatusCode == http.StatusConflict && whole, e.Class == upstream.Lost:
		return "", nil
	}
	return "", e
}
