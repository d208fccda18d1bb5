package worker_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/worker"
)

// fenced keeps fences in the bucket, too.
func fenced(c *worker.Config) { c.FenceObjects = true }

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

// wantFence checks what the object of a job's fence holds; empty: there is none.
func (r *rig) wantFence(t *testing.T, key string, want func(string) bool) {
	t.Helper()
	got, err := blob.ReadSmall(t.Context(), r.blobs, key, 100)
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		t.Fatal(err)
	}
	if !want(string(got)) {
		t.Errorf("%s holds %q, %v", key, got, err)
	}
}

func isToken(s string) bool { return strings.Contains(s, ".") }

// TestRedisRolledBack lets Redis forget a paid submission, while the worker
// that made it lives. With fences in the bucket it is not made again. Without,
// it is, and the log and a metric tell why.
func TestRedisRolledBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		fenced    bool
		away      bool       // the bucket, for the first claim
		want      fault.Code // empty: succeeded
		charges   int
		conflicts float64
		says      []string
	}{
		{"redis", false, false, "", 2, 0, []string{"Redis has gone back in time", "may be sent and paid again", "worker.submit_fence"}},
		{"redis+s3", true, false, fault.OutcomeUnknown, 1, 1, []string{"Redis has gone back in time", "is not sent again"}},
		{"redis+s3 after a try without a bucket", true, true, fault.OutcomeUnknown, 1, 1, []string{"is not sent again"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			book, metrics := &logbook{}, prometheus.NewRegistry()
			left := &atomic.Int32{}
			r.blobs = faulty{r.blobs, left, away}
			if tt.away {
				left.Store(100)
			}
			id := r.submit(t, job.Image, "forgotten")
			old := r.backup(t)
			r.start(t, func(c *worker.Config) {
				c.FenceObjects, c.Log, c.Metrics = tt.fenced, book.log(t), metrics
			})
			if tt.away {
				r.await(t, id, "taken back", takenBack)
				left.Store(0)
			}
			r.wantSucceeded(t, id, 1)
			r.awaitMarks(t)
			r.rollBack(t, old)

			j := r.awaitFinal(t, id)
			if tt.want == "" && j.State != job.Succeeded || tt.want != "" && (j.Failure == nil || j.Failure.Code != tt.want) {
				t.Errorf("the job ended as %s with %v, want %q", j.State, j.Failure, tt.want)
			}
			if charged, sent := r.charges("forgotten"); charged != tt.charges || sent != tt.charges {
				t.Errorf("charged %d times in %d submissions, want %d", charged, sent, tt.charges)
			}
			if n := total(t, metrics, "tintype_fence_conflicts_total"); n != tt.conflicts {
				t.Errorf("%v conflicts, want %v", n, tt.conflicts)
			}
			r.await(t, id, "told of", func(*job.Job) bool { return total(t, metrics, "tintype_store_rollbacks_total") > 0 })
			if n := total(t, metrics, "tintype_store_rollbacks_total"); n != 1 {
				t.Errorf("one rollback was noticed %v times", n)
			}
			for _, want := range tt.says {
				if !book.has("level=ERROR", want) {
					t.Errorf("no error in the log says %q", want)
				}
			}
		})
	}
}

// logbook keeps a worker's log.
type logbook struct {
	mu    sync.Mutex
	lines []string
}

func (b *logbook) log(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(io.MultiWriter(b, testWriter{t}), nil))
}

// Write implements io.Writer. A handler writes a line at a time.
func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, string(p))
	return len(p), nil
}

// has tells whether a line has all of these words.
func (b *logbook) has(words ...string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.lines, func(line string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) })
	})
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

// faulty is a bucket whose first writes of fences go wrong.
type faulty struct {
	blob.Store

	faults *atomic.Int32 // writes that still go wrong
	how    func(ctx context.Context, s blob.Store, key string, content []byte) error
}

func (f faulty) PutNew(ctx context.Context, key string, content []byte) error {
	if strings.HasPrefix(key, "jobs/") && f.faults.Add(-1) >= 0 {
		return f.how(ctx, f.Store, key, content)
	}
	return f.Store.PutNew(ctx, key, content)
}

var errBucket = errors.New("the bucket is away")

func away(context.Context, blob.Store, string, []byte) error { return errBucket }

func takenBack(j *job.Job) bool { return j.Fence == 1 && j.State == job.Queued }

