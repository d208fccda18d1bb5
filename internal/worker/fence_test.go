package worker_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

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
