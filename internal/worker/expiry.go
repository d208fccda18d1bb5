package worker

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/job"
)

const (
	expireMost  = 100         // jobs removed in one go
	expireAtOne = 8           // of them side by side
	expireLease = time.Minute // after that another worker may try
)

// expired removes the jobs whose retention is over, or that their callers have
// deleted, from the bucket and then from Redis. It goes on as long as there are
// many, and stops at a failure: the bucket is probably away for all of them.
func (a *archiver) expired(life context.Context) {
	for life.Err() == nil {
		ids, err := a.w.Store.Expired(life, expireMost, expireLease)
		if err != nil {
			a.w.Log.WarnContext(life, "the jobs that have expired cannot be told", "err", err)
			return
		}
		group, ctx := errgroup.WithContext(life)
		group.SetLimit(expireAtOne)
		for _, id := range ids {
			group.Go(func() error { return a.remove(ctx, id) })
		}
		if err := group.Wait(); err != nil && life.Err() == nil {
			a.w.Log.WarnContext(life, "jobs that have expired could not be removed and are tried again", "err", err)
			return
		}
		if len(ids) < expireMost {
			return
		}
	}
}

func (a *archiver) remove(ctx context.Context, id job.ID) error {
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	if err := archive.Remove(ctx, a.w.Blobs, id); err != nil {
		return err
	}
	if err := a.w.Store.Removed(ctx, id); err != nil {
		return err
	}
	a.w.metrics.removed.Inc()
	a.w.Log.DebugContext(ctx, "a job has expired or was deleted, and is gone", "job_id", id)
	return nil
}
