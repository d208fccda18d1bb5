package redisstore_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

var fewTries = redisstore.Retry{Floor: 20 * time.Millisecond, Cap: time.Second, Tries: 3}

func testClaim(t *testing.T, b bench) {
	id, _ := b.accept(t)
	for _, tt := range []struct {
		token string
		stage job.Stage
		want  bool
	}{
		{"w1", job.StageMirror, false}, // not its stage yet
		{"w1", job.StageSubmit, true},
		{"w1", job.StageSubmit, true}, // its reply was lost
		{"w2", job.StageSubmit, false},
	} {
		if got, err := b.Claim(t.Context(), id, tt.stage, tt.token); got != tt.want || err != nil {
			t.Errorf("claim of %s by %s = %v, %v", tt.stage, tt.token, got, err)
		}
	}
	if fence, err := b.Begin(t.Context(), id, "w2"); fence != 0 || err != nil {
		t.Errorf("begin without the lease = %d, %v", fence, err)
	}
	if got, err := b.Claim(t.Context(), job.NewID(time.Now()), job.StageSubmit, "w1"); got || err != nil {
		t.Errorf("claim of an unknown job = %v, %v", got, err)
	}
}

func testLapse(t *testing.T, b bench) {
	id, bells := b.accept(t)
	b.begin(t, id, "w1")
	var again job.Bell
	b.sweepUntil(t, func(s redisstore.Swept) bool {
		i := slices.IndexFunc(s.Again, func(r job.Bell) bool { return r.Job == id })
		if i >= 0 {
			again = s.Again[i]
		}
		return i >= 0
	})
	if again.Stage != job.StageSubmit || again.N <= bells[0].N {
		t.Errorf("rung again with %+v after %+v", again, bells[0])
	}
	if ok, err := b.Claim(t.Context(), id, job.StageSubmit, "w2"); !ok || err != nil {
		t.Fatalf("the lapsed job cannot be taken over: %v, %v", ok, err)
	}
	if j := b.wantState(t, id, job.Submitting); j.Fence != 1 {
		t.Errorf("fence = %d, want that of the first worker", j.Fence)
	}
	if fence, err := b.Begin(t.Context(), id, "w2"); fence != 0 || err != nil {
		t.Errorf("a second submission could begin: fence %d, %v", fence, err)
	}
}

func testFence(t *testing.T, b bench) {
	id, _ := b.accept(t)
	first := b.begin(t, id, "w1")
	if again, err := b.Begin(t.Context(), id, "w1"); again != first || err != nil {
		t.Errorf("begin repeated = %d, %v; want %d", again, err, first)
	}
	must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, "w1", first, fewTries, redisstore.Rest{})))
	second := b.begin(t, id, "w2")
	if second <= first {
		t.Errorf("fence went from %d to %d", first, second)
	}
	must(t, redisstore.Stale)(firstTwo(b.Accepted(t.Context(), id, "w", first, "old", nil, nil)))
	must(t, redisstore.Stale)(firstTwo(b.NotSent(t.Context(), id, "w1", first, fewTries, redisstore.Rest{})))
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", second, "new", nil, nil)))
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", second, "new", nil, nil))) // its reply was lost
	must(t, redisstore.Known)(firstTwo(b.Accepted(t.Context(), id, "w2", second, "new", nil, nil)))  // by who looked it up
	if j := b.wantState(t, id, job.Running); j.UpstreamID != "new" || j.Version != 6 {
		t.Errorf("job = %+v", j)
	}
}

func testLateAnswer(t *testing.T, b bench) {
	id, _ := b.accept(t)
	fence := b.begin(t, id, "w1")
	b.sweepUntil(t, func(s redisstore.Swept) bool { return len(s.Again) == 1 })
	if ok, err := b.Claim(t.Context(), id, job.StageSubmit, "w2"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "late", nil, nil))) // by the first worker
	b.wantState(t, id, job.Running)

	other, _ := b.accept(t)
	fence = b.begin(t, other, "w1")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), other, "w1", fault.New(fault.OutcomeUnknown, "?"), redisstore.Rest{})))
	must(t, redisstore.Late)(firstTwo(b.Accepted(t.Context(), other, "w", fence, "later", nil, nil)))
	if j := b.wantState(t, other, job.Failed); j.UpstreamID != "later" || j.Doing() != job.Running {
		t.Errorf("the late answer is not harvested: %+v", j)
	}
}

