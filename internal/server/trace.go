package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/tintypehq/tintype/internal/telemetry"
)

// trace puts a call to the API into the trace that its caller names, or into one of
// its own, and gives the way to end its span. Without a tracer the caller's trace is
// taken along all the same: to the log, and to the job.
func (s *Server) trace(c echo.Context) (end func(error)) {
	r := c.Request()
	if !strings.HasPrefix(r.URL.Path, apiPrefix) {
		return func(error) {}
	}
	ctx := telemetry.FromRequest(r.Context(), r.Header)
	if s.cfg.Tracer == nil {
		if ctx != r.Context() {
			c.SetRequest(r.WithContext(ctx))
		}
		return func(error) {}
	}
	method := knownMethod(r.Method)
	ctx, span := s.cfg.Tracer.Start(ctx, strings.TrimSpace(method+" "+c.Path()), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", c.Path()),
		attribute.String("tintype.request_id", c.Response().Header().Get(headerRequestID)),
	))
	c.SetRequest(r.WithContext(ctx))
	return func(err error) {
		status := statusFor(c, err)
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if id := c.Response().Header().Get(headerJobID); id != "" {
			span.SetAttributes(attribute.String("tintype.job_id", id))
		}
		if err != nil {
			span.SetAttributes(attribute.String("error.type", string(toFault(err).Code)))
		}
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
