package upstreamtest

import (
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/sim"
)

func cancelTests() []suiteTest {
	return []suiteTest{
		{"CancelStopsWhatWaits", testCancelWaiting},
		{"CancelLeavesWhatRuns", testCancelRunning},
		{"CancelNeverRemovesWhatIsMade", testCancelFinished},
		{"CancelMayBeRepeated", testCancelRepeated},
		{"CancelThatLearnsNothingDoesNothing", testCancelErrors},
		{"CancelIsForTheJobsOwnAccount", testCancelOtherAccount},
	}
}

// cancel asks to stop a job and expects an answer.
func (b *bench) cancel(t *testing.T, id string, want upstream.CancelAnswer) {
	t.Helper()
	if got, err := b.driver.Cancel(t.Context(), with(goodKey), id); err != nil || got != want {
		t.Errorf("the answer is %q (%v), want %q", got, err, want)
	}
}

// cancelFails asks to stop a job and expects an error.
func (b *bench) cancelFails(t *testing.T, d upstream.Driver, key, id string, class upstream.Class) {
	t.Helper()
	got, err := d.Cancel(t.Context(), with(key), id)
	if err == nil || got != "" {
		t.Fatalf("the answer is %q (%v), want an error", got, err)
	}
	b.wantError(t, err, class, "")
}

// wantDeletes compares how often the upstream was asked to remove something.
func (b *bench) wantDeletes(t *testing.T, want int) {
	t.Helper()
	if got := b.sim.Ledger().Totals.Deletes; got != want {
		t.Errorf("the upstream was asked to remove something %d times, want %d", got, want)
	}
}

// stopped: the upstream makes nothing of the job and charges nothing.
func (b *bench) stopped(t *testing.T, id string) {
	t.Helper()
	b.clock.Advance(24*time.Hour - time.Second)
	b.status(t, id, upstream.Failed)
	b.wantLedger(t, 1, 0)
}

func testCancelWaiting(t *testing.T, b *bench) {
	id, ok := b.slow(t, "a cat sim:queued=1m")
	if !ok {
		return
	}
	if b.NoCancel {
		b.cancel(t, id, upstream.WorksOn)
		b.wantDeletes(t, 0)
		b.wantLedger(t, 1, 1)
		return
	}
	b.cancel(t, id, upstream.Stopped)
	b.cancel(t, id, upstream.Stopped)
	b.wantDeletes(t, 1)
	b.stopped(t, id)
}

// testCancelRunning: also a job that begins to run just before it is cancelled,
// and one in a state that nobody has documented.
func testCancelRunning(t *testing.T, b *bench) {
	for i, prompt := range []string{"a cat sim:ready=30s", "a cat sim:unknown=20s", "a cat sim:queued=10s sim:409,on=delete"} {
		id, ok := b.slow(t, prompt)
		if !ok {
			return
		}
		b.cancel(t, id, upstream.WorksOn)
		if deletes := i / 2; !b.NoCancel { // only what was seen to wait
			b.wantDeletes(t, deletes)
		}
		b.clock.Advance(time.Minute)
		b.status(t, id, upstream.Ready)
		b.wantLedger(t, i+1, i+1)
	}
}

func testCancelFinished(t *testing.T, b *bench) {
	for _, tt := range []struct {
		prompt string
		state  upstream.State
	}{
		{"a cat", upstream.Ready},
		{"a cat sim:fail", upstream.Failed},
		{"a cat sim:ready=72h", upstream.Failed}, // too slow for the upstream itself
	} {
		id, ok := b.slow(t, tt.prompt)
		if !ok {
			return
		}
		b.clock.Advance(72 * time.Hour)
		for range 2 {
			b.cancel(t, id, upstream.Finished)
			if st := b.status(t, id, tt.state); (len(st.Sources) > 0) != (tt.state == upstream.Ready) {
				t.Errorf("%s: the media is %+v", tt.prompt, st.Sources)
			}
		}
	}
	b.wantDeletes(t, 0)
}

// testCancelRepeated: an answer that was lost is an error, and the next call
// finds out what has become of the job.
func testCancelRepeated(t *testing.T, b *bench) {
	if b.NoCancel {
		return
	}
	for _, fault := range []string{"drop", "truncate", "500,accepted", "502,accepted", "html", "429=3", "500", "502", "redirect", "hang"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			b := start(t, b.Harness)
			id, ok := b.slow(t, "a cat sim:queued=1m sim:"+fault+",on=delete,times=1")
			if !ok {
				return
			}
			d := b.driver
			if fault == "hang" {
				d = b.New(t, b.root, Hasty)
			}
			got, err := d.Cancel(t.Context(), with(goodKey), id)
			if err == nil {
				t.Fatalf("the answer is %q", got)
			}
			e := upstream.AsError(err)
			b.wantError(t, err, e.Class, "")
			if (fault == "429=3") != (e.RetryAfter == 3*time.Second) {
				t.Errorf("RetryAfter is %s", e.RetryAfter)
			}
			b.wantDeletes(t, 1) // asked again by the caller alone
			b.cancel(t, id, upstream.Stopped)
			b.stopped(t, id)
		})
	}
}

func testCancelErrors(t *testing.T, b *bench) {
	id, ok := b.slow(t, "a cat sim:queued=1m sim:500,on=get,times=1 sim:429=3,on=get,skip=1,times=1 sim:empty,on=get,skip=2,times=1 sim:html,on=get,skip=3,times=1")
	if !ok {
		return
	}
	for _, class := range []upstream.Class{upstream.Transient, upstream.RateLimited, upstream.Empty, upstream.Unknown} {
		b.cancelFails(t, b.driver, goodKey, id, class)
	}
	b.cancelFails(t, b.New(t, "http://"+unused(t), Patient), goodKey, id, upstream.Transient)
	b.wantDeletes(t, 0)
	b.status(t, id, upstream.Working)
	b.wantLedger(t, 1, 1)
}

func testCancelOtherAccount(t *testing.T, b *bench) {
	b.cancelFails(t, b.driver, goodKey, "", upstream.Lost)
	b.cancelFails(t, b.driver, goodKey, "cgt-20260101000000-abcde", upstream.Lost)
	id, ok := b.slow(t, "a cat sim:queued=1m")
	if !ok {
		return
	}
	b.cancelFails(t, b.driver, otherKey, id, upstream.Lost)
	b.cancelFails(t, b.driver, refusedKey, id, upstream.Auth)
	b.wantDeletes(t, 0)
	b.status(t, id, upstream.Working)
	b.wantLedger(t, 1, 1)
	if err := b.sim.AddFault(sim.Rule{Match: "*", Fault: "lost"}); err != nil {
		t.Fatal(err)
	}
	b.cancelFails(t, b.driver, goodKey, id, upstream.Lost)
	b.wantDeletes(t, 0)
}
