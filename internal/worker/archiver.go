package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/telemetry"
)

const (
	archiveMost    = 50               // leftover records archived in one go
	archiveQueue   = 1024             // jobs of this process that wait to be archived; more are leftovers
	archiveEvery   = time.Second      // how often leftovers are looked for
	archiveTimeout = 10 * time.Second // for one record
	archivePause   = 10 * time.Second // how long a record waits that could not be archived

	mostImages = 4 // of one job, as the door takes them
)

// archiver puts the records of final jobs beside their media, away from
// everything that must not wait for a bucket. Which jobs it owes stands in
// Redis, so that it may forget at any time.
type archiver struct {
	w    *Worker
	jobs chan job.ID
}

func newArchiver(w *Worker) *archiver {
	return &archiver{w: w, jobs: make(chan job.ID, archiveQueue)}
}

// run archives until life ends.
func (a *archiver) run(life context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { a.own(life) })
	if a.w.has(RoleSweep) {
		loops.Go(func() { every(life, archiveEvery, func() { a.leftovers(life) }) })
		loops.Go(func() { every(life, archiveEvery, func() { a.expired(life) }) })
		loops.Go(func() { a.uploads(life) })
	}
	loops.Wait()
}

// own archives what this process has finished.
func (a *archiver) own(life context.Context) {
	for {
		select {
		case <-life.Done():
			return
		case id := <-a.jobs:
			if err := a.save(life, id); err != nil {
				a.w.Log.WarnContext(life, "a final job waits for the sweeper to be archived", "job_id", id, "err", err)
			}
		}
	}
}

// leftovers archives what others could not. It stops at the first failure: the
// bucket is probably away for all of them.
func (a *archiver) leftovers(life context.Context) {
	ids, err := a.w.Store.Unarchived(life, archiveMost)
	if err != nil {
		a.w.Log.WarnContext(life, "the jobs that wait for the archive cannot be told", "err", err)
		return
	}
	for _, id := range ids {
		if err := a.save(life, id); err != nil {
			a.w.Log.WarnContext(life, "a job's record could not be archived", "job_id", id, "err", err)
			_ = a.w.Store.Postpone(life, id, archivePause) // it comes again anyway
			return
		}
	}
}

// save puts the record of a final job into the bucket. A job that Redis no
// longer has is given up.
func (a *archiver) save(ctx context.Context, id job.ID) error {
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	j, err := a.w.Store.Get(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		_, err := a.w.Store.Archived(ctx, &job.Job{ID: id})
		return err
	case err != nil:
		return err
	case j.Removed: // its caller wants no record of it
		_, err := a.w.Store.Archived(ctx, j)
		return err
	case !j.State.Final():
		return errors.New("worker: the job is not final")
	}
	if err := archive.Save(ctx, a.w.Blobs, j); err != nil {
		return err
	}
	if err := a.unstage(ctx, j); err != nil {
		return err
	}
	gone, err := a.w.Store.Archived(ctx, j)
	if gone { // removed since it was read
		return archive.Remove(ctx, a.w.Blobs, id)
	}
	return err
}

// unstage removes bytes that waited in the bucket to be mirrored, once nothing
// more comes of their job. It belongs to what Redis knows to be owed: whoever has
// ended the job may be gone.
func (a *archiver) unstage(ctx context.Context, j *job.Job) error {
	if j.Harvest != job.HarvestNone {
		return nil
	}
	for _, key := range staged(j) {
		if err := a.w.Blobs.Delete(ctx, key); err != nil {
			return fmt.Errorf("worker: staged media could not be removed: %w", err)
		}
	}
	return nil
}

// staged are the keys under which media of a job may have waited. Where nobody
// knows what became of its submission, bytes may have come that no record tells of.
func staged(j *job.Job) (keys []string) {
	lost := j.Failure == nil || j.Failure.Code == fault.OutcomeUnknown || j.Failure.Code == fault.GenerationTimeout
	if j.Spec.Kind == job.Image && j.State != job.Succeeded && j.Fence > 0 && len(j.Sources) == 0 && lost {
		for i := range mostImages {
			keys = append(keys, stagedKey(j.ID, i))
		}
	}
	for _, s := range j.Sources {
		if s.Key != "" {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

// uploads sweeps what uploads left that died on the way.
func (a *archiver) uploads(life context.Context) {
	if sleep(life, rand.N(uploadsEvery)) != nil { //nolint:gosec // spreads load, guards nothing
		return
	}
	every(life, uploadsEvery, func() { a.w.sweepUploads(life) })
}

// harvested notes that nothing more comes of a job that was final before.
func (w *Worker) harvested(ctx context.Context, id job.ID, why error) {
	w.metrics.harvests.WithLabelValues("ended").Inc()
	w.Log.InfoContext(ctx, "nothing more comes of a job that had ended", "job_id", id, "err", why)
}

// finished notes the end of a job: the log line, the metric, the archive.
func (w *Worker) finished(ctx context.Context, id job.ID, why error) {
	select {
	case w.done.jobs <- id:
	default: // the sweeper finds it
	}
	j, err := w.Store.Get(ctx, id)
	if err != nil {
		w.Log.WarnContext(ctx, "a job ended and cannot be read", "job_id", id, "err", err)
		return
	}
	ctx = telemetry.Resume(ctx, j.Spec.Trace)
	if j.Webhooks != nil && j.Webhooks.Pending > 0 {
		w.ringWebhooks(ctx) // at once, not with the next sweep
	}
	w.metrics.ended(j)
	w.metrics.ends.Tell(ctx, j, why)
}