func testUnsettled(t *testing.T, b bench) {
	id, _ := b.accept(t)
	fence := b.begin(t, id, "w1")
	b.sweepUntil(t, func(s redisstore.Swept) bool { return len(s.Again) == 1 })
	takeOver := func(token string) {
		t.Helper()
		if ok, err := b.Claim(t.Context(), id, job.StageSubmit, token); !ok || err != nil {
			t.Fatalf("claim = %v, %v", ok, err)
		}
	}
	takeOver("w2")
	if wait, over, err := b.Unsettled(t.Context(), id, "w2", 600*time.Millisecond, 0, false); !wait || over || err != nil {
		t.Fatalf("while the answer may come: wait %v, over %v, %v", wait, over, err)
	}
	b.sweepUntil(t, func(s redisstore.Swept) bool { return len(s.Again) == 1 })
	takeOver("w3")
	if wait, over, err := b.Unsettled(t.Context(), id, "w3", 600*time.Millisecond, 0, false); wait || !over || err != nil {
		t.Fatalf("when it cannot come any more: wait %v, over %v, %v", wait, over, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "at last", nil, nil)))
	if wait, over, err := b.Unsettled(t.Context(), id, "w3", time.Hour, 0, false); wait || over || err != nil {
		t.Errorf("when it has come: wait %v, over %v, %v", wait, over, err)
	}
}

// testBegunMaySettle plays workers that lost their lease while the request was
// on the wire, as happens when Redis is away, and then learned that nothing was
// created.
func testBegunMaySettle(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 9))
	type begun struct {
		id    job.ID
		fence int64
	}
	var all []begun
	rung := map[job.ID]bool{}
	for range 5 {
		id, _ := b.accept(t)
		all = append(all, begun{id, b.begin(t, id, "slow")})
	}
	b.sweepUntil(t, func(s redisstore.Swept) bool {
		for _, r := range s.Again {
			rung[r.Job] = true
		}
		return len(rung) == len(all)
	})
	lapsed := func() (job.ID, int64) { // and taken over
		t.Helper()
		next := all[0]
		all = all[1:]
		if ok, err := b.Claim(t.Context(), next.id, job.StageSubmit, "other"); !ok || err != nil {
			t.Fatalf("claim = %v, %v", ok, err)
		}
		return next.id, next.fence
	}
	id, fence := lapsed()
	must(t, redisstore.Stale)(firstTwo(b.NotSent(t.Context(), id, "stranger", fence, fewTries, redisstore.Rest{})))
	must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, "slow", fence, fewTries, redisstore.Rest{})))
	b.wantState(t, id, job.Queued)

	id, fence = lapsed()
	must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, "other", fence, fewTries, redisstore.Rest{}))) // it has looked at the upstream
	b.wantState(t, id, job.Queued)

	id, _ = lapsed()
	must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, "slow", 0, fewTries, redisstore.Rest{}))) // its begin had no reply
	b.wantState(t, id, job.Queued)

	id, _ = lapsed()
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "slow", fault.New(fault.ContentPolicy, "no"), redisstore.Rest{})))
	b.wantState(t, id, job.Failed)

	id, fence = lapsed()
	must(t, redisstore.Written)(firstTwo(b.Rejected(t.Context(), id, "slow", fence, cooldown(account.RateLimit, time.Millisecond), fewTries)))
}

func testBeginAfterDeadline(t *testing.T, b bench) {
	id, _ := b.accept(t, func(n *redisstore.NewJob) { n.Deadline = time.Millisecond })
	deadline := b.get(t, id).Deadline
	for now := deadline; !now.After(deadline); {
		var err error
		if now, err = b.rdb.Time(t.Context()).Result(); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := b.Claim(t.Context(), id, job.StageSubmit, "w1"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	if fence, err := b.Begin(t.Context(), id, "w1"); fence != 0 || err != nil {
		t.Errorf("a submission began after the deadline: fence %d, %v", fence, err)
	}
}

func testStrikes(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 9))
	type begun struct {
		id    job.ID
		fence int64
	}
	var jobs []begun
	for range 5 {
		id, _ := b.accept(t)
		jobs = append(jobs, begun{id, b.begin(t, id, "w")})
	}
	patient := redisstore.Retry{Floor: 10 * time.Second, Cap: time.Hour}
	for _, j := range jobs {
		must(t, redisstore.Written)(firstTwo(b.Rejected(t.Context(), j.id, "w", j.fence, cooldown(account.RateLimit, 0), patient)))
	}
	if n := b.rdb.HGet(t.Context(), "{tt}:acct:a", "strikes").Val(); n != "1" {
		t.Errorf("%s strikes, want 1", n)
	}
}

