package worker_test

import (
	"context"
	"errors"
	"path"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/worker"
)

// awaitRemoved waits until nothing of a job is left.
func (r *rig) awaitRemoved(t *testing.T, id job.ID) {
	t.Helper()
	deadline := time.NewTimer(90 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		j, err := r.store.Get(t.Context(), id)
		keys, listed := r.blobs.Keys(t.Context(), id.Dir())
		if listed != nil {
			t.Fatal(listed)
		}
		if fault.Is(err, fault.NotFound) && len(keys) == 0 {
			return
		}
		if err == nil && j.Removed { // what failed is tried again after a minute: bring that forward
			r.rdb.ZAddXX(t.Context(), "{tt}:expiries", redis.Z{Member: string(id)})
		}
		select {
		case <-deadline.C:
			t.Fatalf("the job was never removed: %v in the bucket, record: %v", keys, err)
		case <-tick.C:
		}
	}
}

// TestExpiredIsRemoved: what has expired is taken out of the bucket, also where
// the bucket is away at first, and what has not stays.
func TestExpiredIsRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var refused atomic.Int64
	r.start(t, func(c *worker.Config) {
		c.Blobs = &hooked{Store: r.blobs, keys: func() error {
			if refused.Add(1) < 3 {
				return errors.New("the bucket is away")
			}
			return nil
		}}
	})
	kept := r.submit(t, job.Image, "a cat to keep")
	short := func(n *redisstore.NewJob) { n.Retention = 8 * time.Second }
	image, film := r.submit(t, job.Image, "a cat", short), r.submit(t, job.Video, "a film", short)
	for _, id := range []job.ID{kept, image, film} {
		if j := r.awaitFinal(t, id); j.State != job.Succeeded {
			t.Fatalf("%+v", j)
		}
	}
	r.awaitRemoved(t, image)
	r.awaitRemoved(t, film)
	if refused.Load() < 3 {
		t.Error("the bucket was never away")
	}
	r.wantSucceeded(t, kept, 1)
}

// TestDeletedIsNotArchived: a job that is removed while its record is on its way
// into the bucket does not come back by that.
func TestDeletedIsNotArchived(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var once sync.Once
	saved := make(chan error, 1)
	r.start(t, func(c *worker.Config) {
		c.Blobs = &hooked{Store: r.blobs, put: func(ctx context.Context, key string) {
			if path.Base(key) != "job.json" {
				return
			}
			once.Do(func() {
				id := job.ID(path.Base(path.Dir(key)))
				j, err := r.store.Get(ctx, id)
				if err == nil {
					_, err = r.store.Forget(ctx, j)
				}
				saved <- errors.Join(err, archive.Remove(ctx, r.blobs, id), r.store.Removed(ctx, id))
			})
		}}
	})
	id := r.submit(t, job.Image, "a cat")
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
	r.awaitRemoved(t, id)
}

// hooked is a store in which something happens first.
type hooked struct {
	blob.Store
	keys func() error
	put  func(ctx context.Context, key string)
}

func (h *hooked) Keys(ctx context.Context, dir string) ([]string, error) {
	if h.keys != nil {
		if err := h.keys(); err != nil {
			return nil, err
		}
	}
	return h.Store.Keys(ctx, dir)
}

func (h *hooked) Put(ctx context.Context, req blob.PutRequest) (blob.Object, error) {
	if h.put != nil {
		h.put(ctx, req.Key)
	}
	return h.Store.Put(ctx, req)
}
