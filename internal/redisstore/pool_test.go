package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// quick bounds cooldowns so that tests need not wait for true ones.
var quick = redisstore.Retry{Floor: 100 * time.Millisecond, Cap: time.Second}

// refuse submits a job and has it refused.
func (b bench) refuse(t *testing.T, id job.ID, c account.Cooldown) redisstore.Settled {
	t.Helper()
	c.Account = b.get(t, id).Account
	fence := b.begin(t, id, "w")
	s, _, err := b.Rejected(t.Context(), id, "w", fence, c, quick)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func video(n *redisstore.NewJob) { n.Spec.Kind = job.Video }
func image(n *redisstore.NewJob) { n.Spec.Kind, n.Spec.UpstreamModel = job.Image, "m2" }

func (b bench) waits(t *testing.T, id job.ID) bool { t.Helper(); return b.get(t, id).Account == "" }

// testKindLimits: an account's limit of one kind leaves room for the other.
func testKindLimits(t *testing.T, b bench) {
	a := acct("a", 3)
	a.Kinds = map[string]account.KindLimits{"video": {MaxInFlight: 1}}
	pool(t, b.Store, a)
	first, _ := b.accept(t, video)
	second, _ := b.accept(t, video)
	picture, _ := b.accept(t, image)
	if b.waits(t, first) || !b.waits(t, second) || b.waits(t, picture) {
		t.Error("the second video alone should wait")
	}
	b.endOne(t, first)
	if b.waits(t, second) {
		t.Error("the second video should have the place of the first")
	}
}

// testQuota: an account's daily quota is used up, given back for what was not made,
// and begins anew.
func testQuota(t *testing.T, b bench) {
	a := acct("a", 9)
	a.Kinds = map[string]account.KindLimits{"video": {Daily: 2}}
	now := time.Now().UTC()
	a.Reset = account.Reset{At: time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute} // a day less some seconds from now
	pool(t, b.Store, a)
	first, _ := b.accept(t, video)
	b.accept(t, video)
	_, _, err := b.Accept(t.Context(), newJob())
	wantFault(t, err, fault.PoolExhausted)
	if wait := fault.From(err).RetryAfter; wait < 23*time.Hour || wait > 24*time.Hour {
		t.Errorf("to be tried again in %v, want the time until the reset", wait)
	}
	if _, _, err := b.Cancel(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	third, _ := b.accept(t, video) // nothing was submitted for the first
	if b.waits(t, third) {
		t.Error("what was not used is not given back")
	}
	// A refused prompt and an expired wait have made nothing either.
	fence := b.begin(t, third, "w")
	if fence != 1 {
		t.Fatal(fence)
	}
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), third, "w", fault.New(fault.ContentPolicy, "no"), redisstore.Rest{})))
	fourth, _ := b.accept(t, video)
	if b.waits(t, fourth) {
		t.Error("a refused prompt is counted")
	}
	// What may have been made is counted.
	b.begin(t, fourth, "w")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), fourth, "w", fault.New(fault.OutcomeUnknown, "?"), redisstore.Rest{Unsure: true})))
	_, _, err = b.Accept(t.Context(), newJob())
	wantFault(t, err, fault.PoolExhausted)
	b.rdb.HSet(t.Context(), "{tt}:acct:a", "reset", time.Now().Add(-time.Second).UnixMilli())
	if id, _ := b.accept(t, video); b.waits(t, id) {
		t.Error("the quota does not begin anew")
	}
	if _, _, err := b.Accept(t.Context(), newJob()); err != nil {
		t.Errorf("one of two was used: %v", err)
	}
	_, _, err = b.Accept(t.Context(), newJob())
	wantFault(t, err, fault.PoolExhausted)
}

// testPace: jobs of one account begin no closer than its gap and its rate say.
func testPace(t *testing.T, b bench) {
	for name, limit := range map[string]func(*account.Account){
		"gap":  func(a *account.Account) { a.Gap = 400 * time.Millisecond },
		"rate": func(a *account.Account) { a.PerMinute = 150 },
	} {
		a := acct(name, 9)
		limit(&a)
		pool(t, b.Store, a)
		began := time.Now()
		first, _ := b.accept(t)
		second, _ := b.accept(t)
		if b.waits(t, first) {
			t.Errorf("%s: the first should not wait", name)
		}
		if !b.waits(t, second) && time.Since(began) < 350*time.Millisecond { // else the time may be over
			t.Errorf("%s: the second should wait", name)
		}
		b.sweepUntil(t, func(redisstore.Swept) bool { return !b.waits(t, second) })
	}
}

// testWeights: an account of three times the weight has three times the work.
func testWeights(t *testing.T, b bench) {
	heavy, light := acct("heavy", 100), acct("light", 100)
	heavy.Weight = 3
	pool(t, b.Store, heavy, light)
	n := map[string]int{}
	for range 40 {
		id, _ := b.accept(t)
		n[b.get(t, id).Account]++
	}
	if n["heavy"] < 29 || n["heavy"] > 31 {
		t.Errorf("%v", n)
	}
}

