package telemetry

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/job"
)

// Ends tell of the ends of jobs. Safe for concurrent use.
type Ends struct {
	jobs   *prometheus.CounterVec
	stages *Stages
	log    *slog.Logger
}

// NewEnds registers what counts them, or finds it, as [NewStages] does: jobs that are
// canceled in line end in an API, and all others in a worker. The counter is shown from
// the beginning, with zero.
func NewEnds(reg prometheus.Registerer, stages *Stages, log *slog.Logger) *Ends {
	jobs := Shared(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tintype_jobs_finished_total", Help: "Jobs that reached a final state in this process.",
	}, []string{"kind", "state"}))
	for _, kind := range []job.Kind{job.Image, job.Video} {
		for _, state := range []job.State{job.Succeeded, job.Failed, job.Canceled} {
			jobs.WithLabelValues(string(kind), string(state))
		}
	}
	return &Ends{jobs, stages, log}
}

// Tell counts a job that has just become final, and writes the line of log about it. ctx
// has its trace. why is nil where its record says all.
func (e *Ends) Tell(ctx context.Context, j *job.Job, why error) {
	if why == nil && j.Failure != nil {
		why = j.Failure
	}
	e.jobs.WithLabelValues(string(j.Spec.Kind), string(j.State)).Inc()
	e.stages.Ended(j)
	e.log.InfoContext(ctx, "a job ended", "job_id", j.ID, "kind", j.Spec.Kind, "state", j.State, "account", j.Account,
		"upstream_id", j.UpstreamID, "took", j.FinishedAt.Sub(j.CreatedAt), "err", why)
}
