package openai

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
// OpenAI's DELETE removes a video, with the file that was paid for; there is no
// other call to stop one. [wire.Cancel] sends it only for a video that waits. One
// that is in progress may be finished at any moment, and what a DELETE then does
// to the bill is not documented: it works on.
func (d *Driver) Cancel(ctx context.Context, a account.Account, upstreamID string) (upstream.CancelAnswer, error) {
	c, failure := d.about(a, upstreamID)
	if failure != nil {
		return "", wire.Free(failure)
	}
	return wire.Cancel{
		Now: d.now,
		Look: func(ctx context.Context) (upstream.CancelAnswer, *upstream.Error) {
			v, failure := d.ask(ctx, c)
			if failure != nil {
				return "", failure
			}
			return d.cancellation(v), nil
		},
		Delete: func(ctx context.Context, within time.Duration) (upstream.CancelAnswer, *upstream.Error) {
			return d.remove(ctx, c, within)
		},
	}.Ask(ctx)
}

// cancellation is what a video's state says of the wish to cancel it; nothing for
// one that still can be.
func (d *Driver) cancellation(v videoAnswer) upstream.CancelAnswer {
	switch v.word() {
	case done, failed:
		return upstream.Finished
	case stopped:
		return upstream.Stopped
	case waits:
		if d.cfg.Videos == Videos {
			return ""
		}
		return upstream.WorksOn // new-api has no call for it
	case works:
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
	return d.removed(ans, raw)
}

// removed reads a success: {"id","object":"video.deleted","deleted":true}, or
// nothing at all.
func (d *Driver) removed(a wire.Answer, raw []byte) (upstream.CancelAnswer, *upstream.Error) {
	var ans struct {
		Deleted *bool     `json:"deleted"`
		Error   *apiError `json:"error"`
	}
	if len(bytes.TrimSpace(raw)) == 0 && a.StatusCode == http.StatusNoContent {
		return upstream.Stopped, nil
	}
	if failure := d.decode(a, raw, &ans); failure != nil {
		return "", failure
	}
	switch {
	case ans.Error != nil:
		return "", d.lacking(a, raw, "an error of nothing")
	case ans.Deleted != nil && !*ans.Deleted:
		return upstream.WorksOn, nil
	}
	return upstream.Stopped, nil
}

// notRemoved reads a refusal. A video that is gone may be the work of an earlier
// DELETE: it is looked at again.
func (d *Driver) notRemoved(a wire.Answer, raw []byte) (upstream.CancelAnswer, *upstream.Error) {
	e := d.statusRefusal(a, raw)
	_, own := parseEnvelope(raw)
	switch {
	case a.StatusCode == http.StatusConflict && own, a.StatusCode == http.StatusMethodNotAllowed:
		return upstream.WorksOn, nil
	case e.Class == upstream.Lost:
		return "", nil
	}
	return "", e
}
