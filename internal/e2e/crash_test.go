package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A dead worker's jobs are taken over when its lease has lapsed and somebody
// has looked; the rest is for a machine that is busy with other tests.
const takeover = lease + 15*time.Second

// TestWorkerKilledWhilePolling: whichever of the workers has a running video
// when it is killed, the other one goes on with it.
func TestWorkerKilledWhilePolling(t *testing.T) {
	t.Parallel()
	c := start(t)
	api := c.apis[0]
	for range c.workers { // the second round has the first round's victim alive again
		prompt := c.prompt("waves sim:ready=25s") // longer than the takeover
		id := c.post(api, videoPath, gatewayKey, prompt)
		dead := c.holder("jobs_polled", c.workers...)
		heir := other(dead, c.workers)
		c.awaitJob(api, gatewayKey, id, func(j jobView) bool { return j.Phase == "generating" })
		dead.kill9(t)
		killed := time.Now()
		c.holder("jobs_polled", heir)
		took := time.Since(killed)
		t.Logf("%s was killed; %s had its video after %s", dead.name, heir.name, took.Round(time.Millisecond))
		if took > takeover {
			t.Errorf("the job was taken over after %s; the lease is %s", took, lease)
		}
		c.succeeded(c.apis[1], gatewayKey, id)
		if n := len(c.awaitSubmission(prompt)); n != 1 {
			t.Errorf("it was submitted %d times", n)
		}
		c.run(dead)
	}
}

// TestWorkersKilledInTurn: the workers are killed one after the other, in both
// orders, so that each has to take over from the other.
func TestWorkersKilledInTurn(t *testing.T) {
	t.Parallel()
	c := start(t)
	var ids []string
	for range 4 {
		ids = append(ids, c.post(c.apis[0], videoPath, pooled, c.prompt("waves sim:ready=30s")))
	}
	for _, id := range ids {
		c.awaitJob(c.apis[0], pooled, id, func(j jobView) bool { return j.Phase == "generating" })
	}
	for _, w := range c.workers {
		w.kill9(t)
		c.holder("jobs_polled", other(w, c.workers))
		c.run(w)
	}
	for _, id := range ids {
		c.succeeded(c.apis[1], pooled, id)
	}
}

// TestWorkerKilledWhileMirroring: a file that is half copied when its worker
// dies is copied by another one, from its beginning.
func TestWorkerKilledWhileMirroring(t *testing.T) {
	t.Parallel()
	c := start(t, "TINTYPE_MEDIA_STALL_TIMEOUT=30s")
	id := c.post(c.apis[0], videoPath, pooled, c.prompt("waves sim:size=3MB sim:stall,times=1"))
	c.awaitJob(c.apis[0], pooled, id, func(j jobView) bool { return j.Status == "mirroring" })
	dead := c.holder("leases_held", c.workers...)
	dead.kill9(t)
	killed := time.Now()
	c.succeeded(c.apis[1], pooled, id)
	t.Logf("%s was killed while it copied; the file was stored %s later", dead.name, time.Since(killed).Round(time.Millisecond))
}

// TestWorkerKilledWhileSubmitting: nobody knows what became of a request that
// was on the wire, and so nobody sends it again.
func TestWorkerKilledWhileSubmitting(t *testing.T) {
	t.Parallel()
	c := start(t, "TINTYPE_IMAGE_SUBMIT_TIMEOUT=20s")
	prompt := c.prompt("a cat sim:ready=15s")
	id := c.post(c.apis[0], imagePath, pooled, prompt)
	dead := c.holder("leases_held", c.workers...)
	c.awaitSubmission(prompt)
	dead.kill9(t)
	j := c.awaitJob(c.apis[1], pooled, id, jobView.final)
	if j.Status != "failed" || j.Error == nil || j.Error.Code != "submit_outcome_unknown" {
		t.Errorf("the job is %s: %+v", j.Status, j.Error)
	}
	if n := len(c.awaitSubmission(prompt)); n != 1 {
		t.Errorf("it was submitted %d times", n)
	}
}

