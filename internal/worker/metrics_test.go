package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/worker"
)

// values gives what a registry shows: counters and gauges as they are, histograms
// by how often something was observed, each as `name{label="value",...}`.
func values(t *testing.T, metrics *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// awaitMetrics waits until a registry shows some values, since a job's end is counted
// a moment after it is written.
func awaitMetrics(t *testing.T, metrics *prometheus.Registry, want map[string]float64) map[string]float64 {
	t.Helper()
	late := time.NewTimer(40 * time.Second)
	defer late.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got := values(t, metrics)
		var wrong []string
		for name, n := range want {
			if is, shown := got[name]; is != n || !shown {
				wrong = append(wrong, fmt.Sprintf("%s is %v (%v), want %v", name, is, shown, n))
			}
		}
		if len(wrong) == 0 {
			return got
		}
		select {
		case <-late.C:
			t.Fatal(strings.Join(wrong, "; "))
		case <-tick.C:
		}
	}
}

// TestMetricsOfALife: what happens is counted, once, and what has not happened yet is
// shown as zero.
func TestMetricsOfALife(t *testing.T) {
	t.Parallel()
	r, metrics := newRig(t), prometheus.NewRegistry()
	r.start(t, func(c *worker.Config) { c.Metrics = metrics })
	awaitMetrics(t, metrics, map[string]float64{ // of a counter that appears with its first event no increase is seen
		`tintype_submits_total{kind="video",outcome="ambiguous",upstream="sim"}`: 0, `tintype_job_failures_total{code="submit_outcome_unknown",kind="image"}`: 0,
		`tintype_charges_total{kind="video",upstream="sim"}`: 0, `tintype_eta_jobs_total{covered="true",kind="video"}`: 0,
		`tintype_media_recovered_total{kind="video"}`: 0, `tintype_mirror_failures_total{cause="bucket",kind="video"}`: 0, `tintype_jobs_stranded_total{how="ended"}`: 0,
		`tintype_webhook_deliveries_total{outcome="failed"}`: 0, `tintype_harvests_total{result="given_up"}`: 0, "tintype_submit_fence_refusals_total": 0,
		`tintype_job_stage_seconds{kind="video",stage="notice"}`: 0, "tintype_store_rollbacks_total": 0, "tintype_fence_conflicts_total": 0,
	})
	img, vid := r.submit(t, job.Image, "a fox"), r.submit(t, job.Video, "a wave")
	r.wantSucceeded(t, img, 1)
	r.wantSucceeded(t, vid, 2)
	got := awaitMetrics(t, metrics, map[string]float64{
		`tintype_jobs_finished_total{kind="image",state="succeeded"}`: 1, `tintype_jobs_finished_total{kind="video",state="succeeded"}`: 1,
		`tintype_submits_total{kind="image",outcome="accepted",upstream="sim"}`: 1, `tintype_submits_total{kind="video",outcome="accepted",upstream="sim"}`: 1,
		`tintype_job_stage_seconds{kind="image",stage="waiting"}`: 1, `tintype_job_stage_seconds{kind="video",stage="waiting"}`: 1,
		`tintype_job_stage_seconds{kind="image",stage="admitted"}`: 1, `tintype_job_stage_seconds{kind="video",stage="admitted"}`: 1,
		`tintype_charges_total{kind="image",upstream="sim"}`: 1, `tintype_charges_total{kind="video",upstream="sim"}`: 1,
		`tintype_job_stage_seconds{kind="image",stage="submit"}`: 1, `tintype_job_stage_seconds{kind="video",stage="submit"}`: 1,
		`tintype_job_stage_seconds{kind="image",stage="generate"}`: 0, `tintype_job_stage_seconds{kind="video",stage="generate"}`: 1,
		`tintype_job_stage_seconds{kind="image",stage="mirror"}`: 1, `tintype_job_stage_seconds{kind="video",stage="mirror"}`: 1,
		`tintype_mirror_seconds{kind="image"}`: 1, `tintype_mirror_seconds{kind="video"}`: 2, // its cover, too
		"tintype_submit_fence_refusals_total": 0, `tintype_media_recovered_total{kind="video"}`: 0,
	})
	if got[`tintype_mirror_bytes_total{kind="image"}`] == 0 {
		t.Error("no bytes")
	}
	wantHarmless(t, metrics)
}