func testDefer(t *testing.T, b bench) {
	id := b.toMirroring(t)
	if err := b.Defer(t.Context(), id, "m", 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	must(t, redisstore.Stale)(b.Stored(t.Context(), id, "m", 0, job.Media{}))
	b.sweepUntil(t, func(s redisstore.Swept) bool { return len(s.Again) == 1 && s.Again[0].Stage == job.StageMirror })
}

// testUnused has workers give a fence back under which they did nothing.
func testUnused(t *testing.T, b bench) {
	id, _ := b.accept(t)
	uncounted := redisstore.Retry{Floor: time.Millisecond}
	var gaveBack []string
	begin := func(token string, want int64) {
		t.Helper()
		if fence := b.begin(t, id, token); fence != want {
			t.Errorf("%s got the fence %d, want %d", token, fence, want)
		}
		if got, err := b.Unused(t.Context(), id); err != nil || !slices.Equal(got, gaveBack) {
			t.Errorf("unused are %q, %v; want %q", got, err, gaveBack)
		}
	}
	for range fewTries.Tries + 2 { // none of them counts
		token := fmt.Sprintf("w%d", len(gaveBack))
		begin(token, 1)
		must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, token, 0, uncounted, redisstore.Rest{})))
		must(t, redisstore.Stale)(firstTwo(b.NotSent(t.Context(), id, token, 0, uncounted, redisstore.Rest{}))) // its reply was lost
		b.wantState(t, id, job.Queued)
		gaveBack = append(gaveBack, token)
	}
	begin("user", 1)
	must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, "user", 1, uncounted, redisstore.Rest{})))
	gaveBack = nil
	begin("next", 2)
	must(t, redisstore.Stale)(firstTwo(b.NotSent(t.Context(), id, "w0", 0, uncounted, redisstore.Rest{})))
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", 2, "cgt-1", nil, nil)))
}

func testNotSent(t *testing.T, b bench) {
	id, _ := b.accept(t)
	for try := range fewTries.Tries {
		token := string(rune('a' + try))
		fence := b.begin(t, id, token)
		want := redisstore.Written
		if try == fewTries.Tries-1 {
			want = redisstore.Spent
		}
		must(t, want)(firstTwo(b.NotSent(t.Context(), id, token, fence, fewTries, redisstore.Rest{})))
		if want == redisstore.Written {
			b.wantState(t, id, job.Queued)
			b.sweepUntil(t, func(s redisstore.Swept) bool { return len(s.Again) == 1 })
		}
	}
	b.wantState(t, id, job.Submitting) // the worker that has the lease fails it
}

// testNotSentElsewhere: the next try goes by another account, if one is free, and
// the slot with it.
func testNotSentElsewhere(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1), acct("b", 1), acct("c", 1, "other model"))
	id, _ := b.accept(t)
	for _, want := range []string{"b", "a"} {
		fence := b.begin(t, id, "w-"+want)
		must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, "w-"+want, fence, fewTries, redisstore.Rest{})))
		if got := b.get(t, id).Account; got != want {
			t.Errorf("account = %q, want %q", got, want)
		}
		b.sweepUntil(t, func(s redisstore.Swept) bool { return len(s.Again) == 1 })
	}
	other, _ := b.accept(t)
	for acct, holder := range map[string]job.ID{"a": id, "b": other} {
		if ids := b.rdb.SMembers(t.Context(), "{tt}:slots:"+acct).Val(); !slices.Equal(ids, []string{string(holder)}) {
			t.Errorf("slots of %s: %v", acct, ids)
		}
	}
	fence := b.begin(t, id, "w3") // b is taken now
	must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, "w3", fence, redisstore.Retry{Floor: time.Millisecond, Tries: 9}, redisstore.Rest{})))
	if got := b.get(t, id).Account; got != "a" {
		t.Errorf("account = %q", got)
	}
}

func cooldown(cause account.Cause, d time.Duration) account.Cooldown {
	return account.Cooldown{Account: "a", Cause: cause, For: d}
}

