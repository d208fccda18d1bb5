package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// among gives a house accounts that the store knows.
func among(all ...account.Account) func(*options) {
	return func(o *options) { o.chat, o.shared = all, true }
}

func revoked(id string) account.Account {
	return account.Account{ID: id, Upstream: "ark", Secret: account.NewSecret("revoked"), MaxInFlight: 1}
}

// chat asks once and gives the answer's status.
func (h *house) chat() int {
	h.Helper()
	return h.call(http.MethodPost, chats, ask("hello", "")).status
}

func (h *house) state(id string) redisstore.AccountState {
	h.Helper()
	all, err := h.store.Accounts(h.Context(), "ark")
	h.must(err)
	for _, a := range all {
		if a.ID == id {
			return a
		}
	}
	h.Fatalf("no account %s in %+v", id, all)
	return redisstore.AccountState{}
}

// turn switches the account a1.
func (h *house) turn(what redisstore.Switch) {
	h.Helper()
	_, err := h.store.Switch(h.Context(), "a1", what)
	h.must(err)
}

// TestChatMarksAccounts: what a chat meets is known to all who use the account.
func TestChatMarksAccounts(t *testing.T) {
	t.Parallel()
	h := open(t, among(revoked("dead"), pooled("limited"), pooled("a1")))
	if got := h.chat(); got != 200 {
		t.Fatalf("status %d", got)
	}
	// The upstream has asked for two seconds. By a clock that is set back they are
	// minutes, so that they do not end on a slow machine while the test looks.
	h.redis.SetTime(time.Now().Add(-10 * time.Minute))
	if a := h.state("dead"); !a.Parked || a.Cause != account.Auth || a.Evidence == "" {
		t.Errorf("%+v", a)
	}
	if a := h.state("limited"); a.Parked || a.Cools.IsZero() || a.Cause != account.RateLimit {
		t.Errorf("%+v", a)
	}
	if a := h.state("a1"); a.Cause != "" || a.Failures != 0 {
		t.Errorf("%+v", a)
	}
	if got := h.metric(`tintype_chat_cooldowns_total{cause="auth",upstream="ark"}`); got != "1" {
		t.Errorf("%s cooldowns", got)
	}
	if !strings.Contains(h.log.String(), "parked until somebody acts") {
		t.Error("nobody is told")
	}
	twin := h.twinWith(revoked("dead"), pooled("limited"), pooled("a1")) // it knows without having tried
	for range 4 {
		if got := twin.chat(); got != 200 {
			t.Errorf("status %d", got)
		}
	}
	if used := h.used(); used[hash("revoked")] != 1 || used[hash("sim-limited")] != 1 {
		t.Errorf("accounts %v", used)
	}
}

// TestChatKeepsOff: an account that is out of use for whatever reason gets no chats,
// and gets them again when it is back.
func TestChatKeepsOff(t *testing.T) {
	t.Parallel()
	cool := func(c account.Cooldown) func(*house) {
		return func(h *house) {
			c.Account = "a1"
			_, err := h.store.Cool(h.Context(), "ark", c)
			h.must(err)
		}
	}
	clear := func(h *house) { h.turn(redisstore.Clear) }
	for _, tt := range []struct {
		name      string
		out, back func(*house)
		used      bool // it is used all the same
	}{
		{"disabled", func(h *house) { h.turn(redisstore.Disable) }, func(h *house) { h.turn(redisstore.Enable) }, false},
		{"drained", func(h *house) { h.turn(redisstore.Drain) }, func(h *house) { h.turn(redisstore.Enable) }, false},
		{"parked", cool(account.Cooldown{Cause: account.RiskControl}), clear, false},
		{"cooling", cool(account.Cooldown{Cause: account.RateLimit, For: time.Hour}), clear, false},
		{"this model used up", cool(account.Cooldown{Cause: account.Quota, Model: chatID, For: time.Hour}), clear, false},
		{"another model used up", cool(account.Cooldown{Cause: account.Quota, Model: seedance, For: time.Hour}), clear, true},
		{"paused for jobs", func(h *house) { _, err := h.store.Pause(h.Context(), "ark", true); h.must(err) }, func(*house) {}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, among(pooled("a1")))
			want := map[bool]int{true: 200, false: 503}[tt.used]
			if got := h.chat(); got != 200 {
				t.Fatalf("status %d before", got)
			}
			tt.out(h)
			h.eventually(func() bool { return h.chat() == want }) // within about a second
			n := h.used()[hash("sim-a1")]
			if got := h.chat(); got != want || (h.used()[hash("sim-a1")] > n) != tt.used {
				t.Errorf("status %d, %v", got, h.used())
			}
			tt.back(h)
			h.eventually(func() bool { return h.chat() == 200 })
		})
	}
}

