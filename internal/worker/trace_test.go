package worker_test

import (
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/worker"
)

// TestTracesOfWhatDoesNotSucceed: where a job's time went is asked of those that were
// never ready.
func TestTracesOfWhatDoesNotSucceed(t *testing.T) {
	t.Parallel()
	r, spans := newRig(t), tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	r.start(t, harvesting, func(c *worker.Config) { c.Tracer = provider.Tracer("test") })
	traced := func(n *redisstore.NewJob) { n.Spec.Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" }
	late := r.submit(t, job.Video, "late sim:ready=18s", traced, hurried)
	unwanted := r.submit(t, job.Video, "unwanted sim:queued=20s", traced)
	r.await(t, unwanted, "running", func(j *job.Job) bool { return j.State == job.Running })
	r.cancel(t, unwanted)
	r.awaitOver(t, unwanted)
	r.awaitOver(t, late)
	tick := time.NewTicker(10 * time.Millisecond) // a span comes after what it tells of
	defer tick.Stop()
	end := time.Now().Add(40 * time.Second)
	for id, want := range map[job.ID][]string{unwanted: {"canceled"}, late: {"generation_timeout", ""}} {
		got := generations(t, spans, id)
		for len(got) < len(want) && time.Now().Before(end) {
			<-tick.C
			got = generations(t, spans, id)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the generations of %s ended with %q, want %q", id, got, want)
		}
	}
}

// generations gives how the spans of an upstream's work on a job have ended, and wants
// a question in each.
func generations(t *testing.T, spans *tracetest.InMemoryExporter, id job.ID) (out []string) {
	t.Helper()
	for _, s := range spans.GetSpans() {
		how, its := "", false
		for _, a := range s.Attributes {
			its = its || a.Key == "tintype.job_id" && a.Value.AsString() == string(id)
			if a.Key == "error.type" {
				how = a.Value.AsString()
			}
		}
		if s.Name != "generate" || !its {
			continue
		}
		out = append(out, how)
		if (s.Status.Code == codes.Error) != (how != "") || how != "canceled" && len(s.Events) == 0 {
			t.Errorf("%+v", s)
		}
	}
	return out
}
