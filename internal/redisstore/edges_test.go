package redisstore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

var (
	blindMinute = redisstore.Rest{Stage: job.HarvestBlind, Blind: time.Minute}
	unknown     = fault.New(fault.OutcomeUnknown, "?")
)

func (b bench) wantSlot(t *testing.T, id job.ID, held bool) {
	t.Helper()
	if got := b.rdb.SIsMember(t.Context(), "{tt}:slots:a", string(id)).Val(); got != held {
		t.Errorf("slot held = %v, want %v", got, held)
	}
}

// The reply of finish is lost and the client repeats it.
func testBlindTwice(t *testing.T, b bench) {
	id, _ := b.accept(t)
	b.begin(t, id, "w1")
	for range 2 {
		if _, _, err := b.Fail(t.Context(), id, "w1", unknown, blindMinute); err != nil {
			t.Fatal(err)
		}
	}
	b.wantSlot(t, id, true)
	if h := b.get(t, id).Harvest; h != job.HarvestBlind {
		t.Errorf("harvest = %q", h)
	}
	// What it knows better afterwards is another write.
	must(t, redisstore.Over)(firstTwo(b.Fail(t.Context(), id, "w1", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})))
	b.wantSlot(t, id, false)
}

// w1 stops with its request on the wire, w2 takes over and ends the job, w1
// wakes, finds its request timed out and says the same.
func testBlindWakes(t *testing.T, b bench) {
	id, _ := b.accept(t)
	b.begin(t, id, "w1")
	b.sweepUntil(t, func(s redisstore.Swept) bool { return len(s.Again) == 1 })
	if ok, err := b.Claim(t.Context(), id, job.StageSubmit, "w2"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w2", unknown, blindMinute)))
	_, _, err := b.Fail(t.Context(), id, "w1", unknown, blindMinute)
	if err != nil {
		t.Fatal(err)
	}
	b.wantSlot(t, id, true)
}

func testLateAfterBlind(t *testing.T, b bench) {
	id, _ := b.accept(t, func(n *redisstore.NewJob) { n.Deadline, n.Harvest = time.Hour, 6*time.Hour })
	fence := b.begin(t, id, "w1")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w1", unknown, redisstore.Rest{Stage: job.HarvestBlind, Blind: 5 * time.Minute})))
	must(t, redisstore.Late)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "cgt-late", nil, nil)))
	j := b.get(t, id)
	if want := j.Deadline.Add(6 * time.Hour); j.HarvestUntil.Before(want) {
		t.Errorf("the upstream works on it, and it is given up %s after the answer instead of %s", time.Until(j.HarvestUntil).Round(time.Second), time.Until(want).Round(time.Second))
	}
}

// An archiver has read a failed job and puts its record; meanwhile the job is
// recovered by somebody who dies before archiving it; the first says Archived.
func testArchived(t *testing.T, b bench) {
	id := b.overdue(t)
	read := b.get(t, id) // by the archiver
	must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), id, "p", oneSource, nil, 0)))
	if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	if _, err := b.Archived(t.Context(), read); err != nil { // the failed record is in the bucket
		t.Fatal(err)
	}
	if n := b.rdb.ZCard(t.Context(), "{tt}:archive").Val(); n != 1 {
		t.Error("the bucket says failed, and nobody will ever write that it was recovered")
	}
}

func testBilling(t *testing.T, b bench) {
	id := b.toRunning(t)
	b.cancel(t, id, redisstore.CancelAsked)
	if _, err := b.ClaimPolls(t.Context(), "p", 10); err != nil {
		t.Fatal(err)
	}
	must(t, redisstore.Written)(firstTwo(b.Canceled(t.Context(), id, "p", false)))
	must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), id, "p", oneSource, nil, 0))) // made, and so charged
	if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	must(t, redisstore.Over)(firstTwo(b.Fail(t.Context(), id, "m", fault.New(fault.MediaInvalid, "rubbish"), redisstore.Rest{})))
	b.wantCancel(t, id, job.CancelUnsupported, job.BillingCharged)
}

