package worker

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/telemetry"
)

// span begins a part of a job's trace, at a time that may have passed; zero is now.
// Without a tracer, or for a job of no trace, it is one that keeps nothing.
func (w *Worker) span(ctx context.Context, j *job.Job, name string, kind trace.SpanKind, at time.Time) trace.Span {
	if w.Tracer == nil || j.Spec.Trace == "" {
		return trace.SpanFromContext(context.Background())
	}
	ctx = telemetry.Resume(ctx, j.Spec.Trace)
	o := []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(
		attribute.String("tintype.job_id", string(j.ID)), attribute.String("tintype.kind", string(j.Spec.Kind)),
		attribute.String("tintype.upstream", j.Spec.Upstream), attribute.String("tintype.upstream_model", j.Spec.UpstreamModel),
		attribute.Int64("tintype.fence", j.Fence),
	)}
	if !at.IsZero() {
		o = append(o, trace.WithTimestamp(at))
	}
	_, s := w.Tracer.Start(ctx, name, o...)
	return s
}

// traced gives ctx the trace of a job that only its id is known of, for a line of
// log: it is worth no second try.
func (w *Worker) traced(ctx context.Context, id job.ID) context.Context {
	if j, err := w.Store.Get(ctx, id); err == nil {
		return telemetry.Resume(ctx, j.Spec.Trace)
	}
	return ctx
}

// endSpan ends a span with how it went: "" is well.
func endSpan(s trace.Span, trouble string, attrs ...attribute.KeyValue) {
	s.SetAttributes(attrs...)
	if trouble != "" {
		s.SetAttributes(attribute.String("error.type", trouble))
		s.SetStatus(codes.Error, "")
	}
	s.End()
}

// waited adds to a job's trace that it has waited for its submission.
func (w *Worker) waited(ctx context.Context, j *job.Job, until time.Time) {
	s := w.span(ctx, j, "wait", trace.SpanKindInternal, j.CreatedAt)
	if !j.AdmittedAt.IsZero() {
		s.AddEvent("admitted", trace.WithTimestamp(j.AdmittedAt))
	}
	s.End(trace.WithTimestamp(until))
}

// mostNotes bounds the questions that a running job's trace tells of: with the
// pauses growing as they do it has all of the first minutes.
const mostNotes = 32

// note is one question about a running job and what was answered.
type note struct {
	at     time.Time
	answer string
}

// noted keeps a question for the job's trace.
func (p *poller) noted(j *polled, answer string) {
	if p.w.Tracer != nil && len(j.notes) < mostNotes {
		j.notes = append(j.notes, note{time.Now(), answer})
	}
}

// overtime tells once that the upstream is still at work on a job whose deadline is
// over: it may never be ready, and its trace would have nothing of the time for which
// somebody looks at it.
func (p *poller) overtime(ctx context.Context, j *polled) {
	if j.overtime || time.Now().Before(j.deadline) {
		return
	}
	j.overtime = true
	p.generated(ctx, j, string(fault.GenerationTimeout))
}

// generated adds to a job's trace how long the upstream was at work, as far as this
// process has seen it, with the questions as events: spans of their own would be
// hundreds for a video. The job's record is read for it, which is why it happens only
// where somebody wants traces.
func (p *poller) generated(ctx context.Context, j *polled, trouble string) {
	if p.w.Tracer == nil {
		return
	}
	record, err := p.w.Store.Get(ctx, j.ID)
	if err != nil {
		return // a trace is worth no second try
	}
	s := p.w.span(ctx, record, "generate", trace.SpanKindInternal, record.SubmittedAt)
	for _, n := range j.notes {
		s.AddEvent("poll", trace.WithTimestamp(n.at), trace.WithAttributes(attribute.String("tintype.answer", n.answer)))
	}
	endSpan(s, trouble, attribute.Int("tintype.polls", j.asked))
}
