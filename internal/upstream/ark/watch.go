package ark

import (
	"context"
	"io"
	"time"
)

// watch ends a call that is silent for too long. Unlike a timeout of the whole,
// it lets an answer take any time as long as something comes.
type watch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// newWatch gives a context that ends with context.DeadlineExceeded as its cause
// unless something happens within a time. Someone must call stop.
func newWatch(parent context.Context, first time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(parent)
	return ctx, &watch{cancel, time.AfterFunc(first, func() { cancel(context.DeadlineExceeded) })}
}

// within gives the call this much time from now.
func (w *watch) within(d time.Duration) { w.timer.Reset(d) }

// stop ends the call if it is still running. It may be called again.
func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// guard gives the call more time whenever something was read of its answer.
func (w *watch) guard(body io.ReadCloser, idle time.Duration) *guarded {
	w.within(idle)
	return &guarded{body, w, idle}
}

type guarded struct {
	io.ReadCloser
	watch *watch
	idle  time.Duration
}

// Read implements io.Reader.
func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.ReadCloser.Read(p)
	if n > 0 {
		g.watch.within(g.idle)
	}
	return n, err
}
