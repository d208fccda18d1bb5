package worker_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/worker"
)

// stoppedDriver stands still at the beginning of its submissions, as a process
// does that is stopped right after it has looked at its lease.
type stoppedDriver struct {
	upstream.Driver

	begun, wake chan struct{}
}

func (d stoppedDriver) Submit(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, error) {
	close(d.begun)
	<-d.wake
	return d.Driver.Submit(ctx, a, s)
}

// TestSleeperPaysTwice: stopped between its guard and its POST for longer
// than the patience of the lookup, a worker must not send any more.
func TestSleeperPaysTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := stoppedDriver{r.ups["sim"].Driver, make(chan struct{}), make(chan struct{})}
	slept := r.ups["sim"]
	slept.Driver = d
	sleeper := worker.New(worker.Config{ // its leases are not renewed: it does not run
		Store: r.store, Ring: r.bells.Ring, Blobs: r.blobs, Upstreams: map[string]worker.Upstream{"sim": slept}, Log: r.log,
		Kinds: map[job.Kind]worker.Kind{job.Video: {SubmitTimeout: 10 * time.Second}},
	})
	id := r.submit(t, job.Video, "sleepy", marked)
	done := make(chan error, 1)
	go func() { done <- sleeper.Submit(t.Context(), id) }()
	<-d.begun
	r.start(t)
	r.wantSucceeded(t, id, 2)
	close(d.wake)
	if err := <-done; err != nil {
		t.Error(err)
	}
	r.wantCharges(t, "sleepy", 1, 1)
}

// lateBucket holds the first record of a job that is written through it.
type lateBucket struct {
	blob.Store

	once        *sync.Once
	held, let   chan struct{}
	overwritten chan struct{}
}

func (b lateBucket) Put(ctx context.Context, req blob.PutRequest) (blob.Object, error) {
	first := false
	if strings.HasSuffix(req.Key, "job.json") {
		b.once.Do(func() { first = true })
	}
	if first {
		close(b.held)
		<-b.let
		defer close(b.overwritten)
	}
	return b.Store.Put(ctx, req)
}

// TestOldRecordWins: one worker is slow to archive that a job has failed;
// another recovers it and archives that.
func TestOldRecordWins(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	slow := lateBucket{r.blobs, &sync.Once{}, make(chan struct{}), make(chan struct{}), make(chan struct{})}
	r.start(t, func(c *worker.Config) { c.Roles, c.Blobs = []worker.Role{worker.RoleSweep}, slow })
	r.start(t, harvesting, func(c *worker.Config) {
		c.Roles = []worker.Role{worker.RoleSubmit, worker.RolePoll, worker.RoleMirror}
	})
	id := r.submit(t, job.Video, "late video sim:ready=18s", hurried)
	<-slow.held
	r.awaitOver(t, id)
	r.wantArchived(t, r.get(t, id)) // as it should be
	close(slow.let)
	<-slow.overwritten
	time.Sleep(3 * time.Second) // whatever should still mend it
	j, err := archive.Load(t.Context(), r.blobs, id)
	if err != nil || j.State != job.Succeeded {
		t.Errorf("the bucket says %s, %v; the job has succeeded", j.State, err)
	}
}

// TestDamagedAtTheDeadline: media that arrives damaged shortly before the
// deadline is tried again after it, like any other late media.
func TestDamagedAtTheDeadline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t, harvesting, func(c *worker.Config) { c.DamagedPauses = []time.Duration{12 * time.Second, 12 * time.Second} })
	id := r.submit(t, job.Video, "damaged sim:empty,on=media,times=4", func(n *redisstore.NewJob) { n.Deadline, n.Harvest = 12*time.Second, time.Minute })
	if j := r.awaitOver(t, id); j.State != job.Succeeded {
		t.Errorf("in the end: %s, %v; the upstream made it, and there was a minute left", j.State, j.Failure)
	}
}

// TestCancelOfAnUnseenTask: a task that was accepted a moment ago may not
// be visible everywhere. The wish to cancel it must not lose it.
func TestCancelOfAnUnseenTask(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.sim.AddFault(sim.Rule{Match: "*", Op: "get", Fault: "lost", Times: 4}); err != nil {
		t.Fatal(err)
	}
	up := r.ups["sim"]
	up.VisibleWithin = 20 * time.Second
	r.ups["sim"] = up
	r.start(t, harvesting)
	id := r.submit(t, job.Video, "unseen sim:slow=5s")
	r.await(t, id, "submitting", func(j *job.Job) bool { return j.State == job.Submitting })
	r.cancel(t, id)
	j := r.awaitOver(t, id)
	t.Logf("%s %+v %v", j.State, j.Cancel, j.Failure)
	if j.State == job.Failed && j.Cancel.Billing == job.BillingNone && len(j.Media) == 0 {
		t.Error("it is being made, will be billed, and nobody will ever store it")
	}
}
