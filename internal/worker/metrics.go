package worker

import (
	"errors"
	"log/slog"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/telemetry"
	"github.com/tintypehq/tintype/internal/upstream"
)

// metrics are what a worker counts. No label names a tenant, a prompt or a
// credential.
type metrics struct {
	charges    *prometheus.CounterVec
	submits    *prometheus.CounterVec
	lookups    *prometheus.CounterVec
	cancels    *prometheus.CounterVec
	harvests   *prometheus.CounterVec
	polls      *prometheus.CounterVec
	mirrored   *prometheus.CounterVec
	resumed    prometheus.Counter
	rerings    prometheus.Counter
	leasesLost prometheus.Counter
	coverage   *coverage
	cooldowns  *prometheus.CounterVec
	stranded   *prometheus.CounterVec
	conflicts  prometheus.Counter
	rollbacks  prometheus.Counter
	webhooks   *prometheus.CounterVec
	removed    prometheus.Counter
	leases     prometheus.Gauge
	polled     prometheus.Gauge

	undelivered       prometheus.Gauge
	oldestUndelivered prometheus.Gauge

	ends           *telemetry.Ends
	failures       *prometheus.CounterVec
	refusals       prometheus.Counter
	recovered      *prometheus.CounterVec
	copied         *prometheus.HistogramVec
	mirrorFailures *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, log *slog.Logger) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tintype", Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "tintype", Name: name, Help: help})
		reg.MustRegister(g)
		return g
	}
	ratio := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "tintype", Name: "eta_coverage_ratio",
		Help: "Share of the last " + strconv.Itoa(coverageOver) + " jobs of this process, counted as in tintype_eta_jobs_total, that were done by their p90. It should be about 0.9.",
	}, []string{"kind"})
	copied := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "tintype", Name: "mirror_seconds",
		Help:    "Time of one file's copy into the bucket, that succeeded. With tintype_mirror_bytes_total it gives the rate.",
		Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900},
	}, []string{"kind"})
	reg.MustRegister(ratio, copied)
	stages := telemetry.NewStages(reg, telemetry.Waiting, telemetry.Admitted, telemetry.Submit, telemetry.Generate, telemetry.Notice, telemetry.Mirror)
	return &metrics{
		coverage: &coverage{
			jobs:  counter("eta_jobs_total", "Jobs that were given an estimate and succeeded or ran out of time after its p90, by whether they were done by then (covered: true).", "kind", "covered"),
			ratio: ratio, newest: map[job.Kind][]bool{},
		},
		charges: counter("charges_total", "Generations that an upstream has taken on, and charges for: submissions that it accepted, and those that were found afterwards.", "upstream", "kind"),
		submits: counter("submits_total", "Paid requests by how they ended: accepted, not_sent, rejected or ambiguous. "+
			"Of one whose worker died, which is ambiguous too, the worker tells that took it over.", "upstream", "kind", "outcome"),
		lookups:    counter("lookups_total", "Looks for a submission whose answer was lost: found, nothing or error.", "upstream", "result"),
		cancels:    counter("upstream_cancels_total", "Running jobs that the upstream was asked to stop, by its answer: stopped, works_on or finished.", "upstream", "answer"),
		harvests:   counter("harvests_total", "Jobs that were final while the upstream was still at work on them, by what came of it: recovered, ended or given_up.", "result"),
		polls:      counter("polls_total", "Status calls by what they said, or by the class of their error.", "upstream", "answer"),
		mirrored:   counter("mirror_bytes_total", "Bytes of media stored in the bucket.", "kind"),
		resumed:    counter("mirror_resumes_total", "Broken downloads that were taken up again where they broke.").WithLabelValues(),
		rerings:    counter("sweeper_rerings_total", "Jobs rung again because their lease had lapsed.").WithLabelValues(),
		leasesLost: counter("leases_lost_total", "Leases lost to other workers, or given up while Redis was away.").WithLabelValues(),
		cooldowns:  counter("account_cooldowns_total", "Refusals for which a pooled account was left alone, by cause. auth and risk_control wait for an operator.", "upstream", "cause"),
		stranded:   counter("jobs_stranded_total", "Jobs in line that no account could have served before their deadline: moved to another upstream, or ended.", "how"),
		conflicts:  counter("fence_conflicts_total", "Submissions that were not sent because the bucket held their fence, which Redis had lost.").WithLabelValues(),
		rollbacks:  counter("store_rollbacks_total", "Times that Redis was found to have lost writes that it had confirmed.").WithLabelValues(),
		webhooks:   counter("webhook_deliveries_total", "Tries of webhook deliveries by what came of them: delivered, retry, failed (given up), gone (given up, the receiver wants no more) or busy (put off, too much goes there).", "outcome"),
		removed:    counter("jobs_removed_total", "Jobs that this process removed from the bucket and the store, since their retention was over or their callers deleted them.").WithLabelValues(),
		leases:     gauge("leases_held", "Leases on jobs that this process holds."),
		polled:     gauge("jobs_polled", "Running jobs that this process polls."),

		undelivered:       gauge("webhooks_undelivered", "Webhook deliveries that are still to be made, of all processes, as the last sweep saw them."),
		oldestUndelivered: gauge("webhook_oldest_undelivered_seconds", "Time since the oldest event that is still to be delivered; 0 without any."),

		ends:      telemetry.NewEnds(reg, stages, log),
		failures:  counter("job_failures_total", "Jobs that failed in this process, by the code that their callers read. One that succeeded later is counted here as well.", "kind", "code"),
		refusals:  counter("submit_fence_refusals_total", "Submissions that were not sent because the fence or the lease said no: another worker has the job, or may have sent it.").WithLabelValues(),
		recovered: counter("media_recovered_total", "Jobs that had failed and succeeded after all, since their media came late.", "kind"),
		copied:    copied,
		mirrorFailures: counter("mirror_failures_total", "Copies of media that failed and are tried again, by what was in the way: "+
			"the upstream (it gives the media out slowly, damaged or not at all) or the bucket (or Redis).", "kind", "cause"),
	}
}