// TestChatFindsOut: after a cooldown without a known end a chat finds out whether the
// account works, and its success counts for all. While a job finds out, chats wait.
func TestChatFindsOut(t *testing.T) {
	t.Parallel()
	h := open(t, among(pooled("a1")))
	_, err := h.store.Cool(t.Context(), "ark", account.Cooldown{Account: "a1", Cause: account.Overload})
	h.must(err)
	if got := h.chat(); got != 503 {
		t.Errorf("status %d while it cools", got)
	}
	h.redis.HSet("{tt}:acct:a1", "cool", "1", "canary", "job_1") // it is over, and a job finds out
	twin := h.twinWith(pooled("a1"))
	if a := twin.call(http.MethodPost, chats, ask("hello", "")); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", a.status, a.header)
	}
	h.redis.HSet("{tt}:acct:a1", "canary", "")
	h.eventually(func() bool { return h.chat() == 200 })
	if a := h.state("a1"); a.HalfOpen || a.Cause != "" {
		t.Errorf("%+v", a)
	}
	history, err := h.store.History(t.Context(), "a1")
	if err != nil || len(history) != 2 || history[0].What != "recovered" {
		t.Errorf("%+v, %v", history, err)
	}
}

// TestChatMeetsABreaker: many accounts that are refused at once are not to blame, and
// none of them is asked until the upstream may be back.
func TestChatMeetsABreaker(t *testing.T) {
	t.Parallel()
	h := open(t, among(revoked("d1"), revoked("d2"), revoked("d3"), revoked("d4")))
	for range 3 {
		if a := h.call(http.MethodPost, chats, ask("hello", "")); a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("%d %v", a.status, a.header)
		}
	}
	for _, id := range []string{"d1", "d2", "d3", "d4"} {
		if a := h.state(id); a.Parked {
			t.Errorf("%+v", a)
		}
	}
	if n := h.used()[hash("revoked")]; n != 3 {
		t.Errorf("%d attempts, want those of the first call", n)
	}
}

// TestChatWithoutStore: while the store is away chats are answered, and what they
// meet is remembered here.
func TestChatWithoutStore(t *testing.T) {
	t.Parallel()
	h := open(t, among(revoked("dead"), pooled("a1")))
	h.redis.SetError("LOADING away")
	for range 4 {
		if got := h.chat(); got != 200 {
			t.Errorf("status %d", got)
		}
	}
	if n := h.used()[hash("revoked")]; n != 1 {
		t.Errorf("%d attempts with the dead account", n)
	}
	h.redis.SetError("")
}

// TestChatAsksSeldom: the store is asked for the accounts once in a second, however
// many chats there are.
func TestChatAsksSeldom(t *testing.T) {
	t.Parallel()
	h := open(t, among(pooled("a1")))
	h.chat()
	before, began := h.redis.CommandCount(), time.Now()
	const many = 50
	for range many {
		h.chat()
	}
	if asked, most := h.redis.CommandCount()-before, 20+10*int(time.Since(began)/time.Second+1); asked > most {
		t.Errorf("%d commands for %d chats in %v", asked, many, time.Since(began))
	}
}
