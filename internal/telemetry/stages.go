package telemetry

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/job"
)

// Stage is a part of a job's time. Together they are all of it.
type Stage string

// The stages.
const (
	Waiting  Stage = "waiting"  // from its acceptance to its (last) admission to a slot
	Admitted Stage = "admitted" // until its (last) submission was begun
	Submit   Stage = "submit"   // until the upstream has accepted it
	Generate Stage = "generate" // until the upstream was done, by its own clock where it tells, else until we saw it
	Notice   Stage = "notice"   // until we saw that; only where the upstream tells when it was done
	Mirror   Stage = "mirror"   // until its media was in the bucket, and the job final
	Deliver  Stage = "deliver"  // until the answer or event was with a caller who waited for it
)

// Stages measures them. Safe for concurrent use.
type Stages struct{ seconds *prometheus.HistogramVec }

// NewStages registers the metric, or finds it: the API and the worker in one process
// have one. The stages are those that the caller will observe, which are shown from
// the beginning.
func NewStages(reg prometheus.Registerer, stages ...Stage) *Stages {
	v := Shared(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tintype_job_stage_seconds",
		Help: "What jobs that ended here have spent their time with, by the store's clock: waiting, until they were given a slot; admitted, until their submission; submit, until the upstream accepted them; " +
			"generate, until it was done; notice, until that was seen (where the upstream tells when it was done); mirror, until the media was stored; and deliver, until a waiting caller had it.",
		Buckets: []float64{.005, .02, .1, .25, .5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600},
	}, []string{"stage", "kind"}))
	for _, s := range stages {
		for _, kind := range []job.Kind{job.Image, job.Video} {
			v.WithLabelValues(string(s), string(kind))
		}
	}
	return &Stages{v}
}

// Observe notes how long a job of a kind was in a stage.
func (s *Stages) Observe(stage Stage, kind job.Kind, took time.Duration) {
	s.seconds.WithLabelValues(string(stage), string(kind)).Observe(max(0, took).Seconds())
}

// Ended notes where the time of a job went that has ended, as far as its record
// tells. What is still going on for it is told when that has ended too, and what
// was told then is not told again.
func (s *Stages) Ended(j *job.Job) {
	kind := j.Spec.Kind
	from := func(stage Stage, begun, ended time.Time) {
		if !begun.IsZero() && !ended.Before(begun) { // else it has not ended, or it is an earlier one's end
			s.Observe(stage, kind, ended.Sub(begun))
		}
	}
	if !j.Recovered {
		from(Waiting, j.CreatedAt, j.AdmittedAt)
		from(Admitted, j.AdmittedAt, j.BegunAt)
		from(Submit, j.BegunAt, j.SubmittedAt)
	}
	if j.Harvest != job.HarvestNone {
		return
	}
	made := j.ReadyAt
	if !made.IsZero() && j.UpstreamTook > 0 {
		if told := j.SubmittedAt.Add(j.UpstreamTook); told.Before(made) { // it counts whole seconds
			made = told
		}
		from(Notice, made, j.ReadyAt)
	}
	from(Generate, j.SubmittedAt, made)
	if j.State != job.Succeeded {
		return
	}
	if j.ReadyAt.IsZero() { // the answer to its submission had the media
		from(Mirror, j.SubmittedAt, j.FinishedAt)
	} else {
		from(Mirror, j.ReadyAt, j.FinishedAt)
	}
}

// Shared registers a collector, or gives the one that was registered before under
// its name. Anything else that is wrong with it is a mistake in the program.
func Shared[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	err := reg.Register(c)
	if already, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if same, ok := already.ExistingCollector.(C); ok {
			return same
		}
	}
	if err != nil {
		panic("telemetry: " + err.Error())
	}
	return c
}
