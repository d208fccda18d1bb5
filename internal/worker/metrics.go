package worker

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/job"
)

// metrics are what a worker counts. No label names a tenant, a prompt or a
// credential.
type metrics struct {
	jobs       *prometheus.CounterVec
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
}

func newMetrics(reg prometheus.Registerer) *metrics {
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
	reg.MustRegister(ratio)
	return &metrics{
		coverage: &coverage{
			jobs:  counter("eta_jobs_total", "Jobs that were given an estimate and succeeded or ran out of time after its p90, by whether they were done by then (covered: true).", "kind", "covered"),
			ratio: ratio, newest: map[job.Kind][]bool{},
		},
		jobs:       counter("jobs_finished_total", "Jobs that reached a final state in this process.", "kind", "state"),
		submits:    counter("submits_total", "Paid requests by how they ended: accepted, not_sent, rejected or ambiguous.", "upstream", "kind", "outcome"),
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
	}
}
