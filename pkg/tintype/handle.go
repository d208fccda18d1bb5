package tintype

import (
	"context"
	"iter"
)

// JobHandle is a job and the client that asks after it. It is as durable as the
// job: [JobService.Handle] takes it up again by its ID, in another process, on
// another machine, a day later.
type JobHandle struct {
	ID string

	// Job is the job as it was when it was asked for. Nil: no more than its id is
	// known yet.
	Job *Job

	jobs *JobService
}

// Handle takes up a job by its id. It does not ask the server.
func (s *JobService) Handle(id string) *JobHandle { return &JobHandle{ID: id, jobs: s} }

// Get is [JobService.Get].
func (h *JobHandle) Get(ctx context.Context) (*Job, error) { return h.jobs.Get(ctx, h.ID) }

// Wait is [JobService.Wait].
func (h *JobHandle) Wait(ctx context.Context) (*Job, error) { return h.jobs.Wait(ctx, h.ID) }

// Events is [JobService.Events].
func (h *JobHandle) Events(ctx context.Context, after int64) iter.Seq2[*Event, error] {
	return h.jobs.Events(ctx, h.ID, after)
}

// Cancel is [JobService.Cancel].
func (h *JobHandle) Cancel(ctx context.Context) (*Job, error) { return h.jobs.Cancel(ctx, h.ID) }

// Delete is [JobService.Delete].
func (h *JobHandle) Delete(ctx context.Context) (*Job, error) { return h.jobs.Delete(ctx, h.ID) }
