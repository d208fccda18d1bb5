package redisstore_test

import (
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// testStanding: what jobs and others meet is told to whoever asks, and counts for
// jobs as well.
func testStanding(t *testing.T, b bench) {
	off := acct("off", 1)
	off.Disabled = true
	pool(t, b.Store, acct("a", 1), acct("b", 1), acct("m", 1), off)
	stands := func() redisstore.Standing {
		t.Helper()
		s, err := b.Standing(t.Context(), "up")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	cool := func(c account.Cooldown) redisstore.Standing {
		t.Helper()
		s, err := b.Cool(t.Context(), "up", c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := stands()
	if a := s.Accounts["a"]; len(s.Accounts) != 4 || s.Rest != 0 || s.Doubt != redisstore.NoDoubt || a.Off || a.Parked || a.Rest != 0 || a.Models != nil {
		t.Errorf("%+v", s)
	}
	if !s.Accounts["off"].Off {
		t.Errorf("%+v", s.Accounts["off"])
	}
	if a := cool(account.Cooldown{Account: "a", Cause: account.Auth, For: time.Second}).Accounts["a"]; !a.Parked {
		t.Errorf("%+v", a)
	}
	if a := cool(account.Cooldown{Account: "m", Cause: account.Quota, Model: "m1", For: time.Hour}).Accounts["m"]; a.Rest != 0 || a.Models["m1"] < 59*time.Minute || len(a.Models) != 1 {
		t.Errorf("%+v", a)
	}
	if a := cool(account.Cooldown{Account: "b", Cause: account.RateLimit}).Accounts["b"]; a.Parked || a.Rest < 4*time.Second || a.Rest > account.ShortestCooldown || a.Doubt != redisstore.DoubtOpen {
		t.Errorf("%+v", a)
	}
	if s := cool(account.Cooldown{Account: "strange", Cause: account.Auth}); len(s.Accounts) != 4 || b.rdb.Exists(t.Context(), "{tt}:acct:strange").Val() != 0 {
		t.Errorf("%+v", s)
	}
	id, _ := b.accept(t)
	if !b.waits(t, id) {
		t.Error("a job goes where chats were refused")
	}
	b.rdb.HSet(t.Context(), "{tt}:acct:b", "cool", 1)
	b.sweepUntil(t, func(redisstore.Swept) bool { return b.get(t, id).Account == "b" })
	if a := stands().Accounts["b"]; a.Rest != 0 || a.Doubt != redisstore.DoubtTaken {
		t.Errorf("%+v", a)
	}
	works, err := b.Works(t.Context(), "up", "b")
	if err != nil || works.Accounts["b"].Doubt != redisstore.NoDoubt {
		t.Errorf("%+v, %v", works, err)
	}
	for _, name := range []string{"b", "m", "off"} { // three alike: it is not they
		s = cool(account.Cooldown{Account: name, Cause: account.RiskControl})
	}
	if s.Rest == 0 || s.Doubt != redisstore.DoubtOpen || s.Accounts["m"].Parked {
		t.Errorf("%+v", s)
	}
}