func testRejected(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1), acct("b", 1))
	id, _ := b.accept(t)
	fence := b.begin(t, id, "w1")
	began := time.Now()
	s, bells, err := b.Rejected(t.Context(), id, "w1", fence, cooldown(account.RateLimit, 200*time.Millisecond), fewTries)
	must(t, redisstore.Written)(s, err)
	if len(bells) != 1 || bells[0].Job != id || b.get(t, id).Account != "b" {
		t.Errorf("bells = %v, account = %q; want the job on b", bells, b.get(t, id).Account)
	}
	waiting, _ := b.accept(t)
	if got := b.get(t, waiting).Account; got != "" && time.Since(began) < 190*time.Millisecond { // else it may be over
		t.Errorf("a cooling account was used: %q", got)
	}
	b.sweepUntil(t, func(redisstore.Swept) bool { return !b.waits(t, waiting) })
}

func testRejectedPlace(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	first, _ := b.accept(t)
	second, _ := b.accept(t)
	fence := b.begin(t, first, "w1")
	must(t, redisstore.Written)(firstTwo(b.Rejected(t.Context(), first, "w1", fence, cooldown(account.Overload, 0), fewTries)))
	var order []job.ID
	b.sweepUntil(t, func(s redisstore.Swept) bool {
		for _, bell := range s.Admitted {
			order = append(order, bell.Job)
		}
		return len(order) > 0
	})
	if !reflect.DeepEqual(order, []job.ID{first}) {
		t.Errorf("admitted %v, want %s before %s", order, first, second)
	}
}

func testParked(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1), acct("b", 1))
	id, _ := b.accept(t)
	fence := b.begin(t, id, "w1")
	must(t, redisstore.Written)(firstTwo(b.Rejected(t.Context(), id, "w1", fence, cooldown(account.Auth, 0), fewTries)))
	fence = b.begin(t, id, "w2") // on the other account now
	must(t, redisstore.Spent)(firstTwo(b.Rejected(t.Context(), id, "w2", fence, cooldown(account.Auth, 0), fewTries)))
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w2", fault.New(fault.PoolExhausted, "no"), redisstore.Rest{})))
	_, _, err := b.Accept(t.Context(), newJob())
	wantFault(t, err, fault.PoolExhausted)
	changed := acct("a", 1)
	changed.Secret = account.NewSecret("another key")
	pool(t, b.Store, changed, acct("b", 1))
	revived, _ := b.accept(t)
	if got := b.get(t, revived).Account; got != "a" {
		t.Errorf("account = %q, want a with its new credential", got)
	}
}

func testPolls(t *testing.T, b bench) {
	id := b.toRunning(t)
	for i, want := range []int{1, 0} {
		if ids, err := b.ClaimPolls(t.Context(), "p1", 10); len(ids) != want || err != nil {
			t.Errorf("claim %d = %v, %v", i, ids, err)
		}
	}
	if ok, err := b.Progress(t.Context(), id, "p2", job.PhaseGenerating); ok || err != nil {
		t.Errorf("progress by another = %v, %v", ok, err)
	}
	if err := b.Release(t.Context(), []redisstore.Lease{{Job: id, Token: "p1"}, {Job: id, Token: "p9"}}); err != nil {
		t.Fatal(err)
	}
	if ids, err := b.ClaimPolls(t.Context(), "p2", 10); len(ids) != 1 || err != nil {
		t.Errorf("after the release = %v, %v", ids, err)
	}
	b.sweepUntil(t, func(redisstore.Swept) bool { // p2's lease lapses
		ids, err := b.ClaimPolls(t.Context(), "p3", 10)
		return err == nil && len(ids) == 1
	})
	must(t, redisstore.Stale)(firstTwo(b.Ready(t.Context(), id, "p2", []job.Source{{URL: "x"}}, nil, 0)))
}

func testRenew(t *testing.T, b bench) {
	held := b.toRunning(t)
	if _, err := b.ClaimPolls(t.Context(), "p1", 10); err != nil {
		t.Fatal(err)
	}
	final := b.toMirroring(t)
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), final, "m")))
	gone := job.NewID(time.Now())
	leases := []redisstore.Lease{{Job: held, Token: "p1"}, {Job: held, Token: "p2"}, {Job: final, Token: "m"}, {Job: gone, Token: "p1"}}
	lost, err := b.Renew(t.Context(), leases)
	if err != nil || !reflect.DeepEqual(lost, leases[1:]) {
		t.Errorf("lost = %v, %v", lost, err)
	}
}

