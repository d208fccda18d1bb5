package clock_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestManualRunsInOrderAndAtItsTime(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(start)
	var got []string
	add := func(d time.Duration, name string) (stop func() bool) {
		return m.AfterFunc(d, func() { got = append(got, name+m.Now().Sub(start).String()) })
	}
	add(2*time.Second, "b")
	add(time.Second, "a")
	add(2*time.Second, "c")
	stop := add(time.Second, "never")
	if !stop() || stop() {
		t.Error("a stopped function can be stopped once")
	}
	m.AfterFunc(time.Second, func() { add(time.Second, "d") })
	m.Advance(1500 * time.Millisecond)
	m.Advance(5 * time.Second)
	if want := []string{"a1s", "b2s", "c2s", "d2s"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if now := m.Now().Sub(start); now != 6500*time.Millisecond {
		t.Errorf("stands at %s", now)
	}
}

func TestAwaitTimers(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(start)
	go m.AfterFunc(time.Second, func() {})
	if err := m.AwaitTimers(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.AwaitTimers(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		if err := clock.Sleep(t.Context(), clock.Real{}, time.Minute); err != nil || time.Since(before) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(before))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := clock.Sleep(ctx, clock.Real{}, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := clock.Sleep(ctx, clock.Real{}, -1); err == nil {
			t.Error("a context that has ended is reported also without a wait")
		}
	})
}