// wantHarmless: no label tells of a caller, a job or an account, and there is none
// whose values nobody has thought of.
func wantHarmless(t *testing.T, metrics *prometheus.Registry) {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string][]string{
		"kind": {"image", "video"}, "upstream": {"sim"}, "state": {"succeeded", "failed", "canceled"}, "covered": {"true", "false"},
		"outcome": {"accepted", "not_sent", "rejected", "ambiguous", "delivered", "retry", "failed", "gone", "busy"}, "how": {"ended", "moved"},
		"answer": {"working", "ready", "failed", "stopped", "works_on", "finished", "transient", "timeout", "lost", "unknown"}, "result": {"recovered", "ended", "given_up", "found", "nothing", "error"},
		"stage": {"waiting", "admitted", "submit", "generate", "notice", "mirror"}, "cause": {"upstream", "bucket", "auth", "risk_control", "rate_limited", "quota", "overloaded", "not_served"},
		"code": {"submit_outcome_unknown", "generation_timeout", "media_invalid", "pool_exhausted", "generation_failed"},
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !slices.Contains(known[l.GetName()], l.GetValue()) {
					t.Errorf("%s has the label %s=%q", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
}

// TestMetricsOfLateMedia: a job that fails and is recovered counts as both, and the
// time of each stage once.
func TestMetricsOfLateMedia(t *testing.T) {
	t.Parallel()
	r, metrics := newRig(t), prometheus.NewRegistry()
	r.start(t, harvesting, func(c *worker.Config) { c.Metrics = metrics })
	id := r.submit(t, job.Video, "late video sim:ready=18s", hurried)
	if j := r.awaitFinal(t, id); j.State != job.Failed {
		t.Fatalf("%+v", j)
	}
	awaitMetrics(t, metrics, map[string]float64{
		`tintype_job_failures_total{code="generation_timeout",kind="video"}`: 1, `tintype_media_recovered_total{kind="video"}`: 0,
		`tintype_job_stage_seconds{kind="video",stage="waiting"}`: 1, `tintype_job_stage_seconds{kind="video",stage="admitted"}`: 1,
		`tintype_job_stage_seconds{kind="video",stage="generate"}`: 0,
	})
	if j := r.awaitOver(t, id); j.State != job.Succeeded || !j.Recovered {
		t.Fatalf("%+v", j)
	}
	awaitMetrics(t, metrics, map[string]float64{
		`tintype_media_recovered_total{kind="video"}`: 1, `tintype_harvests_total{result="recovered"}`: 1,
		`tintype_job_stage_seconds{kind="video",stage="waiting"}`: 1, `tintype_job_stage_seconds{kind="video",stage="submit"}`: 1,
		`tintype_job_stage_seconds{kind="video",stage="generate"}`: 1, `tintype_job_stage_seconds{kind="video",stage="mirror"}`: 1,
		`tintype_jobs_finished_total{kind="video",state="failed"}`: 1, `tintype_jobs_finished_total{kind="video",state="succeeded"}`: 1,
	})
	wantHarmless(t, metrics)
}

// sickBucket refuses media a few times.
type sickBucket struct {
	blob.Store

	left atomic.Int64
}

func (b *sickBucket) Put(ctx context.Context, req blob.PutRequest) (blob.Object, error) {
	if strings.Contains(req.Key, "image-0") && b.left.Add(-1) >= 0 {
		return blob.Object{}, errors.New("the bucket is away")
	}
	return b.Store.Put(ctx, req)
}

// TestMetricsOfFailingCopies tell whose fault it is.
func TestMetricsOfFailingCopies(t *testing.T) {
	t.Parallel()
	r, metrics := newRig(t), prometheus.NewRegistry()
	bucket := &sickBucket{Store: r.blobs}
	bucket.left.Store(1)
	r.blobs = bucket
	r.start(t, func(c *worker.Config) { c.Metrics = metrics })
	r.submit(t, job.Image, "a fox")
	r.submit(t, job.Video, "a wave sim:html")
	got := awaitMetrics(t, metrics, map[string]float64{
		`tintype_mirror_failures_total{cause="bucket",kind="image"}`: 1, `tintype_mirror_failures_total{cause="upstream",kind="image"}`: 0,
		`tintype_mirror_failures_total{cause="bucket",kind="video"}`: 0, `tintype_mirror_failures_total{cause="upstream",kind="video"}`: 3,
		`tintype_job_failures_total{code="media_invalid",kind="video"}`: 1, `tintype_jobs_finished_total{kind="image",state="succeeded"}`: 1,
	})
	if got[`tintype_mirror_seconds{kind="image"}`] != 1 {
		t.Errorf("the copy that failed counts as well: %v", got)
	}
	wantHarmless(t, metrics)
}