// begin shows the counters that alerts look at from the beginning, with zero: of one
// that appears with its first event no increase can be seen.
func (m *metrics) begin(upstreams map[string]Upstream) {
	for _, kind := range []job.Kind{job.Image, job.Video} {
		k := string(kind)
		for name := range upstreams {
			for _, outcome := range []upstream.Outcome{"accepted", upstream.NotSent, upstream.Rejected, upstream.Ambiguous} {
				m.submits.WithLabelValues(name, k, string(outcome))
			}
			m.charges.WithLabelValues(name, k)
		}
		for _, covered := range []bool{true, false} {
			m.coverage.jobs.WithLabelValues(k, strconv.FormatBool(covered))
		}
		for _, code := range []fault.Code{fault.OutcomeUnknown, fault.GenerationTimeout, fault.MediaInvalid, fault.PoolExhausted} {
			m.failures.WithLabelValues(k, string(code))
		}
		for _, cause := range []string{causeUpstream, causeBucket} {
			m.mirrorFailures.WithLabelValues(k, cause)
		}
		m.recovered.WithLabelValues(k)
		m.mirrored.WithLabelValues(k)
		m.copied.WithLabelValues(k)
	}
	for _, result := range []string{"recovered", "ended", "given_up"} {
		m.harvests.WithLabelValues(result)
	}
	for _, how := range []string{"ended", "moved"} {
		m.stranded.WithLabelValues(how)
	}
	for _, outcome := range []redisstore.DeliveryOutcome{redisstore.TryDelivered, redisstore.TryRetry, redisstore.TryFailed, redisstore.TryGone, redisstore.TryBusy} {
		m.webhooks.WithLabelValues(string(outcome))
	}
}

// What is in the way of a copy.
const (
	causeUpstream = "upstream"
	causeBucket   = "bucket"
)

// mirrorFailed counts a copy that did not come about.
func (m *metrics) mirrorFailed(kind job.Kind, err error) {
	cause := causeBucket
	if errors.Is(err, errRubbish) || errors.Is(err, errSource) || errors.Is(err, errGone) {
		cause = causeUpstream
	}
	m.mirrorFailures.WithLabelValues(string(kind), cause).Inc()
}

// ended counts what is known of a job that is final beside its end.
func (m *metrics) ended(j *job.Job) {
	kind := string(j.Spec.Kind)
	m.coverage.note(j)
	if j.Recovered {
		m.harvests.WithLabelValues("recovered").Inc()
		m.recovered.WithLabelValues(kind).Inc()
	}
	if j.State == job.Failed && j.Failure != nil {
		m.failures.WithLabelValues(kind, string(j.Failure.Code)).Inc()
	}
}
