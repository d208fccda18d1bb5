package redisstore_test

import (
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

func (b bench) sweep(t *testing.T, most int) redisstore.Swept {
	t.Helper()
	swept, err := b.Sweep(t.Context(), most)
	if err != nil {
		t.Fatal(err)
	}
	return swept
}

// spend has a job refused for which there is no other account, and ends it.
func (b bench) spend(t *testing.T, id job.ID, c account.Cooldown) {
	t.Helper()
	must(t, redisstore.Spent)(b.refuse(t, id, c), nil)
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w", fault.New(fault.PoolExhausted, "no"), redisstore.Rest{})))
}

func (b bench) turn(t *testing.T, acct string, what redisstore.Switch) {
	t.Helper()
	if _, err := b.Switch(t.Context(), acct, what); err != nil {
		t.Fatal(err)
	}
}

// wantTenantIdle: a tenant of whom nothing waits and nothing runs counts as such.
func (b bench) wantTenantIdle(t *testing.T, tenant string) {
	t.Helper()
	for _, key := range []string{"busy:", "waits:", "held:"} {
		if b.rdb.Exists(t.Context(), "{tt}:"+key+tenant).Val() != 0 {
			t.Errorf("%s%s is not empty", key, tenant)
		}
	}
}

// story is the log of a job in words.
func (b bench) story(t *testing.T, id job.ID) string {
	t.Helper()
	events, err := b.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, e := range events {
		words = append(words, string(e.Type))
	}
	return strings.Join(words, " ")
}

// testStranded: when the last account is parked, whoever waits for it is told at
// once and not at the deadline.
func testStranded(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	first, _ := b.accept(t)
	second, _ := b.accept(t)
	if got := b.sweep(t, 100); len(got.Stranded) != 0 {
		t.Fatalf("a busy account strands %v", got.Stranded)
	}
	b.spend(t, first, account.Cooldown{Cause: account.Auth})
	swept := b.sweep(t, 100)
	if !slices.Equal(swept.Stranded, []job.ID{second}) || len(swept.Moved) != 0 || len(swept.Ended) != 0 {
		t.Fatalf("%+v", swept)
	}
	j := b.wantState(t, second, job.Failed)
	if j.Failure == nil || j.Failure.Code != fault.PoolExhausted || j.Failure.Param != "model" || !strings.Contains(j.Failure.Message, "tintype accounts") {
		t.Errorf("%+v", j.Failure)
	}
	if got := b.story(t, second); got != "job.queued job.failed" {
		t.Errorf("its log: %s", got)
	}
	b.wantTenantIdle(t, j.Tenant)
	if p, err := b.Pool(t.Context(), "up"); err != nil || p.Waiting != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if b.rdb.ZScore(t.Context(), "{tt}:archive", string(second)).Err() != nil || b.rdb.ZScore(t.Context(), "{tt}:deadlines", string(second)).Err() == nil {
		t.Error("it is not put away as every job that has ended")
	}
}

// testStrandedMoves: a job that has another place goes on there.
func testStrandedMoves(t *testing.T, b bench) {
	also := twoPlaces(t, b)
	first, _ := b.accept(t)
	moves, _ := b.accept(t, also)
	stays, _ := b.accept(t)
	b.turn(t, "a", redisstore.Disable)
	swept := b.sweep(t, 100)
	if !slices.Equal(swept.Moved, []job.ID{moves}) || !slices.Equal(swept.Stranded, []job.ID{stays}) {
		t.Fatalf("%+v", swept)
	}
	b.wantPlace(t, moves, "second", "m9", "z")
	if len(swept.Admitted) != 1 || swept.Admitted[0].Job != moves {
		t.Errorf("it is not rung for: %v", swept.Admitted)
	}
	if got := b.story(t, moves); got != "job.queued job.progress job.admitted" {
		t.Errorf("its log: %s", got)
	}
	b.wantState(t, first, job.Queued) // it has its slot
	b.endOne(t, first)
	b.endOne(t, moves)
	b.wantTenantIdle(t, "key:test")
}

// testRevived: an account that works again before anybody has looked serves its line,
// and so does one that is only disabled beside another.
func testRevived(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1), acct("b", 1))
	first, _ := b.accept(t)
	second, _ := b.accept(t)
	third, _ := b.accept(t)
	b.turn(t, "a", redisstore.Disable)
	if got := b.sweep(t, 100); len(got.Stranded) != 0 {
		t.Fatalf("%v, while another account serves", got.Stranded)
	}
	b.turn(t, "b", redisstore.Disable)
	b.turn(t, "b", redisstore.Enable)
	if got := b.sweep(t, 100); len(got.Stranded) != 0 {
		t.Fatalf("%v, while the account is back", got.Stranded)
	}
	admitted := append(b.endOne(t, first), b.endOne(t, second)...)
	if !slices.Equal(admitted, []job.ID{third}) {
		t.Errorf("admitted %v, want %s", admitted, third)
	}
}

// testStrandedByDeadline: a cooldown that ends before a job's deadline is waited for,
// and one that ends after it is not.
func testStrandedByDeadline(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 2))
	first, _ := b.accept(t)
	other, _ := b.accept(t)
	patient, _ := b.accept(t, func(n *redisstore.NewJob) { n.Deadline = 2 * time.Hour })
	hasty, _ := b.accept(t)
	b.spend(t, first, account.Cooldown{Cause: account.Quota, Model: "m1", For: time.Hour})
	if got := b.sweep(t, 100); !slices.Equal(got.Stranded, []job.ID{hasty}) {
		t.Fatalf("%+v", got)
	}
	b.wantState(t, patient, job.Queued)
	b.turn(t, "a", redisstore.Clear)
	if b.waits(t, patient) {
		t.Error("the account is back, and the job still waits")
	}
	b.wantState(t, other, job.Queued)
}

