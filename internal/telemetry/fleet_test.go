package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var reading = telemetry.Reading{
	Jobs: []telemetry.JobCount{
		{State: "running", Kind: "image"},
		{State: "running", Kind: "video", N: 3, Oldest: 90 * time.Second},
		{State: "waiting", Kind: "image", N: 1, Oldest: 2 * time.Second},
		{State: "waiting", Kind: "video", N: 1, Oldest: time.Second},
	},
	Accounts: []telemetry.AccountCount{{Upstream: "ark", State: "parked", Cause: "auth", N: 2}, {Upstream: "ark", State: "ready", N: 1}},
	Slots:    []telemetry.SlotCount{{Upstream: "ark", Kind: "video", Used: 3, Limit: 10}},
	Queues:   []telemetry.QueueCount{{Queue: "mirror", Pending: 4, Active: 2, Scheduled: 5, Retry: 6, Archived: 7, Orphans: 1, Oldest: 1500 * time.Millisecond}},
	Redis:    &telemetry.RedisMemory{Used: 700, Limit: 1000},
}

// TestFleet: what was read is what is shown.
func TestFleet(t *testing.T) {
	t.Parallel()
	f := telemetry.NewFleet(slog.New(slog.DiscardHandler), func(context.Context) (telemetry.Reading, error) { return reading, nil })
	for name, want := range map[string]string{
		"tintype_jobs": `tintype_jobs{kind="image",state="running"} 0
tintype_jobs{kind="image",state="waiting"} 1
tintype_jobs{kind="video",state="running"} 3
tintype_jobs{kind="video",state="waiting"} 1
`,
		"tintype_oldest_job_seconds": `tintype_oldest_job_seconds{kind="image",state="running"} 0
tintype_oldest_job_seconds{kind="image",state="waiting"} 2
tintype_oldest_job_seconds{kind="video",state="running"} 90
tintype_oldest_job_seconds{kind="video",state="waiting"} 1
`,
		"tintype_account_slots_used":  "tintype_account_slots_used{kind=\"video\",upstream=\"ark\"} 3\n",
		"tintype_account_slots_limit": "tintype_account_slots_limit{kind=\"video\",upstream=\"ark\"} 10\n",
		"tintype_accounts": `tintype_accounts{cause="",state="ready",upstream="ark"} 1
tintype_accounts{cause="auth",state="parked",upstream="ark"} 2
`,
		"tintype_queue_tasks": `tintype_queue_tasks{queue="mirror",state="active"} 2
tintype_queue_tasks{queue="mirror",state="archived"} 7
tintype_queue_tasks{queue="mirror",state="pending"} 4
tintype_queue_tasks{queue="mirror",state="retry"} 6
tintype_queue_tasks{queue="mirror",state="scheduled"} 5
`,
		"tintype_queue_latency_seconds":    "tintype_queue_latency_seconds{queue=\"mirror\"} 1.5\n",
		"tintype_queue_orphans":            "tintype_queue_orphans{queue=\"mirror\"} 1\n",
		"tintype_redis_memory_used_bytes":  "tintype_redis_memory_used_bytes 700\n",
		"tintype_redis_memory_limit_bytes": "tintype_redis_memory_limit_bytes 1000\n",
		"tintype_fleet_read_errors_total":  "tintype_fleet_read_errors_total 0\n",
	} {
		got, err := testutil.CollectAndFormat(f, expfmt.TypeTextPlain, name)
		if _, values, _ := strings.Cut(string(got), " gauge\n"); err != nil || values != want && !strings.HasSuffix(string(got), want) {
			t.Errorf("%s: %s, %v\nwant %s", name, got, err, want)
		}
	}
	if problems, err := testutil.CollectAndLint(f); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// TestFleetIsCached: however often somebody asks, the store is asked every 10 s, and
// while it is away the last reading counts.
func TestFleetIsCached(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int64
		away := false
		f := telemetry.NewFleet(slog.New(slog.DiscardHandler), func(ctx context.Context) (telemetry.Reading, error) {
			reads.Add(1)
			if away {
				<-ctx.Done() // it does not answer at all
				return telemetry.Reading{}, context.Cause(ctx)
			}
			time.Sleep(100 * time.Millisecond)
			return reading, nil
		})
		value := func(name string) float64 {
			t.Helper()
			reg := prometheus.NewRegistry()
			reg.MustRegister(f)
			families, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, family := range families {
				if family.GetName() == name {
					m := family.GetMetric()[0]
					return m.GetGauge().GetValue() + m.GetCounter().GetValue()
				}
			}
			return -1
		}
		var all sync.WaitGroup
		for range 20 { // at once
			all.Go(func() { _ = value("tintype_jobs") })
		}
		all.Wait()
		if n := reads.Load(); n != 1 {
			t.Errorf("%d readings for twenty questions", n)
		}
		if took := value("tintype_fleet_read_seconds"); took != 0.1 {
			t.Errorf("it took %v", took)
		}
		away = true
		time.Sleep(9 * time.Second)
		_ = value("tintype_jobs")
		if n := reads.Load(); n != 1 {
			t.Errorf("%d readings in 9 s", n)
		}
		time.Sleep(2 * time.Second)
		begun := time.Now()
		if value("tintype_account_slots_used") != 3 || value("tintype_fleet_read_errors_total") != 1 {
			t.Error("the last reading is gone, or the failure not counted")
		}
		if waited := time.Since(begun); waited != telemetry.FleetTimeout {
			t.Errorf("it kept them waiting for %s", waited)
		}
		if n := reads.Load(); n != 2 {
			t.Errorf("%d readings: a failure is not tried again at once", n)
		}
		away = false
		time.Sleep(11 * time.Second)
		if value("tintype_fleet_read_seconds") != 0.1 || value("tintype_fleet_read_errors_total") != 1 || reads.Load() != 3 {
			t.Error("it does not recover")
		}
	})
}

