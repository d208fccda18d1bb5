package clock

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Manual is a clock that stands still until [Manual.Advance] moves it. Make
// one with [NewManual].
type Manual struct {
	mu      sync.Mutex
	now     time.Time
	waiting []*alarm      // in the order in which they are due
	changed chan struct{} // closed and replaced when waiting grows
}

type alarm struct {
	at  time.Time
	run func()
}

// NewManual returns a clock that stands at now.
func NewManual(now time.Time) *Manual {
	return &Manual{now: now.UTC(), changed: make(chan struct{})}
}

// Now is where the clock stands.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// AfterFunc has f run by the call of Advance that reaches its time.
func (m *Manual) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := &alarm{at: m.now.Add(max(d, 0)), run: f}
	i, _ := slices.BinarySearchFunc(m.waiting, a, func(x, y *alarm) int {
		if x.at.After(y.at) {
			return 1
		}
		return -1 // equal times run in the order of their setting
	})
	m.waiting = slices.Insert(m.waiting, i, a)
	close(m.changed)
	m.changed = make(chan struct{})
	return func() bool { return m.remove(a) }
}

func (m *Manual) remove(a *alarm) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.waiting, a)
	if i < 0 {
		return false
	}
	m.waiting = slices.Delete(m.waiting, i, i+1)
	return true
}

// Advance moves the clock forward by d and, on the way, runs each function
// that becomes due at its own time, in the caller's goroutine.
func (m *Manual) Advance(d time.Duration) {
	end := m.Now().Add(d)
	for {
		run := m.next(end)
		if run == nil {
			return
		}
		run()
	}
}

// next moves to the first alarm before end and returns its function, or moves
// to end and returns nil.
func (m *Manual) next(end time.Time) func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 || m.waiting[0].at.After(end) {
		m.now = end
		return nil
	}
	first := m.waiting[0]
	m.waiting = slices.Delete(m.waiting, 0, 1)
	m.now = first.at
	return first.run
}

// AwaitTimers blocks until at least n functions wait for their time: a test
// calls it before Advance, to be sure that a request has begun its wait.
func (m *Manual) AwaitTimers(ctx context.Context, n int) error {
	for {
		m.mu.Lock()
		got, changed := len(m.waiting), m.changed
		m.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
