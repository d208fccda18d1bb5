package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/worker"
)

// pool gives the rig's upstream other accounts: each id with its credential.
func (r *rig) pool(t *testing.T, keys ...string) {
	t.Helper()
	var accounts []account.Account
	for i := 0; i+1 < len(keys); i += 2 {
		accounts = append(accounts, account.Account{ID: keys[i], Upstream: "sim", Secret: account.NewSecret(keys[i+1]), MaxInFlight: 4})
	}
	up := r.ups["sim"]
	up.Accounts = accounts
	r.ups["sim"] = up
	if err := r.store.SyncAccounts(t.Context(), "sim", accounts); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) accountState(t *testing.T, id string) redisstore.AccountState {
	t.Helper()
	all, err := r.store.Accounts(t.Context(), "sim")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.ID == id {
			return a
		}
	}
	t.Fatalf("no account %s in %+v", id, all)
	return redisstore.AccountState{}
}

// TestRefusedPromptBurnsNoAccount: a prompt that one account refuses is not tried on
// another, and nobody is left alone for it.
func TestRefusedPromptBurnsNoAccount(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.pool(t, "a", "sim-a", "b", "sim-b", "c", "sim-c")
	r.start(t)
	id := r.submit(t, job.Video, "naughty sim:reject")
	if j := r.awaitFinal(t, id); j.Failure == nil || j.Failure.Code != fault.ContentPolicy {
		t.Errorf("%+v", j)
	}
	if charged, sent := r.charges("naughty"); charged != 0 || sent != 1 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
	for _, name := range []string{"a", "b", "c"} {
		if a := r.accountState(t, name); a.Failures != 0 || a.Cause != "" || !a.Cools.IsZero() {
			t.Errorf("%+v", a)
		}
	}
}

// TestDeadCredentialParks: an account whose credential is refused waits for its
// operator, says so, and works again with a new one; the job goes elsewhere.
func TestDeadCredentialParks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const dead = "dead-credential-0123456789"
	r.pool(t, "a", dead, "b", "sim-b")
	metrics := prometheus.NewRegistry()
	r.start(t, func(c *worker.Config) { c.Metrics = metrics })
	for _, prompt := range []string{"first", "second"} { // one of them meets it
		r.wantSucceeded(t, r.submit(t, job.Image, prompt), 1)
	}
	a := r.accountState(t, "a")
	if !a.Parked || a.Cause != account.Auth || a.Evidence == "" || strings.Contains(a.Evidence, dead) {
		t.Errorf("%+v", a)
	}
	want := `
# HELP tintype_account_cooldowns_total Refusals for which a pooled account was left alone, by cause. auth and risk_control wait for an operator.
# TYPE tintype_account_cooldowns_total counter
tintype_account_cooldowns_total{cause="auth",upstream="sim"} 1
`
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(want), "tintype_account_cooldowns_total"); err != nil {
		t.Error(err)
	}
	r.pool(t, "a", "sim-a", "b", "sim-b")
	if a := r.accountState(t, "a"); a.Parked || a.Cause != "" {
		t.Errorf("with a new credential: %+v", a)
	}
}

// TestRetryAfterIsKept: an account that says when to come back is left alone for
// just that long.
func TestRetryAfterIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	id := r.submit(t, job.Video, "patience sim:429=12,times=1")
	var cools time.Time
	r.await(t, id, "left alone", func(*job.Job) bool { cools = r.accountState(t, "a").Cools; return !cools.IsZero() })
	if left := time.Until(cools); left > 12*time.Second || left < time.Second {
		t.Errorf("left alone for %v more, want about 12 s", left)
	}
	r.wantSucceeded(t, id, 2)
	if j, err := r.store.Get(t.Context(), id); err != nil || j.AdmittedAt.Before(cools) || j.AdmittedAt.Sub(cools) > 15*time.Second {
		t.Errorf("it went on %v after that, %v", j.AdmittedAt.Sub(cools), err)
	}
	if charged, sent := r.charges("patience"); charged != 1 || sent != 2 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
}

// TestOverloadIsShort: an upstream that says nothing of when to come back is tried
// again by one job soon, and by all when that is taken. The longest cooldown alone
// takes longer than it may.
func TestOverloadIsShort(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	began := time.Now()
	first := r.submit(t, job.Video, "busy sim:429,times=1")
	r.await(t, first, "left alone", func(*job.Job) bool { return !r.accountState(t, "a").Cools.IsZero() })
	second := r.submit(t, job.Video, "behind it")
	r.wantSucceeded(t, first, 2)
	r.wantSucceeded(t, second, 2)
	if took := time.Since(began); took > account.LongestCooldown {
		t.Errorf("it took %v", took)
	}
	if a := r.accountState(t, "a"); a.HalfOpen || a.Cause != "" || a.Failures != 1 {
		t.Errorf("%+v", a)
	}
	history, err := r.store.History(t.Context(), "a")
	if err != nil || len(history) != 2 || history[0].What != "recovered" || history[1].What != "cooled" {
		t.Fatalf("%+v, %v", history, err)
	}
	if alone := history[1].Ends.Sub(history[1].At); alone != account.ShortestCooldown {
		t.Errorf("left alone for %v", alone)
	}
}
