// Package telemetry is what the programs tell about themselves to whoever runs
// them, where that is not one package's own. Metrics, here, and traces and logs.
//
// No label names a tenant, a job, an account, a prompt or a credential: every
// label's values are of a closed set, or come from the configuration.
package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// How the fleet is read.
const (
	// FleetEvery is the least time between two readings, however often somebody
	// asks.
	FleetEvery = 10 * time.Second

	// FleetTimeout is how long a reading may take. Less than what Prometheus waits
	// for an answer, 10 s by default.
	FleetTimeout = 3 * time.Second
)

// Reading is what all processes together have to do, at one moment.
type Reading struct {
	Jobs     []JobCount
	Accounts []AccountCount
	Slots    []SlotCount
	Queues   []QueueCount
	Redis    *RedisMemory // nil: it does not tell
}

// JobCount is the jobs of a kind in a state.
type JobCount struct {
	State, Kind string
	N           int64
	Oldest      time.Duration // since the one that is there the longest came into the state
}

// AccountCount is the accounts of an upstream that stand alike.
type AccountCount struct {
	Upstream, State, Cause string
	N                      int64
}

// SlotCount is the slots of an upstream's accounts for jobs of a kind.
type SlotCount struct {
	Upstream, Kind string
	Used, Limit    int64
}

// QueueCount is the tasks of one of Asynq's queues.
type QueueCount struct {
	Queue                                                string
	Pending, Active, Scheduled, Retry, Archived, Orphans int64
	Oldest                                               time.Duration // of the pending ones
}

// RedisMemory is what the data takes, in bytes, and what it may.
type RedisMemory struct{ Used, Limit int64 }

// Fleet exports what all processes share. Several processes export the same, so
// that it is there as long as one of them is. It is read when it is asked for;
// between two readings, and while the store is away, it shows the last one.
type Fleet struct {
	read func(context.Context) (Reading, error)
	log  *slog.Logger

	turn  chan struct{} // holds one, for whoever may read and look at what follows
	at    time.Time     // of the last try
	took  time.Duration
	known bool
	last  Reading

	errors prometheus.Counter
	descs  fleetDescs
}

// fleetDescs are the metrics' names.
type fleetDescs struct {
	jobs, oldest, used, limit, accounts, tasks, latency, orphans, memory, maxMemory, took *prometheus.Desc
}

// NewFleet makes a collector of what read gives. read must end soon after its
// context does.
func NewFleet(log *slog.Logger, read func(context.Context) (Reading, error)) *Fleet {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tintype_"+name, help+" Of all processes: take the max over them.", labels, nil)
	}
	f := &Fleet{
		read: read, log: log, turn: make(chan struct{}, 1),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tintype_fleet_read_errors_total", Help: "Readings of what all processes share that failed. The metrics show the last one that did not.",
		}),
		descs: fleetDescs{
			jobs: desc("jobs", "Jobs by what is being done for them: waiting for a slot, admitted to one, submitting, running at the upstream, mirroring into the bucket, "+
				"or harvesting: final, and media may still come.", "state", "kind"),
			oldest: desc("oldest_job_seconds", "Time since the job of the kind that is there the longest came into the state; 0 without any.", "state", "kind"),
			used:   desc("account_slots_used", "Slots of pooled accounts that jobs hold, from admission to the end of all that is done for them.", "upstream", "kind"),
			limit: desc("account_slots_limit", "Slots of those pooled accounts that may get jobs of the kind now: not cooling, parked, off or out of quota, and their upstream not paused. "+
				"Where an account bounds its jobs together and not by kind, its slots count for each kind.", "upstream", "kind"),
			accounts: desc("accounts", "Pooled accounts by how they stand: ready, cooling (for a time), parked (until an operator acts), half_open (one job finds out whether it works again) or off; and why.",
				"upstream", "state", "cause"),
			tasks:   desc("queue_tasks", "Tasks in Asynq's queues, one queue for each stage, by their state.", "queue", "state"),
			latency: desc("queue_latency_seconds", "Time since the oldest pending task of the queue was put in; 0 without any.", "queue"),
			orphans: desc("queue_orphans", "Active tasks whose process has died without a word. Asynq recovers them, and the sweeper rings again for their jobs.", "queue"),
			memory:  desc("redis_memory_used_bytes", "Memory that Redis uses (used_memory), whoever's data it is. Missing where Redis does not tell."),
			maxMemory: desc("redis_memory_limit_bytes", "Memory that Redis may use for data (maxmemory): with noeviction nothing is accepted any more when it is full. "+
				"0: it has no limit but its machine's, or does not tell."),
			took: prometheus.NewDesc("tintype_fleet_read_seconds", "Time that the last reading of what all processes share has taken. This process's own.", nil, nil),
		},
	}
	f.turn <- struct{}{}
	return f
}

var _ prometheus.Collector = (*Fleet)(nil)

// Describe implements prometheus.Collector.
func (f *Fleet) Describe(ch chan<- *prometheus.Desc) {
	d := f.descs
	for _, desc := range []*prometheus.Desc{d.jobs, d.oldest, d.used, d.limit, d.accounts, d.tasks, d.latency, d.orphans, d.memory, d.maxMemory, d.took} {
		ch <- desc
	}
	f.errors.Describe(ch)
}

// Collect implements prometheus.Collector.
func (f *Fleet) Collect(ch chan<- prometheus.Metric) {
	r, took, known := f.latest()
	f.errors.Collect(ch)
	ch <- prometheus.MustNewConstMetric(f.descs.took, prometheus.GaugeValue, took.Seconds())
	if known {
		f.send(ch, r)
	}
}

// latest reads, unless the last try was a moment ago. Who comes meanwhile waits for
// the same reading.
func (f *Fleet) latest() (r Reading, took time.Duration, known bool) {
	<-f.turn
	defer func() { f.turn <- struct{}{} }()
	if begun := time.Now(); f.at.IsZero() || begun.Sub(f.at) >= FleetEvery {
		ctx, cancel := context.WithTimeout(context.Background(), FleetTimeout) // Prometheus gives collectors none
		defer cancel()
		r, err := f.read(ctx)
		f.at, f.took = begun, time.Since(begun)
		if err != nil {
			f.errors.Inc()
			f.log.WarnContext(ctx, "what all processes share could not be read; the metrics show the last reading", "err", err)
		} else {
			f.last, f.known = r, true
		}
	}
	return f.last, f.took, f.known
}

func (f *Fleet) send(ch chan<- prometheus.Metric, r Reading) {
	d := f.descs
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, j := range r.Jobs {
		gauge(d.jobs, float64(j.N), j.State, j.Kind)
		gauge(d.oldest, j.Oldest.Seconds(), j.State, j.Kind)
	}
	for _, s := range r.Slots {
		gauge(d.used, float64(s.Used), s.Upstream, s.Kind)
		gauge(d.limit, float64(s.Limit), s.Upstream, s.Kind)
	}
	for _, a := range r.Accounts {
		gauge(d.accounts, float64(a.N), a.Upstream, a.State, a.Cause)
	}
	for _, q := range r.Queues {
		for state, n := range map[string]int64{"pending": q.Pending, "active": q.Active, "scheduled": q.Scheduled, "retry": q.Retry, "archived": q.Archived} {
			gauge(d.tasks, float64(n), q.Queue, state)
		}
		gauge(d.latency, q.Oldest.Seconds(), q.Queue)
		gauge(d.orphans, float64(q.Orphans), q.Queue)
	}
	if m := r.Redis; m != nil {
		gauge(d.memory, float64(m.Used))
		gauge(d.maxMemory, float64(m.Limit))
	}
}