func testDeadline(t *testing.T, b bench) {
	first, _ := b.accept(t, soon)
	b.begin(t, first, "w1")
	second, _ := b.accept(t, soon)
	waiting, _ := b.accept(t)
	expired := map[job.ID]bool{}
	b.sweepUntil(t, func(s redisstore.Swept) bool {
		for _, id := range s.Ended {
			expired[id] = true
		}
		return len(expired) == 2
	})
	if got := b.wantState(t, first, job.Failed).Failure.Code; got != fault.OutcomeUnknown {
		t.Errorf("a job being submitted failed with %s", got)
	}
	if got := b.wantState(t, second, job.Failed).Failure.Code; got != fault.GenerationTimeout {
		t.Errorf("a job in line failed with %s", got)
	}
	if b.get(t, waiting).Account == "" {
		t.Error("the slots of expired jobs were not given on")
	}
}

func testArchive(t *testing.T, b bench) {
	id := b.toMirroring(t)
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	pending := func(redisstore.Swept) bool {
		ids, err := b.Unarchived(t.Context(), 10)
		return err == nil && reflect.DeepEqual(ids, []job.ID{id})
	}
	b.sweepUntil(t, pending)
	if err := b.Postpone(t.Context(), id, time.Hour); err != nil {
		t.Fatal(err)
	}
	if ids, err := b.Unarchived(t.Context(), 10); len(ids) != 0 || err != nil {
		t.Errorf("postponed: %v, %v", ids, err)
	}
	if _, err := b.Archived(t.Context(), b.get(t, id)); err != nil {
		t.Fatal(err)
	}
	if n := b.rdb.ZCard(t.Context(), "{tt}:archive").Val(); n != 0 {
		t.Errorf("%d jobs still wait for the archive", n)
	}
}

func testNews(t *testing.T, b bench) {
	news := b.NewNews(time.Hour)
	ctx, cancel := contextWithCancel(t)
	done := make(chan error, 1)
	id, _ := b.accept(t)
	listener := news.Listen(id)
	defer listener.Stop()
	go func() { done <- news.Run(ctx) }()
	wait := func(what string) {
		t.Helper()
		select {
		case <-listener.Changed():
		case <-time.After(30 * time.Second):
			t.Fatalf("no news of %s", what)
		}
	}
	wait("the subscription itself")
	b.begin(t, id, "w1")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w1", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})))
	wait("the failure")
	cancel()
	if err := <-done; err == nil {
		t.Error("Run ended without a cause")
	}
}

// testLook: what nobody was told is found, by those alone who have not read it.
func testLook(t *testing.T, b bench) {
	news := b.NewNews(time.Hour)
	id, _ := b.accept(t)
	other, _ := b.accept(t)
	version := b.get(t, id).Version
	listen := func(id job.ID, saw int64) *redisstore.Listener {
		l := news.Listen(id)
		t.Cleanup(l.Stop)
		l.Saw(saw)
		return l
	}
	awake := func(l *redisstore.Listener) bool {
		select {
		case <-l.Changed():
			return true
		default:
			return false
		}
	}
	knows, behind, ahead := listen(id, version), listen(id, version-1), listen(id, version+1) // ahead of a Redis that has gone back in time
	lost := listen(job.NewID(time.Now()), 1)
	elsewhere := listen(other, b.get(t, other).Version)
	gone := news.Listen(id)
	gone.Stop()
	news.Look(t.Context())
	for name, l := range map[string]*redisstore.Listener{"behind": behind, "ahead": ahead, "of a job that is gone": lost} {
		if !awake(l) {
			t.Errorf("whoever is %s sleeps on", name)
		}
	}
	for name, l := range map[string]*redisstore.Listener{"knows it": knows, "waits for another job": elsewhere, "has stopped": gone} {
		if awake(l) {
			t.Errorf("whoever %s was woken", name)
		}
	}
	knows.Stop() // from the middle of a list
	b.begin(t, id, "w1")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w1", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})))
	news.Look(t.Context())
	if !awake(behind) || !awake(ahead) || awake(knows) {
		t.Error("the change was told to others than those who wait for it")
	}
}
