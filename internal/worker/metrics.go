package worker

import "github.com/prometheus/client_golang/prometheus"

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
	estimates  *prometheus.CounterVec
	cooldowns  *prometheus.CounterVec
	conflicts  prometheus.Counter
	rollbacks  prometheus.Counter
	removed    prometheus.Counter
	leases     prometheus.Gauge
	polled     prometheus.Gauge
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
	return &metrics{
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
		estimates:  counter("eta_jobs_total", "Succeeded jobs that were given an estimate, by whether they were done by its p90 (covered: true). The share of true is the eta_coverage.", "kind", "covered"),
		conflicts:  counter("fence_conflicts_total", "Submissions that were not sent because the bucket held their fence, which Redis had lost.").WithLabelValues(),
		rollbacks:  counter("store_rollbacks_total", "Times that Redis was found to have lost writes that it had confirmed.").WithLabelValues(),
		removed:    counter("jobs_removed_total", "Jobs that this process removed from the bucket and the store, since their retention was over or their callers deleted them.").WithLabelValues(),
		leases:     gauge("leases_held", "Leases on jobs that this process holds."),
		polled:     gauge("jobs_polled", "Running jobs that this process polls."),
	}
}
