package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/worker"
)

// TestCoverage: what counts is whether a job was done by the time that it was told,
// of jobs that could tell.
func TestCoverage(t *testing.T) {
	t.Parallel()
	at := time.Now()
	early, late := at.Add(-time.Second), at.Add(time.Second)
	ended := func(state job.State, code fault.Code, by time.Time) *job.Job {
		j := &job.Job{Spec: job.Spec{Kind: job.Video}, State: state, FinishedAt: at, ExpectedBy: by}
		if code != "" {
			j.Failure = fault.New(code, "no")
		}
		return j
	}
	recovered := ended(job.Succeeded, "", early)
	recovered.Recovered = true
	reg := prometheus.NewRegistry()
	note := worker.Measured(reg)
	for _, j := range []*job.Job{
		ended(job.Succeeded, "", late), ended(job.Succeeded, "", at), ended(job.Succeeded, "", late),
		ended(job.Succeeded, "", early), ended(job.Failed, fault.GenerationTimeout, early), // not covered
		ended(job.Failed, fault.GenerationTimeout, late), ended(job.Failed, fault.ContentPolicy, early),
		ended(job.Canceled, "", early), ended(job.Succeeded, "", time.Time{}), recovered, // these do not count
	} {
		note(j)
	}
	want := `
# HELP tintype_eta_coverage_ratio Share of the last 200 jobs of this process, counted as in tintype_eta_jobs_total, that were done by their p90. It should be about 0.9.
# TYPE tintype_eta_coverage_ratio gauge
tintype_eta_coverage_ratio{kind="video"} 0.6
# HELP tintype_eta_jobs_total Jobs that were given an estimate and succeeded or ran out of time after its p90, by whether they were done by then (covered: true).
# TYPE tintype_eta_jobs_total counter
tintype_eta_jobs_total{covered="false",kind="video"} 2
tintype_eta_jobs_total{covered="true",kind="video"} 3
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "tintype_eta_coverage_ratio", "tintype_eta_jobs_total"); err != nil {
		t.Error(err)
	}
	for range worker.CoverageOver { // the old ones no longer count
		note(ended(job.Succeeded, "", late))
	}
	want = `
# HELP tintype_eta_coverage_ratio Share of the last 200 jobs of this process, counted as in tintype_eta_jobs_total, that were done by their p90. It should be about 0.9.
# TYPE tintype_eta_coverage_ratio gauge
tintype_eta_coverage_ratio{kind="video"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "tintype_eta_coverage_ratio"); err != nil {
		t.Error(err)
	}
}
