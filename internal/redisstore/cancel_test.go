package redisstore_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// cancel wants a job canceled and checks what that met.
func (b bench) cancel(t *testing.T, id job.ID, want redisstore.CancelAnswer) []job.Bell {
	t.Helper()
	answer, bells, err := b.Cancel(t.Context(), id)
	if err != nil || answer != want {
		t.Fatalf("cancel = %q, %v; want %q", answer, err, want)
	}
	return bells
}

func (b bench) wantCancel(t *testing.T, id job.ID, outcome job.CancelOutcome, billing job.Billing) {
	t.Helper()
	c := b.get(t, id).Cancel
	if c == nil || c.Outcome != outcome || c.Billing != billing || c.RequestedAt.IsZero() {
		t.Errorf("cancel = %+v, want %q and %q", c, outcome, billing)
	}
}

// repeated runs each script once more, as the client does when the reply was lost.
type repeated struct{}

func (repeated) DialHook(next redis.DialHook) redis.DialHook { return next }

func (repeated) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if err := next(ctx, cmd); err != nil || !strings.HasPrefix(cmd.Name(), "eval") {
			return err
		}
		return next(ctx, cmd)
	}
}

func (repeated) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// testCancelRepeated: whoever cancels a job in line hears so also when the first reply was
// lost, and others do not.
func testCancelRepeated(t *testing.T, b bench) {
	id, _ := b.accept(t)
	b.rdb.AddHook(repeated{})
	b.cancel(t, id, redisstore.CancelDone)
	b.wantState(t, id, job.Canceled)
	b.cancel(t, id, redisstore.CancelNothing)
}

func testCancelQueued(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	admitted, _ := b.accept(t)
	waiting, _ := b.accept(t)
	next, _ := b.accept(t)
	b.cancel(t, job.NewID(time.Now()), redisstore.CancelGone)
	if c := b.get(t, admitted).Cancel; c != nil {
		t.Errorf("nobody asked: %+v", c)
	}
	b.cancel(t, waiting, redisstore.CancelDone)
	if ok, err := b.Claim(t.Context(), admitted, job.StageSubmit, "w1"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	bells := b.cancel(t, admitted, redisstore.CancelDone)
	if len(bells) != 1 || bells[0].Job != next {
		t.Errorf("bells = %v, want one for %s", bells, next)
	}
	if fence, err := b.Begin(t.Context(), admitted, "w1"); fence != 0 || err != nil {
		t.Errorf("a canceled job can be submitted: fence %d, %v", fence, err)
	}
	b.cancel(t, admitted, redisstore.CancelNothing)
	for _, id := range []job.ID{admitted, waiting} {
		b.wantState(t, id, job.Canceled)
		b.wantCancel(t, id, job.CancelBeforeSubmit, job.BillingNone)
	}
	wantLog(t, b, waiting, job.EventQueued, job.EventCanceled)
	b.cancel(t, next, redisstore.CancelDone)
	b.wantNothingLeft(t)
}

// testCancelSubmitting: the wish meets a request on the wire. How that ends
// decides.
func testCancelSubmitting(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 9), acct("b", 9))
	tests := []struct {
		name    string
		ends    func(id job.ID, fence int64) (redisstore.Settled, error)
		settled redisstore.Settled
		state   job.State
		outcome job.CancelOutcome
		billing job.Billing
	}{
		{"not sent", func(id job.ID, fence int64) (redisstore.Settled, error) {
			return firstTwo(b.NotSent(t.Context(), id, "w1", fence, fewTries, redisstore.Rest{}))
		}, redisstore.Canceled, job.Canceled, job.CancelBeforeSubmit, job.BillingNone},
		{"to be sent again, and perhaps paid for", func(id job.ID, fence int64) (redisstore.Settled, error) {
			return firstTwo(b.NotSent(t.Context(), id, "w1", fence, fewTries, blindMinute))
		}, redisstore.Canceled, job.Canceled, job.CancelBeforeSubmit, job.BillingPossible},
		{"account refused", func(id job.ID, fence int64) (redisstore.Settled, error) {
			return firstTwo(b.Rejected(t.Context(), id, "w1", fence, account.Cooldown{Cause: account.RateLimit, For: time.Second}, fewTries))
		}, redisstore.Canceled, job.Canceled, job.CancelBeforeSubmit, job.BillingNone},
		{"made at once", func(id job.ID, fence int64) (redisstore.Settled, error) {
			return firstTwo(b.Accepted(t.Context(), id, "w", fence, "", oneSource, nil))
		}, redisstore.Written, job.Mirroring, job.CancelTooLate, job.BillingCharged},
		{"accepted", func(id job.ID, fence int64) (redisstore.Settled, error) {
			return firstTwo(b.Accepted(t.Context(), id, "w", fence, "cgt-1", nil, nil))
		}, redisstore.Written, job.Running, "", ""},
		{"refused", func(id job.ID, _ int64) (redisstore.Settled, error) {
			return firstTwo(b.Fail(t.Context(), id, "w1", fault.New(fault.ContentPolicy, "no"), redisstore.Rest{}))
		}, redisstore.Written, job.Failed, job.CancelTooLate, job.BillingNone},
		{"unknown", func(id job.ID, _ int64) (redisstore.Settled, error) {
			return firstTwo(b.Fail(t.Context(), id, "w1", fault.New(fault.OutcomeUnknown, "?"), redisstore.Rest{Stage: job.HarvestBlind, Blind: time.Minute}))
		}, redisstore.Written, job.Failed, job.CancelTooLate, job.BillingPossible},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, _ := b.accept(t)
			fence := b.begin(t, id, "w1")
			b.cancel(t, id, redisstore.CancelAsked)
			b.cancel(t, id, redisstore.CancelAsked)
			b.wantState(t, id, job.Submitting)
			must(t, tt.settled)(tt.ends(id, fence))
			b.wantState(t, id, tt.state)
			b.wantCancel(t, id, tt.outcome, tt.billing)
		})
	}
}

