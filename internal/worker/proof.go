package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
)

// proveFor is how long a starting worker waits for the proof.
const proveFor = 5 * time.Second

// fences is what a process knows of fences in its bucket.
type fences struct {
	mu      sync.Mutex // held during the proof, which is made once
	proved  bool
	refused error // the bucket cannot hold fences
}

// prove makes sure that a key of the bucket can be written once only.
func (f *fences) prove(ctx context.Context, bucket blob.Store) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.proved || f.refused != nil {
		return f.refused
	}
	err := blob.ProveNew(ctx, bucket)
	f.proved = err == nil
	if errors.Is(err, blob.ErrNoPutNew) {
		f.refused = fmt.Errorf("worker.submit_fence: redis+s3 needs a bucket in which a key can be written only once: %w", err)
		return f.refused
	}
	return err
}

// proveFences is the proof at the start. A bucket that cannot hold fences ends
// the worker; one that is away is asked again before the first submission.
func (w *Worker) proveFences(ctx context.Context) error {
	if !w.FenceObjects || !w.has(RoleSubmit) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, proveFor)
	defer cancel()
	err := w.fences.prove(ctx, w.Blobs)
	if err != nil && !errors.Is(err, blob.ErrNoPutNew) {
		w.Log.WarnContext(ctx, "it is not known yet whether the bucket can hold fences; nothing is submitted until it is", "err", err)
		return nil
	}
	return err
}
