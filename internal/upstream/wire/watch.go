package wire

import (
	"context"
	"io"
	"time"
)

// Watch ends a call that is silent for too long. Unlike a timeout of the whole,
// it lets an answer take any time as long as something comes.
type Watch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// NewWatch gives a context that ends with context.DeadlineExceeded as its cause
// unless something happens within a time. Someone must call Stop.
func NewWatch(parent context.Context, first time.Duration) (context.Context, *Watch) {
	ctx, cancel := context.WithCancelCause(parent)
	return ctx, &Watch{cancel, time.AfterFunc(first, func() { cancel(context.DeadlineExceeded) })}
}

// Within gives the call this much time from now.
func (w *Watch) Within(d time.Duration) { w.timer.Reset(d) }

// Stop ends the call if it is still running. It may be called again.
func (w *Watch) Stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// Guard gives the call more time whenever something was read of its answer.
func (w *Watch) Guard(body io.ReadCloser, idle time.Duration) *Guarded {
	w.Within(idle)
	return &Guarded{body, w, idle}
}

// Guarded is an answer that is watched while it is read.
type Guarded struct {
	io.ReadCloser
	watch *Watch
	idle  time.Duration
}

// Read implements io.Reader.
func (g *Guarded) Read(p []byte) (int, error) {
	n, err := g.ReadCloser.Read(p)
	if n > 0 {
		g.watch.Within(g.idle)
	}
	return n, err
}
