package redisstore_test

import (
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// twoPlaces gives the store a second upstream with an account.
func twoPlaces(t *testing.T, b bench) func(*redisstore.NewJob) {
	t.Helper()
	pool(t, b.Store, acct("a", 1))
	second := account.Account{ID: "z", Upstream: "second", Secret: account.NewSecret("k"), MaxInFlight: 2}
	if err := b.SyncAccounts(t.Context(), "second", []account.Account{second}); err != nil {
		t.Fatal(err)
	}
	return func(n *redisstore.NewJob) { n.Spec.Fallbacks = []job.Place{{Upstream: "second", UpstreamModel: "m9"}} }
}

func (b bench) wantPlace(t *testing.T, id job.ID, upstream, model, acct string) {
	t.Helper()
	if j := b.get(t, id); j.Spec.Upstream != upstream || j.Spec.UpstreamModel != model || j.Account != acct {
		t.Errorf("the job is at %s with %s on %q, want %s, %s, %q", j.Spec.Upstream, j.Spec.UpstreamModel, j.Account, upstream, model, acct)
	}
}

// testFallbackAtTheDoor: an upstream that cannot serve is passed by, one that is
// only busy is not.
func testFallbackAtTheDoor(t *testing.T, b bench) {
	also := twoPlaces(t, b)
	first, _ := b.accept(t, also)
	b.wantPlace(t, first, "up", "m1", "a")
	busy, _ := b.accept(t, also)
	b.wantPlace(t, busy, "up", "m1", "")
	if _, _, err := b.Cancel(t.Context(), busy); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Switch(t.Context(), "a", redisstore.Drain); err != nil {
		t.Fatal(err)
	}
	other, _ := b.accept(t, also)
	b.wantPlace(t, other, "second", "m9", "z")
	if _, err := b.Switch(t.Context(), "a", redisstore.Enable); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Pause(t.Context(), "up", true); err != nil {
		t.Fatal(err)
	}
	paused, _ := b.accept(t, also)
	b.wantPlace(t, paused, "second", "m9", "z")
}

// testFallbackAfterRefusal: a job whose account was refused goes on at another
// upstream, with nothing left behind; where nobody is left it ends.
func testFallbackAfterRefusal(t *testing.T, b bench) {
	also := twoPlaces(t, b)
	id, _ := b.accept(t, also)
	if s := b.refuse(t, id, account.Cooldown{Cause: account.Auth}); s != redisstore.Written {
		t.Fatalf("settled as %s", s)
	}
	b.wantPlace(t, id, "second", "m9", "z")
	if n := b.rdb.SCard(t.Context(), "{tt}:slots:a").Val(); n != 0 {
		t.Errorf("%d slots are held at the first", n)
	}
	if s := b.refuse(t, id, account.Cooldown{Cause: account.Auth}); s != redisstore.Spent {
		t.Errorf("settled as %s", s)
	}
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w", fault.New(fault.PoolExhausted, "no"), redisstore.Rest{})))
	for _, key := range []string{"slots:a", "slots:z", "busy:key:test", "waits:key:test"} {
		if n := b.rdb.SCard(t.Context(), "{tt}:"+key).Val(); n != 0 {
			t.Errorf("%d are left in %s", n, key)
		}
	}
}

// testFallbackOfACoolOne: while the first cools for a moment, the second serves; and
// a job stays where its account only has company that is free.
func testFallbackOfACoolOne(t *testing.T, b bench) {
	also := twoPlaces(t, b)
	id, _ := b.accept(t, also)
	b.refuse(t, id, account.Cooldown{Cause: account.RateLimit, For: 30 * time.Second})
	b.wantPlace(t, id, "second", "m9", "z")
	plain, _ := b.accept(t)
	b.wantPlace(t, plain, "up", "m1", "")
	pool(t, b.Store, acct("b", 1), acct("c", 1))
	with, _ := b.accept(t, also)
	b.refuse(t, with, account.Cooldown{Cause: account.RateLimit, For: 30 * time.Second})
	if j := b.get(t, with); j.Spec.Upstream != "up" {
		t.Errorf("it went to %s, while %s is free", j.Spec.Upstream, "another account")
	}
}

// testFallbackOfADeadWay: a job that cannot be sent to one upstream at all is tried
// at the other, unless it may have been sent.
func testFallbackOfADeadWay(t *testing.T, b bench) {
	also := twoPlaces(t, b)
	two := redisstore.Retry{Floor: time.Millisecond, Cap: time.Second, Tries: 2}
	id, _ := b.accept(t, also)
	for range 2 {
		fence := b.begin(t, id, "w")
		must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), id, "w", fence, two, redisstore.Rest{})))
	}
	b.wantPlace(t, id, "second", "m9", "z")
	unsure, _ := b.accept(t, also)
	maybe := redisstore.Rest{Stage: job.HarvestBlind, Blind: time.Minute}
	must(t, redisstore.Written)(firstTwo(b.NotSent(t.Context(), unsure, "w", b.begin(t, unsure, "w"), two, maybe)))
	must(t, redisstore.Spent)(firstTwo(b.NotSent(t.Context(), unsure, "w", b.begin(t, unsure, "w"), two, maybe)))
}
