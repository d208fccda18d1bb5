package redisstore_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

var oneSource = []job.Source{{Role: job.Primary, URL: "http://x/1"}}

// soon makes a job's deadline pass soon, and not before what comes first on a busy
// machine.
func soon(n *redisstore.NewJob) { n.Deadline = 4500 * time.Millisecond }

// overdue brings a job to running, polled by "p", and past its deadline.
func (b bench) overdue(t *testing.T, change ...func(*redisstore.NewJob)) job.ID {
	t.Helper()
	id, _ := b.accept(t, append(change, soon)...)
	fence := b.begin(t, id, "w1.1")
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "cgt-1", nil, nil)))
	if ids, err := b.ClaimPolls(t.Context(), "p", 10); err != nil || !reflect.DeepEqual(ids, []job.ID{id}) {
		t.Fatalf("polls = %v, %v", ids, err)
	}
	b.sweepUntil(t, func(s redisstore.Swept) bool { return slices.Contains(s.Ended, id) })
	if j := b.wantState(t, id, job.Failed); j.Failure.Code != fault.GenerationTimeout {
		t.Fatalf("failed with %s", j.Failure.Code)
	}
	return id
}

func testHarvest(t *testing.T, b bench) {
	id := b.overdue(t)
	if lost, err := b.Renew(t.Context(), []redisstore.Lease{{Job: id, Token: "p"}}); len(lost) != 0 || err != nil {
		t.Errorf("the lease is lost at the deadline: %v, %v", lost, err)
	}
	rows, err := b.Running(t.Context(), []job.ID{id})
	if err != nil || len(rows) != 1 || rows[0].Left >= 0 || rows[0].Cancel {
		t.Errorf("running = %+v, %v", rows, err)
	}
	if ok, err := b.Progress(t.Context(), id, "p", job.PhaseGenerating); !ok || err != nil {
		t.Errorf("progress = %v, %v", ok, err)
	}
	s, bells, err := b.Ready(t.Context(), id, "p", oneSource, &job.Usage{OutputTokens: 5}, 0)
	must(t, redisstore.Written)(s, err)
	if len(bells) != 1 || bells[0].Stage != job.StageMirror {
		t.Errorf("bells = %v", bells)
	}
	if j := b.wantState(t, id, job.Failed); j.Doing() != job.Mirroring {
		t.Errorf("doing %s", j.Doing())
	}
	if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	must(t, redisstore.Written)(b.Stored(t.Context(), id, "m", 0, job.Media{Name: "video-0.mp4"}))
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m"))) // its reply was lost
	must(t, redisstore.Stale)(firstTwo(b.Succeed(t.Context(), id, "an earlier holder")))
	j := b.wantState(t, id, job.Succeeded)
	if !j.Recovered || j.Failure != nil || len(j.Media) != 1 || j.Usage.OutputTokens != 5 || j.Harvest != job.HarvestNone {
		t.Errorf("job = %+v", j)
	}
	wantLog(t, b, id, job.EventQueued, job.EventAdmitted, job.EventProgress, job.EventSubmitted, job.EventFailed, job.EventMedia, job.EventRecovered)
	b.wantNothingLeft(t)
}

func testHarvestSlot(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	id := b.overdue(t)
	next, bells := b.accept(t)
	if b.get(t, next).Account != "" || len(bells) != 0 {
		t.Error("the slot was given on while the upstream works")
	}
	s, bells, err := b.Fail(t.Context(), id, "p", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})
	must(t, redisstore.Over)(s, err)
	if len(bells) != 1 || bells[0].Job != next {
		t.Errorf("bells = %v, want one for %s", bells, next)
	}
	if j := b.wantState(t, id, job.Failed); j.Failure.Code != fault.GenerationTimeout {
		t.Errorf("the failure became %s", j.Failure.Code)
	}
	must(t, redisstore.Over)(firstTwo(b.Fail(t.Context(), id, "p", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{}))) // its reply was lost
}