// testCanary: after a cooldown of unknown length one job finds out, and the others
// wait for what it learns.
func testCanary(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 5))
	id, _ := b.accept(t)
	if s := b.refuse(t, id, account.Cooldown{Cause: account.Overload}); s != redisstore.Written {
		t.Fatalf("settled as %s", s)
	}
	second, _ := b.accept(t)
	third, _ := b.accept(t)
	b.sweepUntil(t, func(redisstore.Swept) bool { return !b.waits(t, id) })
	if !b.waits(t, second) || !b.waits(t, third) {
		t.Fatal("one job, the first, should find out")
	}
	b.refuse(t, id, account.Cooldown{Cause: account.Overload}) // and again
	b.sweepUntil(t, func(redisstore.Swept) bool { return !b.waits(t, id) })
	fence := b.begin(t, id, "w")
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "cgt-1", nil, nil)))
	b.sweepUntil(t, func(redisstore.Swept) bool { return !b.waits(t, second) && !b.waits(t, third) })
	var told []string
	for _, line := range b.rdb.LRange(t.Context(), "{tt}:history:a", 0, -1).Val() {
		told = append(told, line[strings.Index(line, `"what"`):])
	}
	if len(told) != 3 {
		t.Errorf("history: %q", told)
	}
}

// testCanaryCanceled: a canary that ends without an answer leaves the question to
// another.
func testCanaryCanceled(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 5))
	id, _ := b.accept(t)
	b.refuse(t, id, account.Cooldown{Cause: account.Overload})
	second, _ := b.accept(t)
	b.sweepUntil(t, func(redisstore.Swept) bool { return !b.waits(t, id) })
	if _, _, err := b.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if b.waits(t, second) {
		t.Error("nobody finds out any more")
	}
}

// testBreaker: where many accounts fail alike at once it is the upstream that is
// left alone, and no account bears a mark of it.
func testBreaker(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1), acct("b", 1), acct("c", 1), acct("d", 1))
	var ids []job.ID
	for range 4 {
		id, _ := b.accept(t)
		ids = append(ids, id)
	}
	began := time.Now()
	for _, id := range ids[:3] {
		b.refuse(t, id, account.Cooldown{Cause: account.RiskControl})
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		if got := b.rdb.HMGet(t.Context(), "{tt}:acct:"+name, "cool", "strikes").Val(); got[0] != nil || got[1] != nil {
			t.Errorf("account %s: %v", name, got)
		}
	}
	if ms, err := b.rdb.HGet(t.Context(), "{tt}:state:up/up", "cool").Int64(); err != nil || time.UnixMilli(ms).Before(began) {
		t.Errorf("the upstream cools until %d, %v; the refusals began at %d", ms, err, began.UnixMilli())
	}
	var canary job.ID
	b.sweepUntil(t, func(redisstore.Swept) bool {
		for _, id := range ids[:3] {
			if !b.waits(t, id) {
				canary = id
			}
		}
		return canary != ""
	})
	fence := b.begin(t, canary, "w")
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), canary, "w", fence, "cgt-1", nil, nil)))
	b.sweepUntil(t, func(redisstore.Swept) bool { return !b.waits(t, ids[0]) && !b.waits(t, ids[1]) && !b.waits(t, ids[2]) })
}

// testNewCredential: a credential that was changed ends what the old one met, and a
// changed limit does not.
func testNewCredential(t *testing.T, b bench) {
	a, other := acct("a", 1), acct("b", 1)
	pool(t, b.Store, a, other)
	id, _ := b.accept(t)
	b.refuse(t, id, account.Cooldown{Cause: account.Auth, Evidence: "no such key"})
	a.MaxInFlight = 2
	pool(t, b.Store, a)
	_, _, err := b.Accept(t.Context(), newJob())
	wantFault(t, err, fault.PoolExhausted)
	a.Secret = account.NewSecret("another")
	pool(t, b.Store, a)
	if id, _ := b.accept(t); b.get(t, id).Account != "a" {
		t.Error("a new credential is not used")
	}
}

// testFarCooldown: nobody waits for what cannot come in time.
func testFarCooldown(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	id, _ := b.accept(t)
	if s := b.refuse(t, id, account.Cooldown{Cause: account.Quota, Model: "m1", For: time.Hour}); s != redisstore.Spent {
		t.Errorf("settled as %s: the deadline is in a minute", s)
	}
	_, _, err := b.Accept(t.Context(), newJob())
	wantFault(t, err, fault.PoolExhausted)
	if wait := fault.From(err).RetryAfter; wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("to be tried again in %v", wait)
	}
}
