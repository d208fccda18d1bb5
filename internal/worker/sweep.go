package worker

import (
	"context"
	"time"

	"github.com/tintypehq/tintype/internal/redisstore"
)

const (
	sweepMost    = 200              // jobs of each sort in one sweep
	uploadsEvery = 10 * time.Minute // how often leftovers of uploads are looked for
)

// sweepLoop heals what others left until ctx ends. It talks to Redis alone, so
// that a bucket that hangs cannot keep it from its work.
func (w *Worker) sweepLoop(ctx context.Context) error {
	tick := time.NewTicker(w.SweepInterval)
	defer tick.Stop()
	memory := w.Store.NewMemory(w.name)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.look(ctx, memory)
			w.sweep(ctx)
			w.ringWebhooks(ctx)
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
	w.noteStranded(ctx, swept)
	w.ring(ctx, append(swept.Again, swept.Admitted...))
	for _, id := range swept.Ended {
		w.finished(ctx, id, nil)
	}
	for _, id := range swept.GivenUp {
		w.metrics.harvests.WithLabelValues("given_up").Inc()
		w.Log.WarnContext(w.traced(ctx, id), "late media is no longer waited for", "job_id", id)
	}
}

// noteStranded says aloud that accounts are missing: jobs had to go elsewhere, or
// to end.
func (w *Worker) noteStranded(ctx context.Context, swept redisstore.Swept) {
	ended, moved := len(swept.Stranded), len(swept.Moved)
	if ended+moved == 0 {
		return
	}
	w.metrics.stranded.WithLabelValues("ended").Add(float64(ended))
	w.metrics.stranded.WithLabelValues("moved").Add(float64(moved))
	w.Log.ErrorContext(ctx, "no account can serve jobs in line before their deadline: `tintype accounts` shows why; pause an upstream to let its jobs wait",
		"ended", ended, "moved", moved)
	for _, id := range swept.Stranded {
		w.finished(ctx, id, nil)
	}
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