// TestBucketOfFences has the bucket fail when the fence is written: the job is
// made once, and no number is left without an object.
func TestBucketOfFences(t *testing.T) {
	t.Parallel()
	hangs := func(ctx context.Context, _ blob.Store, _ string, _ []byte) error {
		<-ctx.Done()
		return ctx.Err()
	}
	mute := func(ctx context.Context, s blob.Store, key string, content []byte) error {
		if err := s.PutNew(ctx, key, content); err != nil && !errors.Is(err, blob.ErrExists) {
			return err
		}
		return errBucket
	}
	tests := []struct {
		name   string
		faults int32 // 100: for longer than one claim insists
		how    func(ctx context.Context, s blob.Store, key string, content []byte) error
		fence  int64
	}{
		{"sound", 0, nil, 1},
		{"away for a moment", 1, away, 1},
		{"hangs once", 1, hangs, 1},
		{"the reply is lost", 1, mute, 1},
		{"writes and never says so", 100, mute, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			left := &atomic.Int32{}
			left.Store(tt.faults)
			r.blobs = faulty{r.blobs, left, tt.how}
			metrics := prometheus.NewRegistry()
			r.start(t, fenced, func(c *worker.Config) { c.Metrics = metrics })
			id := r.submit(t, job.Image, "a fence")
			if tt.faults == 100 {
				r.await(t, id, "taken back", takenBack)
				left.Store(0)
			}
			j := r.wantSucceeded(t, id, 1)
			if charged, sent := r.charges("a fence"); charged != 1 || sent != 1 {
				t.Errorf("charged %d times in %d submissions", charged, sent)
			}
			if j.Fence != tt.fence || total(t, metrics, "tintype_fence_conflicts_total") != 0 {
				t.Errorf("fence %d with %v conflicts, want %d", j.Fence, total(t, metrics, "tintype_fence_conflicts_total"), tt.fence)
			}
			for n := range tt.fence {
				r.wantFence(t, id.Dir()+"fence-"+string(rune('1'+n)), isToken)
			}
		})
	}
}

// forgetful is an upstream that can be looked at and shows nothing.
type forgetful struct{ upstream.Driver }

func (forgetful) Recovery(job.Spec) upstream.Recovery { return upstream.Recovery{ByLookup: true} }

func (forgetful) Lookup(context.Context, account.Account, upstream.Submission) (string, error) {
	return "", nil
}

// TestSettledFenceIsClosed has a worker vanish between its fence and its
// object. The upstream has nothing of it, so the job is sent again, and never
// by whoever comes back with the old fence.
func TestSettledFenceIsClosed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	up := r.ups["sim"]
	up.Driver = forgetful{up.Driver}
	r.ups["sim"] = up
	id := r.submit(t, job.Image, "vanished")
	if ok, err := r.store.Claim(t.Context(), id, job.StageSubmit, "dead"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	if fence, err := r.store.Begin(t.Context(), id, "dead"); fence != 1 || err != nil {
		t.Fatalf("begin = %d, %v", fence, err)
	}
	r.start(t, fenced)
	j := r.wantSucceeded(t, id, 1)
	if charged, sent := r.charges("vanished"); charged != 1 || sent != 1 || j.Fence != 2 {
		t.Errorf("charged %d times in %d submissions, fence %d", charged, sent, j.Fence)
	}
	r.wantFence(t, id.Dir()+"fence-1", func(held string) bool { return held == "closed" })
	r.wantFence(t, id.Dir()+"fence-2", isToken)
}

// TestClosedFenceIsPassedOver rolls Redis back to before a fence that was
// closed: nothing was sent under it, and what was sent later is found.
func TestClosedFenceIsPassedOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.submit(t, job.Image, "passed over")
	for key, content := range map[string]string{"fence-1": "closed", "fence-2": "another.7"} {
		if err := r.blobs.PutNew(t.Context(), id.Dir()+key, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	r.start(t, fenced)
	if j := r.awaitFinal(t, id); j.Failure == nil || j.Failure.Code != fault.OutcomeUnknown || j.Fence != 2 {
		t.Errorf("%+v", j)
	}
	if _, sent := r.charges("passed over"); sent != 0 {
		t.Errorf("it was sent %d times", sent)
	}
}

// overwriting is a bucket that does not heed that a key must be new.
type overwriting struct{ blob.Store }

func (o overwriting) PutNew(ctx context.Context, key string, content []byte) error {
	_, err := o.Put(ctx, blob.PutRequest{Key: key, Body: bytes.NewReader(content), SizeBytes: int64(len(content))})
	return err
}

// TestBucketsThatCannotHoldFences: such a worker does not start, unless it
// submits nothing. One whose bucket is away starts, and submits when it is back.
func TestBucketsThatCannotHoldFences(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := r.blobs
	r.blobs = overwriting{good}
	err := worker.New(r.config(fenced)).Run(t.Context())
	if !errors.Is(err, blob.ErrNoPutNew) || !strings.Contains(err.Error(), "worker.submit_fence") {
		t.Errorf("it ended with %v", err)
	}
	r.start(t, fenced, func(c *worker.Config) { c.Roles = []worker.Role{worker.RolePoll, worker.RoleMirror, worker.RoleSweep} })

	late := &atomic.Int32{}
	late.Store(100)
	r.blobs = awayAtFirst{good, late}
	id := r.submit(t, job.Image, "patient")
	r.start(t, fenced, func(c *worker.Config) { c.Roles = []worker.Role{worker.RoleSubmit} })
	r.await(t, id, "taken back", takenBack)
	late.Store(0)
	r.awaitFinal(t, id)
	if charged, sent := r.charges("patient"); charged != 1 || sent != 1 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
}

// awayAtFirst is a bucket that nothing can be written to at first.
type awayAtFirst struct {
	blob.Store

	faults *atomic.Int32
}

func (a awayAtFirst) PutNew(ctx context.Context, key string, content []byte) error {
	if a.faults.Add(-1) >= 0 {
		return errBucket
	}
	return a.Store.PutNew(ctx, key, content)
}