// TestFleetBeforeItIsKnown: nothing is said of what was never read.
func TestFleetBeforeItIsKnown(t *testing.T) {
	t.Parallel()
	f := telemetry.NewFleet(slog.New(slog.DiscardHandler), func(context.Context) (telemetry.Reading, error) { return reading, errors.New("away") })
	if n := testutil.CollectAndCount(f, "tintype_jobs", "tintype_accounts"); n != 0 {
		t.Errorf("%d values of what is not known", n)
	}
	if n := testutil.CollectAndCount(f); n != 2 {
		t.Errorf("%d values", n)
	}
}

// TestFleetWithoutMemory: a Redis that does not tell has none, rather than 0.
func TestFleetWithoutMemory(t *testing.T) {
	t.Parallel()
	r := reading
	r.Redis = nil
	f := telemetry.NewFleet(slog.New(slog.DiscardHandler), func(context.Context) (telemetry.Reading, error) { return r, nil })
	if n := testutil.CollectAndCount(f, "tintype_redis_memory_used_bytes", "tintype_redis_memory_limit_bytes"); n != 0 {
		t.Errorf("%d values of what is not known", n)
	}
}

// TestStages: each part of a job's time is told once.
func TestStages(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	after := func(seconds float64) time.Time { return at.Add(time.Duration(seconds * float64(time.Second))) }
	whole := func(change ...func(*job.Job)) *job.Job {
		j := &job.Job{
			Spec: job.Spec{Kind: job.Video}, State: job.Succeeded, CreatedAt: at, AdmittedAt: after(.25), BegunAt: after(1), SubmittedAt: after(3), ReadyAt: after(63), FinishedAt: after(71),
		}
		for _, f := range change {
			f(j)
		}
		return j
	}
	none := map[string]float64{}
	for _, tt := range []struct {
		name string
		job  *job.Job
		want map[string]float64
	}{
		{"the upstream does not tell", whole(), map[string]float64{"waiting": .25, "admitted": .75, "submit": 2, "generate": 60, "mirror": 8}},
		{"it does", whole(func(j *job.Job) { j.UpstreamTook = 55 * time.Second }), map[string]float64{"waiting": .25, "admitted": .75, "submit": 2, "generate": 55, "notice": 5, "mirror": 8}},
		{"it tells more than was", whole(func(j *job.Job) { j.UpstreamTook = 90 * time.Second }), map[string]float64{"waiting": .25, "admitted": .75, "submit": 2, "generate": 60, "notice": 0, "mirror": 8}},
		{"the answer had the media", whole(func(j *job.Job) { j.ReadyAt = time.Time{} }), map[string]float64{"waiting": .25, "admitted": .75, "submit": 2, "mirror": 68}},
		{"failed at the deadline, and still coming", whole(func(j *job.Job) { j.State, j.Harvest = job.Failed, job.HarvestMirror }), map[string]float64{"waiting": .25, "admitted": .75, "submit": 2}},
		{"it came", whole(func(j *job.Job) { j.Recovered = true }), map[string]float64{"generate": 60, "mirror": 8}},
		{"unusable", whole(func(j *job.Job) { j.State = job.Failed }), map[string]float64{"waiting": .25, "admitted": .75, "submit": 2, "generate": 60}},
		{"admitted again, and not begun again", &job.Job{
			Spec: job.Spec{Kind: job.Video}, State: job.Canceled, CreatedAt: at, AdmittedAt: after(5), BegunAt: after(1), FinishedAt: after(9),
		}, map[string]float64{"waiting": 5}},
		{"never begun", &job.Job{Spec: job.Spec{Kind: job.Video}, State: job.Failed, CreatedAt: at, FinishedAt: after(9)}, none},
	} {
		reg := prometheus.NewRegistry()
		telemetry.NewStages(reg).Ended(tt.job)
		got := sums(t, reg, "tintype_job_stage_seconds")
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		for stage, want := range tt.want {
			if sum, ok := got[stage+"|video"]; !ok || sum != want {
				t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
			}
		}
	}
}