// testPausedLine: an operator who pauses an upstream wants its jobs to wait, whatever
// is done with its accounts meanwhile.
func testPausedLine(t *testing.T, b bench) {
	also := twoPlaces(t, b)
	first, _ := b.accept(t)
	waits, _ := b.accept(t, also)
	if _, err := b.Pause(t.Context(), "up", true); err != nil {
		t.Fatal(err)
	}
	b.turn(t, "a", redisstore.Disable)
	if got := b.sweep(t, 100); len(got.Stranded)+len(got.Moved) != 0 {
		t.Fatalf("%+v", got)
	}
	b.endOne(t, first)
	b.turn(t, "a", redisstore.Enable)
	if _, err := b.Pause(t.Context(), "up", false); err != nil {
		t.Fatal(err)
	}
	b.wantPlace(t, waits, "up", "m1", "a")
}

// testStrandedHeld: a job over its tenant's limits is not kept for an upstream that
// will not serve it; what can go elsewhere stays behind the limits there.
func testStrandedHeld(t *testing.T, b bench) {
	also := twoPlaces(t, b)
	limited := func(n *redisstore.NewJob) { n.Share.Limits.Running = 1 }
	running, _ := b.accept(t, limited)
	moves, _ := b.accept(t, limited, also)
	ends, _ := b.accept(t, limited)
	b.turn(t, "a", redisstore.Disable)
	due := func() { b.rdb.ZAdd(t.Context(), "{tt}:tenants", redis.Z{Member: "key:test"}) }
	due()
	swept := b.sweep(t, 100)
	if !slices.Equal(swept.Moved, []job.ID{moves}) || !slices.Equal(swept.Stranded, []job.ID{ends}) {
		t.Fatalf("%+v", swept)
	}
	b.wantPlace(t, moves, "second", "m9", "")
	due()
	if swept := b.sweep(t, 100); len(swept.Moved)+len(swept.Stranded) != 0 {
		t.Fatalf("%+v", swept)
	}
	b.endOne(t, running)
	b.wantPlace(t, moves, "second", "m9", "z")
	b.endOne(t, moves)
	b.wantTenantIdle(t, "key:test")
}

// testLongLine: one sweep looks at no more than it is told to, and the next goes on
// behind those that stay.
func testLongLine(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	first, _ := b.accept(t)
	var patient, hasty []job.ID
	for range 6 {
		id, _ := b.accept(t, func(n *redisstore.NewJob) { n.Deadline = 2 * time.Hour })
		patient = append(patient, id)
	}
	for range 5 {
		id, _ := b.accept(t)
		hasty = append(hasty, id)
	}
	b.spend(t, first, account.Cooldown{Cause: account.Quota, For: time.Hour})
	var found []job.ID
	for round := range 6 {
		got := b.sweep(t, 4).Stranded
		if len(got) > 4 || round == 0 && len(got) != 0 {
			t.Fatalf("round %d: %v", round, got)
		}
		found = append(found, got...)
	}
	slices.Sort(found)
	slices.Sort(hasty)
	if !slices.Equal(found, hasty) {
		t.Errorf("found %v, want %v", found, hasty)
	}
	for _, id := range patient {
		b.wantState(t, id, job.Queued)
	}
}

// testUnsureStays: a job that may have been paid for is not sent to another upstream,
// and if it ends that is said.
func testUnsureStays(t *testing.T, b bench) {
	also := twoPlaces(t, b)
	three := redisstore.Retry{Floor: time.Millisecond, Cap: time.Second, Tries: 3}
	maybe := redisstore.Rest{Stage: job.HarvestBlind, Blind: time.Minute}
	id, _ := b.accept(t, also)
	must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, "w", b.begin(t, id, "w"), three, maybe)))
	if s := b.refuse(t, id, account.Cooldown{Cause: account.RateLimit, For: 30 * time.Second}); s != redisstore.Written {
		t.Fatalf("settled as %s", s)
	}
	b.wantPlace(t, id, "up", "m1", "")
	b.turn(t, "a", redisstore.Disable)
	if got := b.sweep(t, 100); !slices.Equal(got.Stranded, []job.ID{id}) {
		t.Fatalf("%+v", got)
	}
	if j := b.wantState(t, id, job.Failed); j.Failure == nil || j.Failure.Code != fault.OutcomeUnknown || j.Harvest != job.HarvestBlind {
		t.Errorf("%+v", j)
	}
}

// testLostAccounts: accounts that Redis has lost will be written again, and say
// nothing; accounts that the operator has taken away do.
func testLostAccounts(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	b.accept(t)
	second, _ := b.accept(t)
	b.rdb.Del(t.Context(), "{tt}:pool:up/up")
	if got := b.sweep(t, 100); len(got.Stranded) != 0 {
		t.Fatalf("%v", got.Stranded)
	}
	pool(t, b.Store)
	if got := b.sweep(t, 100); !slices.Equal(got.Stranded, []job.ID{second}) {
		t.Fatalf("%+v", got)
	}
}
