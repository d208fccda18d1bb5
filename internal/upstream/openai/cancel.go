package openai

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
	// freshFor is how long a video that was seen to wait may be taken to have
	// not been made yet: making one takes tens of seconds. A DELETE leaves
	// within it or not at all.
	freshFor = 5 * time.Second

	// cancelLooks bounds how often one call looks at a video that will not stand
	// still.
	cancelLooks = 3
)

// Cancel implements [upstream.Driver].
//
// OpenAI's DELETE removes a video, with the file that was paid for; there is no
// other call to stop one. So it is only sent for a video that was seen to wait a
// moment before. One that is in progress may be finished at any moment, and what
// a DELETE then does to the bill is not documented: it works on. One whose answer
// is lost is not sent again by this call: asked once more, it looks at the video
// first and finds out.
func (d *Driver) Cancel(ctx context.Context, a account.Account, upstreamID string) (upstream.CancelAnswer, error) {
	c, failure := d.about(a, upstreamID)
	if failure != nil {
		return "", wire.Free(failure)
	}
	for range cancelLooks {
		answer, failure := d.tryCancel(ctx, c)
		if answer != "" || failure != nil {
			return answer, wire.Free(failure)
		}
	}
	return "", wire.Free(&upstream.Error{
		Class: upstream.Transient, Fault: fault.New(fault.Upstream, wire.SaysServerError),
		Cause: errors.New("the video waited at each look, and each DELETE would have been late or found nothing"),
	})
}

// tryCancel looks at the video and cancels it if it waits. Neither an answer nor
// an error means to look again.
func (d *Driver) tryCancel(ctx context.Context, c wire.Call) (upstream.CancelAnswer, *upstream.Error) {
	begun := d.now()
	v, failure := d.ask(ctx, c)
	if failure != nil {
		return "", failure
	}
	switch v.word() {
	case works:
		return upstream.WorksOn, nil
	case done, failed:
		return upstream.Finished, nil
	case stopped:
		return upstream.Stopped, nil
	case waits:
	}
	if d.cfg.Videos != Videos {
		return upstream.WorksOn, nil // there is no call for it
	}
	left := freshFor - d.now().Sub(begun)
	if left <= 0 {
		return "", nil
	}
	return d.remove(ctx, c, left)
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
