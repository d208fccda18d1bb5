package s3blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"
)

// pulse ends a request that makes no progress: the store takes no more bytes
// for StallTimeout, or does not answer. The time that the body's source needs
// is the source's own affair and does not count.
type pulse struct {
	timer         *time.Timer
	cause         func() error
	cancel        context.CancelCauseFunc
	stall, answer time.Duration
}

// pulse gives a context to send with. Stop the pulse when the answer is there.
func (s *Store) pulse(ctx context.Context) (context.Context, *pulse) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &pulse{
		cause:  func() error { return context.Cause(ctx) },
		cancel: cancel, stall: s.cfg.StallTimeout, answer: s.cfg.AnswerTimeout,
	}
	p.timer = time.AfterFunc(p.answer, func() { cancel(errStalled) })
	return ctx, p
}

// stop ends the watch.
func (p *pulse) stop() {
	p.timer.Stop()
	p.cancel(nil)
}

// explain names the stall where it was the cause.
func (p *pulse) explain(err error) error {
	if errors.Is(p.cause(), errStalled) {
		return errStalled
	}
	return err
}

// beat is called when bytes were handed over: the store has to take them now,
// and after the last to answer.
func (p *pulse) beat(last bool) {
	if last {
		p.timer.Reset(p.answer)
		return
	}
	p.timer.Reset(p.stall)
}

// heldBody is a body in memory, sent under a pulse. It can be sent again.
type heldBody struct {
	*bytes.Reader
	pulse *pulse
}

// Read implements io.Reader.
func (b *heldBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.pulse.beat(b.Len() == 0)
	return n, err
}

// WriteTo would go past Read, so there is none.
func (b *heldBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

// flowBody is a body that flows under a pulse.
type flowBody struct {
	from  io.Reader
	pulse *pulse
}

// Read implements io.Reader.
func (b *flowBody) Read(p []byte) (int, error) {
	b.pulse.timer.Stop()
	n, err := b.from.Read(p)
	b.pulse.beat(err != nil)
	return n, err
}
