package wire

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

const (
	// freshFor is how long a job that was seen to wait may be taken to have made
	// nothing yet: making a video takes tens of seconds. A DELETE leaves within it
	// or not at all.
	freshFor = 5 * time.Second

	// cancelLooks bounds how often one wish looks at a job that will not stand
	// still.
	cancelLooks = 3
)

// Cancel is the wish to stop a job of an upstream whose DELETE stops one that
// waits, and destroys the media of one that has ended. So a DELETE is only sent
// for a job that was seen to wait a moment before. One whose answer is lost is not
// sent again by the same wish: asked once more, it looks at the job first and
// finds out.
type Cancel struct {
	Now func() time.Time

	// Look asks after the job. It gives no answer for a job that waits.
	Look func(ctx context.Context) (upstream.CancelAnswer, *upstream.Error)

	// Delete sends the DELETE, which has to be written within a time. Neither an
	// answer nor an error means that the job is to be looked at again.
	Delete func(ctx context.Context, within time.Duration) (upstream.CancelAnswer, *upstream.Error)
}

// Ask looks, deletes and looks again until it is known what came of the wish.
func (c Cancel) Ask(ctx context.Context) (upstream.CancelAnswer, error) {
	for range cancelLooks {
		begun := c.Now()
		answer, failure := c.Look(ctx)
		if left := freshFor - c.Now().Sub(begun); answer == "" && failure == nil && left > 0 {
			answer, failure = c.Delete(ctx, left)
		}
		if answer != "" || failure != nil {
			return answer, Free(failure)
		}
	}
	return "", Free(&upstream.Error{
		Class: upstream.Transient, Fault: fault.New(fault.Upstream, SaysServerError),
		Cause: errors.New("the job waited at each look, and each DELETE would have been late or was refused"),
	})
}

// Delete makes a call about a job the one that deletes it, and sends it: it has
// to be written within a time and then answered within another. It uses a
// connection of its own, as a submission does: net/http repeats nothing there.
func (c Call) Delete(ctx context.Context, via *http.Transport, within, timeout time.Duration) (Answer, []byte, *upstream.Error) {
	ctx, w := NewWatch(ctx, within)
	defer w.Stop()
	c.Method, c.Via = http.MethodDelete, via
	c.Written = func() { w.Within(timeout) }
	return c.Do(ctx, timeout, SmallAnswer)
}
