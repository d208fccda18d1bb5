package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"
)

func (c *cluster) cancel(api *program, key, id string) jobView {
	c.Helper()
	a := c.call(request{method: http.MethodPost, url: api.base() + "/v1/jobs/" + id + "/cancel", key: key})
	var j jobView
	c.into(a, &j)
	if want := map[bool]int{true: http.StatusOK, false: http.StatusAccepted}[j.final()]; a.status != want {
		c.Errorf("cancel of a job that is %s: %d", j.Status, a.status)
	}
	return j
}

// TestCancel: whatever a job is doing, the caller learns what came of the wish
// and what it costs; any API process takes it.
func TestCancel(t *testing.T) {
	t.Parallel()
	c := start(t, "TINTYPE_MEDIA_STALL_TIMEOUT=15s")
	tests := []struct {
		name, tags      string
		when            func(jobView) bool
		status, outcome string
		billing         string
		charges, files  int
	}{
		{"queued at the upstream", "sim:queued=60s", func(j jobView) bool { return j.Status == "running" && j.Phase == "queued" }, "canceled", "upstream_confirmed", "none", 0, 0},
		{"being made", "sim:ready=8s", func(j jobView) bool { return j.Phase == "generating" }, "canceled", "upstream_unsupported", "charged", 1, 2},
		{"being stored", "sim:stall,times=1", func(j jobView) bool { return j.Status == "mirroring" }, "succeeded", "too_late", "charged", 1, 2},
		{"done", "", jobView.final, "succeeded", "", "", 1, 2},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := c.in(t)
			key := fmt.Sprintf("%s-cancel-%d", ownKey, i)
			prompt := c.prompt("waves " + tt.tags)
			id := c.post(c.apis[0], videoPath, key, prompt)
			c.awaitJob(c.apis[0], key, id, tt.when)
			c.cancel(c.apis[1], key, id)
			j := c.awaitJob(c.apis[0], key, id, jobView.final)
			for range 2 { // again, and again
				if again := c.cancel(c.apis[1], key, id); again.Status != j.Status {
					t.Errorf("it is %s, and after a second wish %s", j.Status, again.Status)
				}
			}
			c.harvested(id)
			j = c.awaitJob(c.apis[1], key, id, jobView.final)
			outcome, billing := "", ""
			if j.Cancel != nil {
				outcome, billing = j.Cancel.Outcome, j.Cancel.Billing
			}
			if j.Status != tt.status || outcome != tt.outcome || billing != tt.billing || len(j.Media) != tt.files {
				t.Errorf("%s, %q, %q with %d files", j.Status, outcome, billing, len(j.Media))
			}
			if n := c.charges(prompt); n != tt.charges {
				t.Errorf("charged %d times, not %d", n, tt.charges)
			}
		})
	}
}

// harvested waits until nothing is done for a job any more.
func (c *cluster) harvested(id string) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), callWithin)
	defer cancel()
	err := until(ctx, func() error {
		if _, err := c.rdb.ZScore(ctx, key("harvests"), id).Result(); err == nil {
			return fmt.Errorf("job %s is still harvested", id)
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
}

// TestCancelRacesCompletion: many wishes at any moment of a job's life. One of
// the two wins, and says so.
func TestCancelRacesCompletion(t *testing.T) {
	t.Parallel()
	c := start(t)
	const jobs = 40
	ends := map[string]int{}
	var ids []string
	for i := range jobs {
		path := []string{imagePath, videoPath}[i%2]
		ids = append(ids, c.post(c.apis[i/2%2], path, fmt.Sprintf("%s-%d", ownKey, i%8), c.prompt("waves sim:ready=400ms")))
	}
	order := rand.Perm(jobs)
	for i := range order {
		<-time.After(time.Duration(rand.IntN(100)) * time.Millisecond) // callers change their minds when they like
		c.cancel(c.apis[i%2], fmt.Sprintf("%s-%d", ownKey, order[i]%8), ids[order[i]])
	}
	for i, id := range ids {
		k := fmt.Sprintf("%s-%d", ownKey, i%8)
		c.awaitJob(c.apis[0], k, id, jobView.final)
		c.harvested(id)
		j := c.awaitJob(c.apis[1], k, id, jobView.final)
		end := j.Status
		if j.Cancel != nil {
			end += " " + j.Cancel.Outcome + " " + j.Cancel.Billing
		}
		ends[end]++
		if !slices.Contains([]string{
			"succeeded", "succeeded too_late charged", "canceled before_submit none", "canceled upstream_confirmed none", "canceled upstream_unsupported charged",
		}, end) {
			t.Errorf("job %s is %s", id, end)
		}
	}
	t.Logf("jobs by their end: %v", ends)
}

// TestLateMedia: at its deadline a job fails with the truth, and the upstream
// goes on; what it makes later is stored, also when the worker that asked for it
// is gone by then.
func TestLateMedia(t *testing.T) {
	t.Parallel()
	c := start(t, "TINTYPE_VIDEO_DEADLINE=10s")
	ids := []string{}
	for _, tags := range []string{"sim:ready=25s", "sim:ready=25s sim:expired", "sim:ready=25s sim:broken"} {
		ids = append(ids, c.post(c.apis[0], videoPath, gatewayKey, c.prompt("waves "+tags)))
	}
	for _, id := range ids {
		j := c.awaitJob(c.apis[0], gatewayKey, id, jobView.final)
		if j.Status != "failed" || j.Error == nil || j.Error.Code != "generation_timeout" || j.RecoverableUntil == nil {
			t.Errorf("at the deadline: %s, %+v, recoverable until %v", j.Status, j.Error, j.RecoverableUntil)
		}
	}
	dead := c.holder("jobs_polled", c.workers...)
	dead.kill9(t)
	c.run(dead)
	for i, id := range ids {
		c.harvested(id)
		j := c.awaitJob(c.apis[1], gatewayKey, id, jobView.over)
		if recovered := i < 2; j.Recovered != recovered || recovered != (j.Status == "succeeded") || recovered != (j.Error == nil) {
			t.Errorf("in the end: %s, recovered %v, %+v", j.Status, j.Recovered, j.Error)
		}
	}
}
