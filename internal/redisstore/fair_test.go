package redisstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

func of(tenant string) func(*redisstore.NewJob) {
	return func(n *redisstore.NewJob) { n.Tenant = tenant }
}

// endOne ends an admitted job and gives the jobs that are admitted for it.
func (b bench) endOne(t *testing.T, id job.ID) []job.ID {
	t.Helper()
	if ok, err := b.Claim(t.Context(), id, job.StageSubmit, "w"); err != nil || !ok {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	s, bells, err := b.Fail(t.Context(), id, "w", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})
	must(t, redisstore.Written)(s, err)
	var ids []job.ID
	for _, bell := range bells {
		ids = append(ids, bell.Job)
	}
	return ids
}

// served ends jobs one after the other, and tells in which order the others were
// admitted.
func (b bench) served(t *testing.T, running ...job.ID) []job.ID {
	t.Helper()
	var order []job.ID
	for len(running) > 0 {
		next := b.endOne(t, running[0])
		running, order = append(running[1:], next...), append(order, next...)
	}
	return order
}

// testWhale: a small tenant's k-th job starts within k rounds, whoever was there
// first with however many.
func testWhale(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	first, _ := b.accept(t, of("whale"))
	const tenants, each = 10, 5
	many := 1000
	if b.slow {
		many = 100
	}
	for range many {
		b.accept(t, of("whale"))
	}
	kth := map[job.ID]int{}
	for k := range each {
		for i := range tenants {
			id, _ := b.accept(t, of(fmt.Sprint("small", i)))
			kth[id] = k + 1
		}
	}
	order := b.served(t, first)
	if len(order) != many+tenants*each {
		t.Fatalf("%d jobs were served", len(order))
	}
	for at, id := range order {
		if k := kth[id]; k > 0 && at >= k*(tenants+1) {
			t.Errorf("a small tenant's job %d was served as number %d", k, at)
		}
	}
}

// testCost: a tenant whose jobs cost more has fewer of them served.
func testCost(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	first, _ := b.accept(t, of("z"))
	video := map[job.ID]bool{}
	for range 10 {
		id, _ := b.accept(t, of("films"), func(n *redisstore.NewJob) { n.Share.Cost = 4 })
		video[id] = true
		b.accept(t, of("pictures"))
	}
	served := 0
	for _, id := range b.served(t, first)[:10] {
		if video[id] {
			served++
		}
	}
	if served != 2 && served != 3 {
		t.Errorf("%d of the first 10 are those that cost four times as much", served)
	}
}

// testPriorities: a high priority is ahead, and a low one is not behind for ever.
func testPriorities(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	first, _ := b.accept(t)
	as := func(p job.Priority) job.ID {
		id, _ := b.accept(t, func(n *redisstore.NewJob) { n.Share.Priority = p })
		return id
	}
	low := as(job.Low)
	for range 5 {
		as(job.Normal)
	}
	high := as(job.High)
	running := b.endOne(t, first)
	if !slices.Equal(running, []job.ID{high}) {
		t.Fatalf("admitted %v, want the job of high priority", running)
	}
	for n := 0; running[0] != low; n++ {
		as(job.Normal) // there is always another one
		if running = b.endOne(t, running[0]); n > 40 {
			t.Fatal("a low priority is never served")
		}
	}
}

// testTenantLimits: jobs over what their tenant may have at once wait, while others'
// go by, and only a full line is refused.
func testTenantLimits(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 5))
	limited := func(n *redisstore.NewJob) {
		n.Tenant, n.Share.Limits = "limited", redisstore.TenantLimits{Running: 2, Waiting: 2}
	}
	var ids []job.ID
	for range 4 {
		id, _ := b.accept(t, limited)
		ids = append(ids, id)
	}
	_, _, err := b.Accept(t.Context(), func() redisstore.NewJob { n := newJob(); limited(&n); return n }())
	wantFault(t, err, fault.QueueFull)
	if id, _ := b.accept(t, of("other")); b.get(t, id).Account == "" {
		t.Error("another tenant waits for one that is at its limit")
	}
	if p, err := b.Position(t.Context(), ids[3]); err != nil || p == nil || p.Ahead != 1 {
		t.Errorf("position = %+v, %v", p, err)
	}
	if got := b.endOne(t, ids[0]); !slices.Equal(got, ids[2:3]) {
		t.Errorf("admitted %v, want %s", got, ids[2])
	}
	if _, _, err := b.Cancel(t.Context(), ids[3]); err != nil {
		t.Fatal(err)
	}
	if got := b.endOne(t, ids[1]); len(got) != 0 {
		t.Errorf("a canceled job was admitted: %v", got)
	}
}

// testTenantRate: jobs that come too fast wait until their time comes.
func testTenantRate(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 9))
	fast := func(n *redisstore.NewJob) { n.Tenant, n.Share.Limits.PerMinute = "fast", 240 }
	began := time.Now()
	first, _ := b.accept(t, fast)
	second, _ := b.accept(t, fast)
	if b.waits(t, first) || !b.waits(t, second) && time.Since(began) < 200*time.Millisecond {
		t.Fatal("the first is admitted, the second waits")
	}
	b.sweepUntil(t, func(redisstore.Swept) bool { return !b.waits(t, second) })
}

// testRisen: a position that has risen since it was told says so.
func testRisen(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	running, _ := b.accept(t, of("a"))
	b.accept(t, of("a"))
	last, _ := b.accept(t, of("a"))
	want := func(ahead int64, risen bool) {
		t.Helper()
		if p, err := b.Position(t.Context(), last); err != nil || p == nil || p.Ahead != ahead || p.Risen != risen {
			t.Errorf("position = %+v, %v; want %d ahead, risen %v", p, err, ahead, risen)
		}
	}
	want(1, false)
	b.accept(t, of("b"))
	want(2, true)
	want(2, false)
	b.endOne(t, running)
	want(1, false)
}

// testFairness of lanes: tenants of one pool share it over all models.
func testLanes(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	first, _ := b.accept(t, of("z"))
	model := func(name string) func(*redisstore.NewJob) {
		return func(n *redisstore.NewJob) { n.Spec.UpstreamModel = name }
	}
	one := map[job.ID]bool{}
	for range 10 {
		for _, m := range []string{"m1", "m2", "m3"} { // in three lines
			b.accept(t, of("many"), model(m))
		}
		id, _ := b.accept(t, of("one"), model("m1"))
		one[id] = true
	}
	n := 0
	for _, id := range b.served(t, first)[:10] {
		if one[id] {
			n++
		}
	}
	if n < 4 || n > 6 {
		t.Errorf("%d of the first 10 are of the tenant that stands in one line only", n)
	}
}

// testTurnsOfLongAgo: who comes back after a while is not ahead of all for what it
// did not use.
func testTurnsOfLongAgo(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	first, _ := b.accept(t, of("busy"))
	for range 10 {
		b.accept(t, of("busy"))
	}
	running := b.endOne(t, first)
	for range 5 {
		running = b.endOne(t, running[0])
	}
	var late []job.ID
	for range 4 {
		id, _ := b.accept(t, of("late"))
		late = append(late, id)
	}
	order := b.served(t, running...)
	if at := slices.Index(order, late[3]); at < 5 || at > 8 {
		t.Errorf("the fourth of the late ones was number %d; want it in turn with the others", at)
	}
}
