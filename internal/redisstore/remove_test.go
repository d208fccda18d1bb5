package redisstore_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// failed gives a job that has ended without anything left to come.
func (b bench) failed(t *testing.T, change ...func(*redisstore.NewJob)) *job.Job {
	t.Helper()
	id, _ := b.accept(t, change...)
	b.begin(t, id, "w1")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w1", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})))
	return b.get(t, id)
}

func (b bench) expired(t *testing.T, lease time.Duration) []job.ID {
	t.Helper()
	ids, err := b.Expired(t.Context(), 10, lease)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// expiredUntil asks until a job is among those to be removed.
func (b bench) expiredUntil(t *testing.T, id job.ID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !slices.Contains(b.expired(t, time.Minute), id) {
		select {
		case <-ctx.Done():
			t.Fatalf("%s is never to be removed", id)
		case <-tick.C:
		}
	}
}

func (b bench) forget(t *testing.T, j *job.Job, want redisstore.Forgot) {
	t.Helper()
	if got, err := b.Forget(t.Context(), j); got != want || err != nil {
		t.Errorf("forgotten %s, %v; want %s", got, err, want)
	}
}

// wantGone checks that of a job nothing is left but that it was there.
func (b bench) wantGone(t *testing.T, j *job.Job) {
	t.Helper()
	if _, err := b.Get(t.Context(), j.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the record: %v", err)
	}
	if log, err := b.Events(t.Context(), j.ID, 0); len(log) > 0 || err != nil {
		t.Errorf("the log: %v, %v", log, err)
	}
	for _, set := range []string{"expiries", "archive", "mine:" + j.Tenant} {
		if n := b.rdb.ZCard(t.Context(), "{tt}:"+set).Val(); n != 0 {
			t.Errorf("%d entries in %s", n, set)
		}
	}
	trace, err := b.Trace(t.Context(), j.ID)
	if want := (&job.Job{ID: j.ID, Tenant: j.Tenant, Secret: j.Secret, Removed: true}); err != nil || !reflect.DeepEqual(trace, want) {
		t.Errorf("remembered is %+v, %v", trace, err)
	}
}

func testExpired(t *testing.T, b bench) {
	kept := b.failed(t, func(n *redisstore.NewJob) { n.Tenant = "key:other" })
	j := b.failed(t, func(n *redisstore.NewJob) { n.Retention = 10 * time.Second })
	if ids := b.expired(t, time.Minute); len(ids) != 0 {
		t.Fatalf("%v are to be removed before their time", ids)
	}
	b.expiredUntil(t, j.ID)
	if ids := b.expired(t, time.Minute); len(ids) != 0 {
		t.Errorf("%v are given to two workers", ids)
	}
	if got := b.get(t, j.ID); !got.Removed {
		t.Error("while it is being removed its caller still sees it")
	}
	for range 2 { // the reply was lost
		if err := b.Removed(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.rdb.Del(t.Context(), "{tt}:archive")
	if n := b.rdb.ZRem(t.Context(), "{tt}:expiries", string(kept.ID)).Val(); n != 1 {
		t.Error("the other one waits no more")
	}
	b.wantGone(t, j)
	if b.get(t, kept.ID).Removed {
		t.Error("the other one is gone too")
	}
	if ttl := b.rdb.PTTL(t.Context(), "{tt}:gone:"+string(j.ID)).Val(); ttl <= 0 || ttl > 10*time.Second {
		t.Errorf("it is remembered for %s, and was kept for 10s", ttl)
	}
}

func testForget(t *testing.T, b bench) {
	id, _ := b.accept(t)
	b.forget(t, b.get(t, id), redisstore.ForgotLive)
	b.begin(t, id, "w1")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w1", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})))
	j := b.get(t, id)
	if j.Removed {
		t.Fatal("a job that was not final is forgotten")
	}
	for range 2 {
		b.forget(t, j, redisstore.ForgotNow)
	}
	if !b.get(t, id).Removed {
		t.Error("its caller still sees it")
	}
	if got, _ := b.list(t, redisstore.Listing{Limit: 5}); len(got) != 0 {
		t.Errorf("%v are listed", got)
	}
	if ids := b.expired(t, time.Minute); len(ids) != 0 {
		t.Errorf("a worker is to remove %v before whoever had it forgotten could", ids)
	}
	b.rdb.ZAdd(t.Context(), "{tt}:expiries", redis.Z{Member: string(id)}) // nobody did
	if ids := b.expired(t, time.Minute); !slices.Equal(ids, []job.ID{id}) {
		t.Errorf("%v are to be removed", ids)
	}
	if err := b.Removed(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.wantGone(t, j)
	if ttl := b.rdb.PTTL(t.Context(), "{tt}:gone:"+string(id)).Val(); ttl < 59*time.Minute || ttl > time.Hour {
		t.Errorf("remembered for %s, and was to be kept for 1h", ttl)
	}
}

// The slot of a job that is forgotten while the upstream is at work on it stays
// taken, and what still comes is removed as soon as it is there.
func testForgetHarvested(t *testing.T, b bench) {
	id := b.overdue(t)
	j := b.get(t, id)
	b.forget(t, j, redisstore.ForgotLater)
	b.wantSlot(t, id, true)
	if ids := b.expired(t, time.Minute); len(ids) != 0 || !b.get(t, id).Removed {
		t.Errorf("%v are to be removed while something comes", ids)
	}
	if err := b.Removed(t.Context(), id); err != nil { // somebody said so by mistake
		t.Fatal(err)
	}
	must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), id, "p", oneSource, nil, 0)))
	if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	b.wantSlot(t, id, false)
	b.expiredUntil(t, id)
	if err := b.Removed(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.wantGone(t, j)
}

// An archiver has read a job that is then forgotten and removed, and writes its
// record into the bucket behind that.
func testForgetArchived(t *testing.T, b bench) {
	j := b.failed(t)
	b.forget(t, j, redisstore.ForgotNow)
	for _, when := range []string{"marked", "removed"} {
		if gone, err := b.Archived(t.Context(), j); !gone || err != nil {
			t.Errorf("%s: gone is %v, %v", when, gone, err)
		}
		if err := b.Removed(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.wantGone(t, j)
	b.rdb.FlushAll(t.Context()) // a Redis that has lost everything has nothing removed
	if gone, err := b.Archived(t.Context(), j); gone || err != nil {
		t.Errorf("after Redis lost it: gone is %v, %v", gone, err)
	}
}

func testForgetWithoutRecord(t *testing.T, b bench) {
	j := b.failed(t, func(n *redisstore.NewJob) { n.Tenant = "own: a tenant with spaces" })
	b.rdb.FlushAll(t.Context())
	b.forget(t, j, redisstore.ForgotNow)
	b.rdb.ZAdd(t.Context(), "{tt}:expiries", redis.Z{Member: string(j.ID)})
	if ids := b.expired(t, 0); !slices.Equal(ids, []job.ID{j.ID}) {
		t.Errorf("%v are to be removed", ids)
	}
	if err := b.Removed(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	b.wantGone(t, j)
	if trace, err := b.Trace(t.Context(), job.NewID(time.Now())); trace != nil || err != nil {
		t.Errorf("of a job that never was: %+v, %v", trace, err)
	}
}

func testForgetAbsorbs(t *testing.T, b bench) {
	same := redisstore.Repeat{Digest: "d", Absorb: time.Minute, Try: 1}
	j := b.failed(t, func(n *redisstore.NewJob) { n.Repeat = same })
	if e, err := b.Earlier(t.Context(), same); err != nil || e == nil || e.ID != j.ID {
		t.Fatalf("%+v, %v", e, err)
	}
	b.forget(t, j, redisstore.ForgotNow)
	if e, err := b.Earlier(t.Context(), same); err != nil || e != nil {
		t.Errorf("%+v, %v", e, err)
	}
}
