package telemetry

import (
	"context"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// BuildInfo tells which build of which program this is.
func BuildInfo(program, version string) prometheus.Collector {
	if version == "" {
		version = "unknown"
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tintype_build_info", Help: "Always 1; the labels tell which build of which program this is.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version(), "program": program},
	})
	g.Set(1)
	return g
}

// PingEvery is how often the way to the store is measured.
const PingEvery = 5 * time.Second

// RoundTrips measures the way to the store, until ctx ends.
type RoundTrips struct {
	ping    func(context.Context) (time.Duration, error)
	seconds prometheus.Histogram
}

// NewRoundTrips registers the metric. ping gives the time that one round trip has
// taken.
func NewRoundTrips(reg prometheus.Registerer, ping func(context.Context) (time.Duration, error)) *RoundTrips {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "tintype_redis_round_trip_seconds",
		Help:    "Time of a PING to Redis, measured every 5 s. One that is not answered is not in it: while the count does not grow, Redis is away.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
	})
	reg.MustRegister(h)
	return &RoundTrips{ping, h}
}

// Run measures until ctx ends, once at the beginning. A failure is not logged: whoever
// needs Redis says so.
func (r *RoundTrips) Run(ctx context.Context) {
	tick := time.NewTicker(PingEvery)
	defer tick.Stop()
	for {
		r.measure(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *RoundTrips) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, PingEvery)
	defer cancel()
	if took, err := r.ping(ctx); err == nil {
		r.seconds.Observe(took.Seconds())
	}
}