// TestWorkersKilledWithEveryDriver: both workers are killed while submissions of
// every kind of job are on the wire and others are polled. What was accepted is
// made; of the rest nobody can tell, but where the upstream can be asked.
func TestWorkersKilledWithEveryDriver(t *testing.T) {
	t.Parallel()
	c := plan{limit: 20, settings: hurry(), sim: []string{"--visibility-lag", "500ms"}}.start(t)
	var polled, lost []string
	for _, w := range everyWork() {
		if w.polled {
			polled = append(polled, c.postAs(w, "waves sim:ready=12s"))
		}
	}
	for _, id := range polled {
		c.awaitRecord(id, func(j record) error {
			if j.state == "running" {
				return nil
			}
			return fmt.Errorf("job %s is %s", id, j.state)
		})
	}
	for _, w := range everyWork() {
		prompt := c.prompt("waves sim:hang")
		lost = append(lost, c.post(c.apis[0], w.path, gatewayKey, prompt, w.model))
		c.awaitSubmission(prompt)
	}
	for _, w := range c.workers {
		w.kill9(t)
	}
	c.run(c.workers...)
	jobs, charges := c.atRest()
	for _, j := range jobs {
		unknown := j.state == "failed" && j.failure == "submit_outcome_unknown" && !j.lookup() && slices.Contains(lost, j.id)
		made := j.state == "succeeded" && (j.lookup() || slices.Contains(polled, j.id))
		if !unknown && !made || charges[j.id] != 1 || len(c.submissionsOf(j)) != 1 {
			t.Errorf("%s: job %s is %s (%s) with %d charges for %d requests",
				j.spec.Model, j.id, j.state, j.failure, charges[j.id], len(c.submissionsOf(j)))
		}
	}
}

// TestAPIKilledWhileACallerWaits: the call breaks off, and the caller, who has
// read the job's id in the head, gets the result from the other API.
func TestAPIKilledWhileACallerWaits(t *testing.T) {
	t.Parallel()
	c := start(t, "TINTYPE_WAIT_SILENCE=300ms")
	dead, alive := c.apis[0], c.apis[1]
	ctx, cancel := context.WithTimeout(t.Context(), callWithin)
	defer cancel()
	resp, err := c.open(ctx, request{
		url: dead.base() + videoPath, key: ownKey, body: encode(fields{"prompt": c.prompt("waves sim:ready=15s")}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	id := resp.Header.Get("X-Job-Id")
	if resp.StatusCode != http.StatusOK || id == "" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	dead.kill9(t)
	if b, err := readAll(resp.Body); err == nil || strings.TrimSpace(string(b)) != "" {
		t.Errorf("the cut answer reads %q, %v: it must not pass for a whole one", b, err)
	}
	j := c.succeeded(alive, ownKey, id)
	for _, m := range j.Media {
		for _, f := range c.checkLink(m.URL, ownKey, alive, m) {
			t.Error(f)
		}
	}
}

// awaitSubmission waits until the upstream has had a request with that prompt,
// and gives the prompts of all that it had.
func (c *cluster) awaitSubmission(prompt string) []string {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), 30*time.Second)
	defer cancel()
	var seen []string
	err := until(ctx, func() error {
		l, err := c.ledger()
		if err != nil {
			return err
		}
		seen = nil
		for _, sub := range l.Submissions {
			if strings.Contains(sub.Prompt, prompt) {
				seen = append(seen, sub.Prompt)
			}
		}
		if len(seen) == 0 {
			return errNotYet
		}
		return nil
	})
	if err != nil {
		c.Fatal(err)
	}
	return seen
}

// TestWorkersKilledAgainAndAgain: a worker dies every second, in whatever it
// just does, while forty jobs want to be made. Each ends, and the only way to
// fail is that a request was on the wire.
func TestWorkersKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	c := start(t)
	keys := []string{pooled, gatewayKey, ownKey + "-0", ownKey + "-1"}
	var ids []string
	for i := range 40 {
		path, prompt := imagePath, c.prompt("a cat")
		if i%2 == 0 {
			path, prompt = videoPath, c.prompt("waves sim:ready=2s")
		}
		ids = append(ids, c.post(c.apis[i/2%2], path, keys[i%4], prompt))
	}
	for i := range 8 {
		w := c.workers[i%2]
		<-time.After(700 * time.Millisecond) // the rest of the second is the restart
		w.kill9(t)
		c.run(w)
	}
	ends := map[string]int{}
	for i, id := range ids {
		j := c.awaitJob(c.apis[i%2], keys[i%4], id, jobView.final)
		ends[j.Status]++
		if j.Status != "succeeded" && (j.Error == nil || j.Error.Code != "submit_outcome_unknown") {
			t.Errorf("job %s is %s: %+v", id, j.Status, j.Error)
		}
	}
	t.Logf("jobs by their end: %v", ends)
	if ends["succeeded"] < len(ids)/2 {
		t.Errorf("only %d of %d jobs were made", ends["succeeded"], len(ids))
	}
}