// No worker runs for longer than the record would live: as long as it is harvested
// it names the slot, and stays.
func testSlotOfExpired(t *testing.T, b bench) {
	id := b.overdue(t, func(n *redisstore.NewJob) { n.Harvest, n.Retention = 7*time.Second, time.Millisecond })
	for _, kind := range []string{"job:", "ev:"} {
		if ttl := b.rdb.PTTL(t.Context(), "{tt}:"+kind+string(id)).Val(); ttl >= 0 {
			t.Errorf("%s expires in %s", kind, ttl)
		}
	}
	b.sweepUntil(t, func(s redisstore.Swept) bool { return slices.Contains(s.GivenUp, id) })
	b.wantSlot(t, id, false)
	for _, kind := range []string{"job:", "ev:"} {
		if ttl := b.rdb.PTTL(t.Context(), "{tt}:"+kind+string(id)).Val(); ttl < 0 || ttl > 24*time.Hour {
			t.Errorf("%s expires in %s", kind, ttl)
		}
	}
}

// The deadline comes before anybody could ask the upstream to stop.
func testCancelAtDeadline(t *testing.T, b bench) {
	id, _ := b.accept(t, soon)
	fence := b.begin(t, id, "w1")
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "cgt-1", nil, nil)))
	b.cancel(t, id, redisstore.CancelAsked)
	b.sweepUntil(t, func(s redisstore.Swept) bool { return slices.Contains(s.Ended, id) })
	b.wantState(t, id, job.Canceled)
	rows, err := b.Running(t.Context(), []job.ID{id})
	if err != nil || len(rows) != 1 || !rows[0].Cancel {
		t.Errorf("the upstream is never asked to stop: %+v, %v", rows, err)
	}
	if ids, err := b.ClaimPolls(t.Context(), "p", 10); err != nil || len(ids) != 1 {
		t.Fatalf("polls = %v, %v", ids, err)
	}
	must(t, redisstore.Noted)(firstTwo(b.Canceled(t.Context(), id, "p", false))) // it works on, and is final already
	must(t, redisstore.Noted)(firstTwo(b.Canceled(t.Context(), id, "p", false))) // its reply was lost
}

// Canceled at the deadline with the request on the wire, which then turns out
// not to have been sent: nothing can be billed.
func testUnsent(t *testing.T, b bench) {
	id, _ := b.accept(t, soon)
	fence := b.begin(t, id, "w1")
	b.cancel(t, id, redisstore.CancelAsked)
	b.sweepUntil(t, func(s redisstore.Swept) bool { return slices.Contains(s.Ended, id) })
	if _, err := b.Archived(t.Context(), b.get(t, id)); err != nil {
		t.Fatal(err)
	}
	must(t, redisstore.Over)(firstTwo(b.NotSent(t.Context(), id, "w1", fence, fewTries, redisstore.Rest{})))
	if c := b.get(t, id).Cancel; c.Billing != job.BillingNone {
		t.Errorf("cancel = %+v", c)
	}
	if n := b.rdb.ZCard(t.Context(), "{tt}:archive").Val(); n != 1 {
		t.Error("the archived record keeps a harvest that is over")
	}
}

// The operator lets unknown outcomes be sent again; this one is to be canceled.
// Whether the upstream works on it is as unknown as before.
func testUnsureKeepsSlot(t *testing.T, b bench) {
	id, _ := b.accept(t)
	fence := b.begin(t, id, "w1")
	b.cancel(t, id, redisstore.CancelAsked)
	must(t, redisstore.Canceled)(firstTwo(b.NotSent(t.Context(), id, "w1", fence, fewTries, blindMinute)))
	b.wantSlot(t, id, true)
}

// Canceled while its answer is on the way; the answer comes and says that the
// task waits at the upstream, where it could be stopped for nothing.
func testLateAnswerOfCanceled(t *testing.T, b bench) {
	id, _ := b.accept(t, soon)
	fence := b.begin(t, id, "w1")
	b.cancel(t, id, redisstore.CancelAsked)
	b.sweepUntil(t, func(s redisstore.Swept) bool { return slices.Contains(s.Ended, id) })
	must(t, redisstore.Late)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "cgt-1", nil, nil)))
	rows, err := b.Running(t.Context(), []job.ID{id})
	if err != nil || len(rows) != 1 || !rows[0].Cancel {
		t.Errorf("the upstream is never asked to stop: %+v, %v", rows, err)
	}
}
