package ark

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

const (
	// freshFor is how long a task that was seen to wait may be taken to have
	// made no video yet: making one takes tens of seconds. A DELETE leaves
	// within it or not at all.
	freshFor = 5 * time.Second

	// cancelLooks bounds how often one call looks at a task that will not stand
	// still.
	cancelLooks = 3
)

// Cancel implements [upstream.Driver].
//
// The upstream's DELETE cancels a task that waits, refuses one that runs, and
// of one that has ended it removes the record, with the links to media that was
// paid for. So a DELETE is only sent to a task that was seen to wait a moment
// before. One whose answer is lost is not sent again by this call: asked once
// more, it looks at the task first and finds out.
func (d *Driver) Cancel(ctx context.Context, a account.Account, upstreamID string) (upstream.CancelAnswer, error) {
	if e := wire.Askable(a, upstreamID); e != nil {
		return "", wire.Free(e)
	}
	c := d.about(a, upstreamID)
	for range cancelLooks {
		answer, failure := d.tryCancel(ctx, c)
		if answer != "" || failure != nil {
			return answer, wire.Free(failure)
		}
	}
	return "", wire.Free(&upstream.Error{
		Class: upstream.Transient, Fault: fault.New(fault.Upstream, wire.SaysServerError),
		Cause: errors.New("the task waited at each look, and each DELETE would have been late or was refused"),
	})
}

// tryCancel looks at the task and cancels it if it waits. Neither an answer nor
// an error means to look again.
func (d *Driver) tryCancel(ctx context.Context, c wire.Call) (upstream.CancelAnswer, *upstream.Error) {
	begun := d.now()
	t, failure := d.ask(ctx, c)
	if failure != nil {
		return "", failure
	}
	if answer, settled := t.cancellation(); settled {
		return answer, nil
	}
	left := freshFor - d.now().Sub(begun)
	if left <= 0 {
		return "", nil
	}
	return d.remove(ctx, c, left)
}

// cancellation is what a task's state says of the wish to cancel it; false for
// a task that still can be. A word that is not documented counts as work.
func (t taskAnswer) cancellation() (answer upstream.CancelAnswer, settled bool) {
	switch t.Status {
	case "queued":
		return "", false
	case "succeeded", "failed", "expired":
		return upstream.Finished, true
	case "cancelled", "canceled":
		return upstream.Stopped, true
	}
	return upstream.WorksOn, true
}

// remove sends the DELETE, which has to be written within a time. It uses a
// connection of its own, as a submission does: net/http repeats nothing there.
func (d *Driver) remove(ctx context.Context, c wire.Call, within time.Duration) (upstream.CancelAnswer, *upstream.Error) {
	ctx, w := wire.NewWatch(ctx, within)
	defer w.Stop()
	c.Method, c.Via = http.MethodDelete, d.submits
	c.Written = func() { w.Within(d.cfg.StatusTimeout) }
	ans, raw, failure := c.Do(ctx, d.cfg.StatusTimeout, wire.SmallAnswer)
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
