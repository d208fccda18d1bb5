package worker_test

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/testlog"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/worker"
)

// total adds up a counter.
func total(t *testing.T, metrics *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// backup copies what Redis holds, to roll it back to.
func (r *rig) backup(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "backup")
	if err := r.redis.Backup(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rollBack lets Redis forget what came after a backup.
func (r *rig) rollBack(t *testing.T, dir string) {
	t.Helper()
	if err := r.redis.RollBack(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
}

// awaitMarks waits until a worker has looked at Redis and knows that it did:
// it has looked once more.
func (r *rig) awaitMarks(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if n, _ := r.rdb.Get(t.Context(), "{tt}:mark").Int(); n >= 2 {
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("no worker has looked at Redis")
		}
	}
}

// rollback is what becomes of a job whose paid submission Redis has forgotten.
type rollback struct {
	name      string
	fenced    bool
	away      bool       // the bucket, for the first claim
	want      fault.Code // empty: succeeded
	charges   int
	conflicts float64
	says      []string
}

// TestRedisRolledBack lets Redis forget a paid submission, while the worker
// that made it lives. With fences in the bucket it is not made again. Without,
// it is, and the log and a metric tell why.
func TestRedisRolledBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []rollback{
		{"redis", false, false, "", 2, 0, []string{"Redis has gone back in time", "may be sent and paid again", "worker.submit_fence"}},
		{"redis+s3", true, false, fault.OutcomeUnknown, 1, 1, []string{"Redis has gone back in time", "is not sent again"}},
		{"redis+s3 after a try without a bucket", true, true, fault.OutcomeUnknown, 1, 1, []string{"is not sent again"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			book, metrics, faults := &testlog.Book{}, prometheus.NewRegistry(), &atomic.Int32{}
			r.blobs = faulty{r.blobs, faults, away}
			id := r.submit(t, job.Image, "forgotten")
			old := r.backup(t)
			if tt.away {
				faults.Store(100)
			}
			r.start(t, func(c *worker.Config) {
				c.FenceObjects, c.Log, c.Metrics = tt.fenced, slog.New(slog.NewTextHandler(io.MultiWriter(book, testWriter{t}), nil)), metrics
			})
			if tt.away {
				r.await(t, id, "taken back", takenBack)
				faults.Store(0)
			}
			r.wantSucceeded(t, id, 1)
			r.awaitMarks(t)
			r.rollBack(t, old)
			j := r.awaitFinal(t, id)
			r.await(t, id, "told of", func(*job.Job) bool { return total(t, metrics, "tintype_store_rollbacks_total") > 0 })
			tt.check(t, r, j, metrics, book)
		})
	}
}

func (tt rollback) check(t *testing.T, r *rig, j *job.Job, metrics *prometheus.Registry, book *testlog.Book) {
	t.Helper()
	if tt.want == "" && j.State != job.Succeeded || tt.want != "" && (j.Failure == nil || j.Failure.Code != tt.want) {
		t.Errorf("the job ended as %s with %v, want %q", j.State, j.Failure, tt.want)
	}
	if charged, sent := r.charges(j.Spec.Prompt); charged != tt.charges || sent != tt.charges {
		t.Errorf("charged %d times in %d submissions, want %d", charged, sent, tt.charges)
	}
	if n := total(t, metrics, "tintype_fence_conflicts_total"); n != tt.conflicts {
		t.Errorf("%v conflicts, want %v", n, tt.conflicts)
	}
	if n := total(t, metrics, "tintype_submit_fence_refusals_total"); n != tt.conflicts {
		t.Errorf("%v refusals, want %v", n, tt.conflicts)
	}
	if n := total(t, metrics, "tintype_store_rollbacks_total"); n != 1 {
		t.Errorf("one rollback was noticed %v times", n)
	}
	for _, want := range tt.says {
		if !book.Has("level=ERROR", want) {
			t.Errorf("no error in the log says %q", want)
		}
	}
}

// TestForgottenSubmissionIsFound rolls Redis back where the upstream can be
// asked: the job goes on with what it was paid for.
func TestForgottenSubmissionIsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.submit(t, job.Video, "found again", marked)
	old, metrics := r.backup(t), prometheus.NewRegistry()
	r.start(t, fenced, func(c *worker.Config) { c.Metrics = metrics })
	r.await(t, id, "running", func(j *job.Job) bool { return j.UpstreamID != "" })
	r.rollBack(t, old)
	r.wantSucceeded(t, id, 2)
	if charged, sent := r.charges("found again"); charged != 1 || sent != 1 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
	if n := total(t, metrics, "tintype_fence_conflicts_total"); n != 1 {
		t.Errorf("%v conflicts, want 1", n)
	}
}

// held lets a submission through to the upstream and keeps its answer back.
type held struct {
	upstream.Driver

	arrived, release chan struct{}
}

func (h held) Submit(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, error) {
	got, err := h.Driver.Submit(ctx, a, s)
	h.arrived <- struct{}{}
	<-h.release
	return got, err
}

// TestAnswerFromAForgottenTime rolls Redis back while a request is on the wire,
// as a failover does. The answer is taken in by the job that was not sent again.
func TestAnswerFromAForgottenTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	up := r.ups["sim"]
	slow := held{up.Driver, make(chan struct{}, 9), make(chan struct{})}
	up.Driver = slow
	r.ups["sim"] = up
	id := r.submit(t, job.Video, "on its way")
	old, metrics := r.backup(t), prometheus.NewRegistry()
	r.start(t, fenced, func(c *worker.Config) { c.Metrics = metrics })
	<-slow.arrived
	r.rollBack(t, old)
	r.await(t, id, "found to be sent already", func(*job.Job) bool {
		return total(t, metrics, "tintype_fence_conflicts_total") == 1
	})
	close(slow.release)
	r.wantSucceeded(t, id, 2)
	if charged, sent := r.charges("on its way"); charged != 1 || sent != 1 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
}
