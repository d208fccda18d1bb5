// Package clock tells the simulator the time, so that a test can let a day
// pass in a microsecond.
package clock

import (
	"context"
	"time"
)

// Clock is a source of time. Implementations are safe for concurrent use.
type Clock interface {
	// Now is the current time.
	Now() time.Time

	// AfterFunc runs f, once, when d has passed. f must not block. The
	// function that it returns prevents that and reports whether it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Real is the machine's clock. The zero value is ready.
type Real struct{}

// Now is time.Now in UTC.
func (Real) Now() time.Time { return time.Now().UTC() }

// AfterFunc is time.AfterFunc.
func (Real) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(d, f).Stop
}

// Sleep waits until d has passed on c, or ctx ends, whose cause it then
// returns. It does not wait when d is zero or less.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	done := make(chan struct{})
	stop := c.AfterFunc(d, func() { close(done) })
	defer stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
