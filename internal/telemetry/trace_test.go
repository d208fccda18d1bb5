package telemetry_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tintypehq/tintype/internal/telemetry"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestTracesAreCarried(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, sent, want string }{
		{"a trace", parent, parent},
		{"not sampled", strings.TrimSuffix(parent, "1") + "0", strings.TrimSuffix(parent, "1") + "0"},
		{"none", "", ""},
		{"no hexadecimal digits", strings.ReplaceAll(parent, "4bf9", "zzzz"), ""},
		{"of zeros", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", ""},
		{"too short", parent[:20], ""},
	} {
		ctx := telemetry.FromRequest(t.Context(), http.Header{"Traceparent": {tt.sent}})
		got := telemetry.Carry(ctx)
		if got != tt.want {
			t.Errorf("%s: carries %q, want %q", tt.name, got, tt.want)
		}
		if again := telemetry.Carry(telemetry.Resume(t.Context(), got)); again != tt.want {
			t.Errorf("%s: resumed %q, want %q", tt.name, again, tt.want)
		}
	}
}

func TestLogsNameTheTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(telemetry.Logs(slog.NewTextHandler(&out, nil))).With("a", 1)
	log.InfoContext(telemetry.Resume(t.Context(), parent), "with")
	log.InfoContext(t.Context(), "without")
	lines := strings.Split(out.String(), "\n")
	if !strings.HasSuffix(lines[0], "a=1 trace_id=4bf92f3577b34da6a3ce929d0e0e4736") || strings.Contains(lines[1], "trace_id") {
		t.Error(out.String())
	}
}

// TestSpansArrive sends spans to a receiver, and to one that refuses them.
func TestSpansArrive(t *testing.T) {
	t.Parallel()
	var got coltrace.ExportTraceServiceRequest
	var path string
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if path = r.URL.Path; err != nil || proto.Unmarshal(body, &got) != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	defer good.Close()
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer bad.Close()
	for _, endpoint := range []string{good.URL, bad.URL} {
		var failed error
		tracer, stop, err := telemetry.NewTracer(t.Context(), telemetry.Traces{
			Endpoint: endpoint, Sample: 1, Program: "api", Version: "v1", Failed: func(err error) { failed = err },
		})
		if err != nil {
			t.Fatal(err)
		}
		_, span := tracer.Start(telemetry.Resume(t.Context(), parent), "wait")
		span.End()
		stop()
		if (failed != nil) != (endpoint == bad.URL) {
			t.Errorf("%s: told of %v", endpoint, failed)
		}
	}
	spans := got.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
	if path != "/v1/traces" || len(spans) != 1 || spans[0].GetName() != "wait" || !strings.Contains(parent, trace.TraceID(spans[0].GetTraceId()).String()) {
		t.Errorf("to %s came %v", path, &got)
	}
	if resource := got.GetResourceSpans()[0].GetResource().String(); !strings.Contains(resource, "tintype-api") || !strings.Contains(resource, "v1") {
		t.Error(resource)
	}
}

func TestWithoutAnEndpoint(t *testing.T) {
	t.Parallel()
	tracer, stop, err := telemetry.NewTracer(context.Background(), telemetry.Traces{Sample: 1})
	if tracer != nil || err != nil {
		t.Errorf("%v %v", tracer, err)
	}
	stop()
}

// TestWhoDecides: the share counts for traces that begin here; a caller decides its own.
func TestWhoDecides(t *testing.T) {
	t.Parallel()
	tracer, stop, err := telemetry.NewTracer(t.Context(), telemetry.Traces{Endpoint: "http://127.0.0.1:1", Failed: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for carried, want := range map[string]bool{"": false, parent: true, strings.TrimSuffix(parent, "1") + "0": false} {
		_, span := tracer.Start(telemetry.Resume(t.Context(), carried), "wait")
		if got := span.SpanContext().IsSampled(); got != want {
			t.Errorf("%q: sampled %v", carried, got)
		}
	}
}