func testHarvestGivenUp(t *testing.T, b bench) {
	id := b.overdue(t, func(n *redisstore.NewJob) { n.Harvest = 7 * time.Second })
	if j := b.get(t, id); j.HarvestUntil.Sub(j.Deadline) != 7*time.Second {
		t.Errorf("harvested until %s, the deadline was %s", j.HarvestUntil, j.Deadline)
	}
	b.sweepUntil(t, func(s redisstore.Swept) bool { return slices.Contains(s.GivenUp, id) })
	must(t, redisstore.Stale)(firstTwo(b.Ready(t.Context(), id, "p", oneSource, nil, 0)))
	b.wantState(t, id, job.Failed)
	b.wantNothingLeft(t)
}

// testLateHarvest: answers to a submission that was given up, one that is to be
// polled and one with its media.
func testLateHarvest(t *testing.T, b bench) {
	for _, sources := range [][]job.Source{nil, oneSource} {
		id, _ := b.accept(t)
		fence := b.begin(t, id, "w1")
		must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w1", fault.New(fault.OutcomeUnknown, "?"), redisstore.Rest{})))
		if n := b.rdb.SCard(t.Context(), "{tt}:slots:a").Val(); n != 0 {
			t.Fatalf("%d slots are held", n)
		}
		s, bells, err := b.Accepted(t.Context(), id, "w", fence, "cgt-late", sources, nil)
		must(t, redisstore.Late)(s, err)
		must(t, redisstore.Late)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "cgt-late", sources, nil))) // its reply was lost
		if n := b.rdb.SCard(t.Context(), "{tt}:slots:a").Val(); n != 1 {
			t.Errorf("%d slots are held while the upstream works", n)
		}
		if sources == nil {
			if ids, err := b.ClaimPolls(t.Context(), "p", 10); err != nil || !reflect.DeepEqual(ids, []job.ID{id}) {
				t.Fatalf("polls = %v, %v", ids, err)
			}
			s, bells, err = b.Ready(t.Context(), id, "p", oneSource, nil, 0)
			must(t, redisstore.Written)(s, err)
		}
		if len(bells) != 1 || bells[0].Stage != job.StageMirror {
			t.Errorf("bells = %v", bells)
		}
		if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); !ok || err != nil {
			t.Fatalf("claim = %v, %v", ok, err)
		}
		must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
		if j := b.wantState(t, id, job.Succeeded); !j.Recovered {
			t.Error("it is not said to be recovered")
		}
		b.wantNothingLeft(t)
	}
}

func testBlind(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	id, _ := b.accept(t)
	b.begin(t, id, "w1")
	rest := redisstore.Rest{Stage: job.HarvestBlind, Blind: 400 * time.Millisecond}
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w1", fault.New(fault.OutcomeUnknown, "?"), rest)))
	if ok, err := b.Claim(t.Context(), id, job.StageSubmit, "w2"); ok || err != nil {
		t.Errorf("there is something to do: %v, %v", ok, err)
	}
	next, _ := b.accept(t)
	if b.get(t, next).Account != "" {
		t.Error("the slot was given on while the upstream may be at work")
	}
	b.sweepUntil(t, func(s redisstore.Swept) bool { return slices.Contains(s.GivenUp, id) })
	if b.get(t, next).Account != "a" {
		t.Error("the slot was not given on")
	}
	third, _ := b.accept(t)
	b.begin(t, next, "w3")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), next, "w3", fault.New(fault.OutcomeUnknown, "?"), rest)))
	must(t, redisstore.Over)(firstTwo(b.NotSent(t.Context(), next, "w3", 0, fewTries, redisstore.Rest{}))) // it had not been sent after all
	b.wantState(t, next, job.Failed)
	if b.get(t, third).Account != "a" {
		t.Error("the slot was not given on when it was known to be free")
	}
}

// wantNothingLeft checks what a job holds while something is done for it.
func (b bench) wantNothingLeft(t *testing.T) {
	t.Helper()
	for _, set := range []string{"bells", "polls", "deadlines", "cancels", "harvests"} {
		if left := b.rdb.ZRange(t.Context(), "{tt}:"+set, 0, -1).Val(); len(left) != 0 {
			t.Errorf("left in %s: %v", set, left)
		}
	}
	if n := b.rdb.SCard(t.Context(), "{tt}:slots:a").Val(); n != 0 {
		t.Errorf("%d slots left", n)
	}
	if keys := b.rdb.Keys(t.Context(), "{tt}:cred:*").Val(); len(keys) != 0 {
		t.Errorf("left: %v", keys)
	}
}