// sums gives the sum of each series of a histogram, by "stage|kind".
func sums(t *testing.T, reg *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if m.GetHistogram().GetSampleCount() > 0 {
				out[labels["stage"]+"|"+labels["kind"]] = m.GetHistogram().GetSampleSum()
			}
		}
	}
	return out
}

// TestStagesAreShared: in one process the API and the worker show one metric.
func TestStagesAreShared(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	telemetry.NewStages(reg, telemetry.Mirror).Observe(telemetry.Mirror, job.Image, 2*time.Second)
	telemetry.NewStages(reg, telemetry.Deliver).Observe(telemetry.Deliver, job.Image, -time.Second) // clocks differ
	if got := sums(t, reg, "tintype_job_stage_seconds"); len(got) != 2 || got["mirror|image"] != 2 || got["deliver|image"] != 0 {
		t.Errorf("%v", got)
	}
	if n, err := testutil.GatherAndCount(reg, "tintype_job_stage_seconds"); n != 4 || err != nil { // both kinds of each
		t.Errorf("%d series, %v", n, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("another metric of the same name is taken for it")
		}
	}()
	telemetry.Shared(reg, prometheus.NewGauge(prometheus.GaugeOpts{Name: "tintype_job_stage_seconds"}))
}

// TestRoundTrips: only answers count.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		asked := 0
		r := telemetry.NewRoundTrips(reg, func(context.Context) (time.Duration, error) {
			if asked++; asked == 2 {
				return 0, fault.New(fault.Unavailable, "away")
			}
			return 2 * time.Millisecond, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		r.Run(ctx)
		if asked != 3 {
			t.Errorf("asked %d times in 12 s", asked)
		}
		families, err := reg.Gather()
		if err != nil || families[0].GetMetric()[0].GetHistogram().GetSampleCount() != 2 {
			t.Errorf("%v, %v", families, err)
		}
	})
}

// TestBuildInfo: a build that knows no version says so.
func TestBuildInfo(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"v1.2.3": `version="v1.2.3"`, "": `version="unknown"`} {
		got, err := testutil.CollectAndFormat(telemetry.BuildInfo("api", version), expfmt.TypeTextPlain, "tintype_build_info")
		if err != nil || !strings.Contains(string(got), want) || !strings.Contains(string(got), `program="api"`) || !strings.Contains(string(got), "} 1\n") {
			t.Errorf("%s, %v", got, err)
		}
	}
}