func testCancelRunning(t *testing.T, b bench) {
	for _, stopped := range []bool{true, false} {
		id := b.toRunning(t)
		if _, err := b.ClaimPolls(t.Context(), "p1", 10); err != nil {
			t.Fatal(err)
		}
		must(t, redisstore.Stale)(firstTwo(b.Canceled(t.Context(), id, "p1", stopped))) // nobody wants that
		b.cancel(t, id, redisstore.CancelAsked)
		if lost, err := b.Renew(t.Context(), []redisstore.Lease{{Job: id, Token: "p1"}}); len(lost) != 1 || err != nil {
			t.Errorf("who polls it is not told: %v, %v", lost, err)
		}
		if ids, err := b.ClaimPolls(t.Context(), "p2", 10); err != nil || !reflect.DeepEqual(ids, []job.ID{id}) {
			t.Fatalf("polls = %v, %v", ids, err)
		}
		if rows, err := b.Running(t.Context(), []job.ID{id}); err != nil || len(rows) != 1 || !rows[0].Cancel {
			t.Errorf("running = %+v, %v", rows, err)
		}
		must(t, redisstore.Stale)(firstTwo(b.Canceled(t.Context(), id, "p1", stopped)))
		must(t, redisstore.Written)(firstTwo(b.Canceled(t.Context(), id, "p2", stopped)))
		must(t, redisstore.Written)(firstTwo(b.Canceled(t.Context(), id, "p2", stopped))) // its reply was lost
		must(t, redisstore.Stale)(firstTwo(b.Canceled(t.Context(), id, "p1", stopped)))   // it is another's doing
		b.wantState(t, id, job.Canceled)
		if stopped {
			b.wantCancel(t, id, job.CancelConfirmed, job.BillingNone)
			b.wantNothingLeft(t)
			continue
		}
		b.wantCancel(t, id, job.CancelUnsupported, job.BillingPossible)
		if rows, err := b.Running(t.Context(), []job.ID{id}); err != nil || len(rows) != 1 || rows[0].Cancel {
			t.Errorf("running = %+v, %v", rows, err)
		}
		must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), id, "p2", oneSource, nil, 0)))
		if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); !ok || err != nil {
			t.Fatalf("claim = %v, %v", ok, err)
		}
		must(t, redisstore.Written)(b.Stored(t.Context(), id, "m", 0, job.Media{Name: "video-0.mp4"}))
		must(t, redisstore.Over)(firstTwo(b.Succeed(t.Context(), id, "m")))
		if j := b.wantState(t, id, job.Canceled); len(j.Media) != 1 || j.Recovered {
			t.Errorf("job = %+v", j)
		}
		b.wantCancel(t, id, job.CancelUnsupported, job.BillingCharged)
		wantLog(t, b, id, job.EventQueued, job.EventAdmitted, job.EventProgress, job.EventSubmitted, job.EventProgress, job.EventCanceled, job.EventMedia)
		b.wantNothingLeft(t)
	}
}

// testCancelTooLate: one winner, and the log says which.
func testCancelTooLate(t *testing.T, b bench) {
	id := b.toRunning(t)
	b.cancel(t, id, redisstore.CancelAsked)
	if _, err := b.ClaimPolls(t.Context(), "p", 10); err != nil {
		t.Fatal(err)
	}
	must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), id, "p", oneSource, nil, 0)))
	must(t, redisstore.Stale)(firstTwo(b.Canceled(t.Context(), id, "p", true)))
	if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	b.wantState(t, id, job.Succeeded)
	b.wantCancel(t, id, job.CancelTooLate, job.BillingCharged)

	id = b.toMirroring(t)
	b.cancel(t, id, redisstore.CancelAsked)
	b.wantCancel(t, id, job.CancelTooLate, job.BillingCharged)
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	b.wantState(t, id, job.Succeeded)
	b.wantNothingLeft(t)
}

func testCancelAfter(t *testing.T, b bench) {
	after := func(n *redisstore.NewJob) { n.CancelAfter = 150 * time.Millisecond }
	queued, _ := b.accept(t, after)
	quick, _ := b.accept(t, after)
	b.begin(t, quick, "w1")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), quick, "w1", fault.New(fault.ContentPolicy, "no"), redisstore.Rest{})))
	if n := b.rdb.ZCard(t.Context(), "{tt}:cancels").Val(); n != 1 {
		t.Errorf("%d jobs are to be canceled", n)
	}
	b.sweepUntil(t, func(s redisstore.Swept) bool { return slices.Contains(s.Ended, queued) })
	b.wantState(t, queued, job.Canceled)
	b.wantCancel(t, queued, job.CancelBeforeSubmit, job.BillingNone)

	running, _ := b.accept(t, after)
	fence := b.begin(t, running, "w1")
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), running, "w", fence, "cgt-1", nil, nil)))
	b.sweepUntil(t, func(redisstore.Swept) bool {
		rows, err := b.Running(t.Context(), []job.ID{running})
		return err == nil && len(rows) == 1 && rows[0].Cancel
	})
}
