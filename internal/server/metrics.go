package server

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tintypehq/tintype/internal/telemetry"
)

// metrics are what the server counts. No label holds a tenant, a prompt or a
// credential.
type metrics struct {
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	waiters   *prometheus.GaugeVec
	accepted  *prometheus.CounterVec
	attached  *prometheus.CounterVec
	cancels   *prometheus.CounterVec
	deletes   prometheus.Counter
	resumes   prometheus.Counter
	attempts  *prometheus.CounterVec
	cooldowns *prometheus.CounterVec
	sent      prometheus.Counter
	page      http.Handler

	connections prometheus.Gauge
	turnedAway  prometheus.Counter
	bucket      *prometheus.GaugeVec // without labels: it is there after the first look

	acceptance prometheus.Histogram
	stages     *telemetry.Stages
	ends       *telemetry.Ends
}

// newMetrics registers them. most is limits.waiting_per_process.
func newMetrics(r *prometheus.Registry, most int, log *slog.Logger) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tintype_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tintype_http_request_duration_seconds", Help: "Time from a request's arrival to the end of its answer. Blocking calls and streams last as long as their job.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2, 10, 30, 120, 600, 1800},
		}, []string{"route"}),
		waiters: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tintype_http_waiters", Help: "Callers that wait for a job at the moment, by the way they wait.",
		}, []string{"kind"}),
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tintype_jobs_accepted_total", Help: "Jobs accepted by this process.",
		}, []string{"kind"}),
		attached: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tintype_requests_attached_total", Help: "Repeated requests that got the job of the first one, by what told them: their key, or their word that they are a retry.",
		}, []string{"by"}),
		cancels: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tintype_job_cancels_total", Help: "Wishes to cancel a job: canceled at once, asked of the upstream, or final before.",
		}, []string{"answer"}),
		deletes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tintype_job_deletes_total", Help: "Final jobs that their callers deleted.",
		}),
		resumes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tintype_stream_resumes_total", Help: "Streams that went on from a cursor.",
		}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tintype_chat_attempts_total", Help: "Chat calls sent to an upstream, by how they ended.",
		}, []string{"upstream", "outcome"}),
		cooldowns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tintype_chat_cooldowns_total", Help: "Refusals of chat calls for which a pooled account was left alone, by cause. auth and risk_control wait for an operator.",
		}, []string{"upstream", "cause"}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tintype_media_sent_bytes_total", Help: "Bytes of media sent through this process.",
		}),
		connections: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tintype_http_connections", Help: "Connections that are open at the moment.",
		}),
		turnedAway: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tintype_http_connections_refused_total", Help: "Connections closed unheard because limits.connections were open.",
		}),
		bucket: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tintype_bucket_up", Help: "Whether the bucket could be written and read when /readyz last looked, which it does every half minute at most: 1, else 0.",
		}, nil),
		acceptance: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tintype_accept_seconds", Help: "Time from the arrival of a request for media until its job was written, its body and input images included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}),
		page: promhttp.HandlerFor(r, promhttp.HandlerOpts{}),
	}
	limit := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tintype_http_waiters_limit", Help: "Callers that may wait in this process at once (limits.waiting_per_process). One more is answered 503, queue_full.",
	})
	limit.Set(float64(most))
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.waiters, limit, m.accepted, m.attached, m.cancels, m.deletes, m.resumes, m.attempts, m.cooldowns, m.sent, m.connections, m.turnedAway, m.bucket, m.acceptance} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	m.stages = telemetry.NewStages(r, telemetry.Deliver)
	m.ends = telemetry.NewEnds(r, m.stages, log)
	return m, nil
}

func (m *metrics) observe(c echo.Context, status int, took time.Duration) {
	route := c.Path()
	if route == "" {
		route = "none" // a path that does not exist must not become a label
	}
	m.requests.WithLabelValues(knownMethod(c.Request().Method), route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// knownMethod keeps invented methods from becoming labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
