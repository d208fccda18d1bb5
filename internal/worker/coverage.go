package worker

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// coverageOver is how many of the newest jobs of a kind the share is taken over.
const coverageOver = 200

// coverage measures whether estimates hold: nine in ten jobs should be done by the
// p90 that they were told first. Safe for concurrent use.
type coverage struct {
	jobs  *prometheus.CounterVec
	ratio *prometheus.GaugeVec

	mu     sync.Mutex
	newest map[job.Kind][]bool // of each job whether it was covered
}

// note counts a job that has ended. A job that its deadline ended before its p90
// tells nothing, and neither does one that failed for a reason of its own.
func (c *coverage) note(j *job.Job) {
	if j.ExpectedBy.IsZero() || j.Recovered {
		return
	}
	covered := !j.FinishedAt.After(j.ExpectedBy)
	timedOut := j.State == job.Failed && j.Failure != nil && j.Failure.Code == fault.GenerationTimeout
	if j.State != job.Succeeded && (!timedOut || covered) {
		return
	}
	kind := string(j.Spec.Kind)
	c.jobs.WithLabelValues(kind, strconv.FormatBool(covered)).Inc()
	c.mu.Lock()
	defer c.mu.Unlock()
	list := append(c.newest[j.Spec.Kind], covered)
	list = list[max(0, len(list)-coverageOver):]
	c.newest[j.Spec.Kind] = list
	n := 0
	for _, yes := range list {
		if yes {
			n++
		}
	}
	c.ratio.WithLabelValues(kind).Set(float64(n) / float64(len(list)))
}
