package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// A job outlives the request and the process that it came with, so its trace goes
// with its record: [Carry] writes down where a trace stands, in the form of the
// header traceparent (W3C Trace Context), and [Resume] goes on from there in
// whatever process has the job then. Neither prompts nor tenants nor credentials
// go into a span, and an error by its code alone.

// scope is the name that our spans carry.
const scope = "github.com/tintypehq/tintype"

// header is the header and the form in which a trace is handed on.
const header = "traceparent"

// Traces is where spans go.
type Traces struct {
	// Endpoint is the base URL of an OTLP receiver over HTTP, as an OpenTelemetry
	// collector's http://127.0.0.1:4318; /v1/traces is added where it has no path.
	// Empty: no spans are made.
	Endpoint string

	// Sample is the share, 0 to 1, of those traces that begin here. A caller that
	// sends a traceparent has decided for itself.
	Sample float64

	Program, Version string // "api"

	// Failed is told of spans that could not be delivered. They are dropped.
	Failed func(error)
}

// flushFor is how long an ending program may take for its last spans.
const flushFor = 5 * time.Second

// NewTracer makes a tracer, nil without an Endpoint, and the way to end it, which
// sends what is still here.
// Nothing is connected to before there are spans, and a receiver that is away holds
// up nobody.
func NewTracer(ctx context.Context, t Traces) (trace.Tracer, func(), error) {
	if t.Endpoint == "" {
		return nil, func() {}, nil
	}
	target, err := url.Parse(t.Endpoint)
	if err != nil {
		return nil, nil, fmt.Errorf("telemetry.traces.endpoint: %w", err)
	}
	if target.Path == "" || target.Path == "/" {
		target.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(target.String()))
	if err != nil {
		return nil, nil, fmt.Errorf("telemetry.traces.endpoint: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(told{exporter, t.Failed}),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(t.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.namespace", "tintype"),
			attribute.String("service.name", "tintype-"+t.Program),
			attribute.String("service.version", t.Version),
		)),
	)
	return provider.Tracer(scope), func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushFor)
		defer cancel()
		_ = provider.Shutdown(ctx) // failures were told already
	}, nil
}

// told is an exporter whose failures reach us, and not the library's own log.
type told struct {
	sdktrace.SpanExporter

	failed func(error)
}

// ExportSpans sends spans; one that fails is told of and no failure any more.
func (t told) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := t.SpanExporter.ExportSpans(ctx, spans); err != nil && t.failed != nil {
		t.failed(err)
	}
	return nil
}

var w3c = propagation.TraceContext{}

// FromRequest takes the trace that a caller has named in its headers, if it has.
func FromRequest(ctx context.Context, h http.Header) context.Context {
	if h.Get(header) == "" {
		return ctx
	}
	return w3c.Extract(ctx, propagation.HeaderCarrier(h))
}

// Carry writes down where a trace stands; "" if there is none.
func Carry(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	out := propagation.MapCarrier{}
	w3c.Inject(ctx, out)
	return out[header]
}

// Resume goes on with a trace that Carry has written down. Anything else, also "",
// leaves ctx as it is.
func Resume(ctx context.Context, carried string) context.Context {
	if carried == "" {
		return ctx
	}
	return w3c.Extract(ctx, propagation.MapCarrier{header: carried})
}

// Logs has every line name the trace that its context belongs to, by trace_id.
func Logs(h slog.Handler) slog.Handler { return traced{h} }

type traced struct{ slog.Handler }

// Handle adds the trace.
func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		r.AddAttrs(slog.String("trace_id", sc.TraceID().String()))
	}
	return t.Handler.Handle(ctx, r)
}

// WithAttrs keeps the trace.
func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }

// WithGroup keeps the trace, which then stands in the group.
func (t traced) WithGroup(name string) slog.Handler { return traced{t.Handler.WithGroup(name)} }
