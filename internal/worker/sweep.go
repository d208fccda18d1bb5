package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

const (
	sweepMost     = 200              // jobs of each sort in one sweep
	archiveMost   = 50               // records archived in one sweep
	uploadsEvery  = 10 * time.Minute // how often leftovers of uploads are looked for
	archivePauses = 10 * time.Second // how long a record waits that could not be archived
)

// sweepLoop heals what others left until ctx ends.
func (w *Worker) sweepLoop(ctx context.Context) error {
	tick := time.NewTicker(w.SweepInterval)
	defer tick.Stop()
	uploads := time.NewTimer(rand.N(uploadsEvery)) //nolint:gosec // spreads load, guards nothing
	defer uploads.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.sweep(ctx)
		case <-uploads.C:
			w.sweepUploads(ctx)
			uploads.Reset(uploadsEvery)
		}
	}
}

func (w *Worker) sweep(ctx context.Context) {
	swept, err := w.Store.Sweep(ctx, sweepMost)
	if err != nil {
		w.Log.WarnContext(ctx, "the sweep failed", "err", err)
		return
	}
	if n := len(swept.Again); n > 0 {
		w.metrics.rerings.Add(float64(n))
		w.Log.InfoContext(ctx, "jobs whose lease had lapsed are rung again", "jobs", n)
	}
	w.ring(ctx, append(swept.Again, swept.Admitted...))
	for _, id := range swept.Expired {
		w.finished(ctx, id, fault.New(fault.GenerationTimeout, "deadline"))
	}
	w.sweepArchive(ctx)
}

// sweepArchive archives the records that their own workers could not.
func (w *Worker) sweepArchive(ctx context.Context) {
	ids, err := w.Store.Unarchived(ctx, archiveMost)
	if err != nil {
		w.Log.WarnContext(ctx, "the jobs that wait for the archive cannot be told", "err", err)
		return
	}
	for _, id := range ids {
		if _, err := w.archive(ctx, id); err != nil {
			w.Log.WarnContext(ctx, "a job's record could not be archived", "job_id", id, "err", err)
			_ = w.Store.Postpone(ctx, id, archivePauses) // it comes again anyway
		}
	}
}

// archive puts the record of a final job beside its media. A job that Redis no
// longer has is given up: nil without an error.
func (w *Worker) archive(ctx context.Context, id job.ID) (*job.Job, error) {
	j, err := w.Store.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, w.Store.Archived(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	if !j.State.Final() {
		return nil, errors.New("worker: the job is not final")
	}
	if err := archive.Save(ctx, w.Blobs, j); err != nil {
		return j, err
	}
	return j, w.Store.Archived(ctx, id)
}

// sweepUploads removes what uploads left that died on the way.
func (w *Worker) sweepUploads(ctx context.Context) {
	n, err := w.Blobs.Sweep(ctx, w.LeftoverUploads)
	switch {
	case err != nil:
		w.Log.WarnContext(ctx, "leftovers of uploads could not be swept", "err", err)
	case n > 0:
		w.Log.InfoContext(ctx, "leftovers of uploads were swept", "uploads", n)
	}
}
