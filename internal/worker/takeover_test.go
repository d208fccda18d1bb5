package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
	"github.com/tintypehq/tintype/internal/worker"
)

func contextForCleanup() context.Context { return context.Background() }

func TestStoppedWorkerHandsItsJobsOn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.start(t, func(c *worker.Config) { c.DrainPolls = 20 * time.Second })
	id := r.submit(t, job.Video, "long sim:ready=1h")
	r.await(t, id, "generating", func(j *job.Job) bool { return j.Phase == job.PhaseGenerating })
	stop()
	if n := r.rdb.ZCount(t.Context(), "{tt}:polls", "0", "0").Val(); n != 1 {
		t.Errorf("%d jobs were given back, want 1", n)
	}
	asked := r.sim.Ledger().Totals.Polls
	r.start(t)
	r.await(t, id, "asked after again", func(*job.Job) bool { return r.sim.Ledger().Totals.Polls > asked })
	if charged, sent := r.charges("long"); charged != 1 || sent != 1 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
}

// TestVanishedSubmitter plays a worker that dies between fence and answer. Nobody but
// those that take over can count its submission among those of unknown outcome.
func TestVanishedSubmitter(t *testing.T) {
	t.Parallel()
	r, metrics := newRig(t), prometheus.NewRegistry()
	id, begun := r.submit(t, job.Video, "vanished"), time.Now()
	if ok, err := r.store.Claim(t.Context(), id, job.StageSubmit, "dead"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	if fence, err := r.store.Begin(t.Context(), id, "dead"); fence == 0 || err != nil {
		t.Fatalf("begin = %d, %v", fence, err)
	}
	r.start(t, func(c *worker.Config) { c.Metrics = metrics })
	j := r.awaitFinal(t, id)
	awaitMetrics(t, metrics, map[string]float64{
		`tintype_submits_total{kind="video",outcome="ambiguous",upstream="sim"}`: 1, `tintype_charges_total{kind="video",upstream="sim"}`: 0,
	})
	if j.Failure == nil || j.Failure.Code != fault.OutcomeUnknown || !strings.Contains(j.Failure.Message, "billed") {
		t.Errorf("failure = %+v", j.Failure)
	}
	if took := time.Since(begun); took < 10*time.Second {
		t.Errorf("given up after %s, while the answer could still come for 10 s", took)
	}
	if _, sent := r.charges("vanished"); sent != 0 {
		t.Errorf("it was submitted %d times", sent)
	}
}

// TestLateAnswerOfAVanishedSubmitter plays one that was only cut off: its outcome is known
// in the end.
func TestLateAnswerOfAVanishedSubmitter(t *testing.T) {
	t.Parallel()
	r, metrics := newRig(t), prometheus.NewRegistry()
	id := r.submit(t, job.Video, "late")
	if ok, err := r.store.Claim(t.Context(), id, job.StageSubmit, "slow"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	fence, err := r.store.Begin(t.Context(), id, "slow")
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.ups["sim"].Driver.Submit(t.Context(), r.ups["sim"].Accounts[0], upstream.Submission{Job: id, Fence: fence, Spec: r.get(t, id).Spec})
	if err != nil {
		t.Fatal(err)
	}
	r.start(t, func(c *worker.Config) { // which waits for the answer for so long
		c.Metrics = metrics
		video := c.Kinds[job.Video]
		video.SubmitTimeout = 40 * time.Second
		c.Kinds[job.Video] = video
	})
	r.await(t, id, "taken over", func(*job.Job) bool {
		owner := r.rdb.HGet(t.Context(), "{tt}:job:"+string(id), "owner").Val()
		return owner != "slow"
	})
	if _, _, err := r.store.Accepted(t.Context(), id, "slow", fence, got.UpstreamID, nil, nil); err != nil {
		t.Fatal(err)
	}
	r.wantSucceeded(t, id, 2)
	awaitMetrics(t, metrics, map[string]float64{
		`tintype_jobs_finished_total{kind="video",state="succeeded"}`: 1, `tintype_submits_total{kind="video",outcome="ambiguous",upstream="sim"}`: 0,
	})
	if charged, sent := r.charges("late"); charged != 1 || sent != 1 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
}

func (r *rig) get(t *testing.T, id job.ID) *job.Job {
	t.Helper()
	j, err := r.store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestRedisRestartsWhileAJobRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	id := r.submit(t, job.Video, "restart sim:ready=4s")
	r.await(t, id, "running", func(j *job.Job) bool { return j.State == job.Running })
	if err := r.redis.Kill9(); err != nil {
		t.Fatal(err)
	}
	if err := r.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantSucceeded(t, id, 2)
	if charged, sent := r.charges("restart"); charged != 1 || sent != 1 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
}

func TestLostBellsAreRungAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	n := redisstore.NewJob{
		ID: job.NewID(time.Now()), Tenant: "key:t", Secret: job.NewSecret(), Deadline: time.Minute, Retention: time.Hour,
		Spec: job.Spec{Kind: job.Image, Prompt: "unheard", Upstream: "sim", UpstreamModel: imageModel, Ratio: "1:1"},
	}
	if _, _, err := r.store.Accept(t.Context(), n); err != nil { // and nobody rings
		t.Fatal(err)
	}
	r.start(t)
	r.wantSucceeded(t, n.ID, 1)
}

func TestOwnCredential(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	own := func(key string) func(*redisstore.NewJob) {
		return func(n *redisstore.NewJob) {
			n.Own = &account.Account{ID: account.OwnID(key), Upstream: "sim", Secret: account.NewSecret(key), MaxInFlight: 2, Ephemeral: true}
		}
	}
	r.wantSucceeded(t, r.submit(t, job.Video, "mine", own("sim-mine")), 2)
	j := r.awaitFinal(t, r.submit(t, job.Video, "dead key", own("nobody")))
	if j.Failure == nil || j.Failure.Code != fault.CredentialRejected {
		t.Errorf("failure = %+v", j.Failure)
	}
}

func TestDeadPooledAccountIsNotTheCallersFault(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	up := r.ups["sim"]
	up.Accounts = []account.Account{{ID: "dead", Upstream: "sim", Secret: account.NewSecret("nobody"), MaxInFlight: 1}}
	r.ups["sim"] = up
	if err := r.store.SyncAccounts(t.Context(), "sim", up.Accounts); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	j := r.awaitFinal(t, r.submit(t, job.Image, "whose fault"))
	if j.Failure == nil || j.Failure.Code != fault.PoolExhausted {
		t.Errorf("failure = %+v", j.Failure)
	}
}

func TestUnreachableUpstream(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	driver, err := ark.New(ark.Config{BaseURL: "http://127.0.0.1:1/api/v3"}) // nobody listens there
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(driver.Close)
	up := r.ups["sim"]
	up.Driver = driver
	r.ups["sim"] = up
	stop := r.start(t)
	id := r.submit(t, job.Video, "comes back")
	r.await(t, id, "tried", func(j *job.Job) bool { return j.Fence >= 2 && j.State == job.Queued })
	stop()
	r.connect(t)
	r.start(t)
	r.wantSucceeded(t, id, 2)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	only := func(roles ...worker.Role) func(*worker.Config) {
		return func(c *worker.Config) { c.Roles = roles }
	}
	r.start(t, only(worker.RoleSubmit))
	id := r.submit(t, job.Video, "in parts")
	r.await(t, id, "running", func(j *job.Job) bool { return j.State == job.Running })
	r.start(t, only(worker.RolePoll))
	r.await(t, id, "mirroring", func(j *job.Job) bool { return j.State == job.Mirroring })
	r.start(t, only(worker.RoleMirror))
	r.start(t, only(worker.RoleSweep))
	r.wantSucceeded(t, id, 2)
}
