package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/e2e/wire"
	"github.com/tintypehq/tintype/internal/telemetry"
)

// TestWorkerCutOff: a worker without Redis acts no more once its lease is over,
// and does no harm when it is back.
func TestWorkerCutOff(t *testing.T) {
	t.Parallel()
	c := plan{wired: true, limit: 20, settings: []string{"TINTYPE_MEDIA_STALL_TIMEOUT=15s"}}.start(t)
	for range 3 {
		c.postAs(works()[1], "waves sim:ready=25s")
	}
	c.postAs(works()[1], "waves sim:size=2MB sim:stall,times=2") // once for each worker
	stopped, taken := c.cutWorkerOff(0)
	// What it takes to see that it has given up: its page of metrics waits for Redis, too.
	const reading = telemetry.FleetTimeout + 6*time.Second
	if stopped > lease+reading || taken > takeover {
		t.Errorf("it gave up after %s and was taken over after %s; the lease is %s", stopped, taken, lease)
	}
}

// cutWorkerOff takes Redis from a worker that holds jobs, until all of them are
// done and at least for a time. It gives how long the worker thought that they were its own, and when
// the other one had all of them.
func (c *cluster) cutWorkerOff(least time.Duration) (stopped, taken time.Duration) {
	c.Helper()
	all := 0.0
	c.awaitAll(func(j record) bool { return j.state == "running" || j.state == "mirroring" })
	dead := c.holder("leases_held", c.workers...)
	heir := other(dead, c.workers)
	for _, w := range c.workers {
		n, err := c.gauge(w, "leases_held")
		if err != nil {
			c.Fatal(err)
		}
		all += n
	}
	if err := c.doors.redis[dead.name].Set(wire.Hole); err != nil {
		c.Fatal(err)
	}
	cut := time.Now()
	c.awaitGauge(dead, "leases_held", func(v float64) bool { return v == 0 })
	stopped = time.Since(cut)
	c.awaitGauge(heir, "leases_held", func(v float64) bool { return v >= all })
	taken = time.Since(cut)
	jobs, charges := c.atRest()
	<-time.After(time.Until(cut.Add(least))) // how long it is cut off
	before := c.fingerprint(jobs)
	if err := c.doors.redis[dead.name].Set(wire.Pass); err != nil {
		c.Fatal(err)
	}
	if err := until(c.ctx(), func() error { return dead.ready(c.ctx()) }); err != nil {
		c.Fatal(err)
	}
	<-time.After(2 * time.Second) // time to do harm
	if after := c.fingerprint(jobs); !maps.Equal(before, after) {
		c.Errorf("the worker that came back has changed something:\n%v\n%v", before, after)
	}
	c.wantOnce(jobs, charges)
	return stopped, taken
}

// TestRedisEmptied: a Redis that has lost everything is said so honestly, and no
// request is sent for what it has forgotten.
func TestRedisEmptied(t *testing.T) {
	t.Parallel()
	c := plan{limit: 20, unchecked: true, settings: patient()}.start(t)
	c.emptied()
}

// emptied takes everything from Redis while jobs are done, run and wait. It gives
// how long it took until a new job was done, and what was made and paid.
func (c *cluster) emptied() (took time.Duration, made, charges int) {
	c.Helper()
	done := c.postAs(works()[1], "waves")
	jobs, _ := c.atRest()
	running := c.postAs(works()[1], "waves sim:ready=3s")
	waiting := c.postAs(works()[0], "a cat sim:ready=3s")
	c.awaitRecord(running, func(j record) error {
		if j.state != "running" {
			return errNotYet
		}
		return nil
	})
	if err := c.rdb.FlushAll(c.ctx()).Err(); err != nil {
		c.Fatal(err)
	}
	emptied := time.Now()
	for id, want := range map[string][]int{done: {200}, running: {404, 503}, waiting: {404, 503}} {
		a := c.call(request{url: c.apis[0].base() + "/v1/jobs/" + id, key: gatewayKey})
		if !slices.Contains(want, a.status) {
			c.Errorf("after the loss job %s gives %d %s", id, a.status, a.body)
		}
		if id == done {
			var j jobView
			c.into(a, &j)
			if j.Status != "succeeded" || len(j.Media) == 0 || j.Media[0].SHA256 != jobs[0].media[0].SHA256 {
				c.Errorf("the finished job reads %s", a.body)
			}
			for _, m := range j.Media {
				for _, f := range c.checkLink(m.URL, gatewayKey, c.apis[1], m) {
					c.Error(f)
				}
			}
		}
	}
	fresh := c.postAs(works()[1], "waves")
	j := c.awaitRecord(fresh, func(j record) error {
		if !j.final() {
			return fmt.Errorf("the first job after the loss is %s", j.state)
		}
		return nil
	})
	if j.state != "succeeded" {
		c.Errorf("the first job after the loss is %s (%s)", j.state, j.failure)
	}
	l, err := c.ledger()
	if err != nil {
		c.Fatal(err)
	}
	seen := map[string]int{} // one of the four may have been forgotten before it was submitted
	for _, sub := range l.Submissions {
		if seen[sub.Prompt]++; seen[sub.Prompt] > 1 {
			c.Errorf("the upstream had %q %d times", sub.Prompt, seen[sub.Prompt])
		}
	}
	return j.finished.Sub(emptied), 4, l.Totals.Charged
}

// TestWorkerAsleep: a worker that sleeps during its POST, for longer than it may
// hold the job, wakes up to a job that has its end. One request, one charge, and
// the media if the answer could still be read.
func TestWorkerAsleep(t *testing.T) {
	t.Parallel()
	c := start(t, append(hurry(), "TINTYPE_IMAGE_SUBMIT_TIMEOUT=15s")...)
	id := c.postAs(works()[0], "a cat sim:ready=10s")
	asleep := c.holder("leases_held", c.workers...)
	c.awaitRecord(id, func(j record) error {
		if len(c.submissionsOf(j)) == 0 {
			return errNotYet
		}
		return nil
	})
	if err := asleep.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	c.awaitRecord(id, func(j record) error {
		if !j.final() {
			return fmt.Errorf("job %s is %s", id, j.state)
		}
		return nil
	})
	if err := asleep.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	jobs, charges := c.atRest()
	j := jobs[0]
	made := j.state == "succeeded" && j.recovered
	if unknown := j.state == "failed" && j.failure == "submit_outcome_unknown"; !made && !unknown || charges[id] != 1 || len(c.submissionsOf(j)) != 1 {
		t.Errorf("the job is %s (%s) with %d charges", j.state, j.failure, charges[id])
	}
}

// TestUpstreamRefused: what was not sent costs nothing, is tried on the other
// account, and is made when the upstream is there again.
func TestUpstreamRefused(t *testing.T) {
	t.Parallel()
	c := plan{wired: true, limit: 1}.start(t)
	c.refused()
}

// refused closes the upstream's port for three tries of a job, and gives how long
// the job took from its opening.
func (c *cluster) refused() time.Duration {
	c.Helper()
	if err := c.doors.sim.Set(wire.Refuse); err != nil {
		c.Fatal(err)
	}
	id := c.postAs(works()[1], "waves")
	j := c.awaitRecord(id, func(j record) error {
		if j.fence < 3 {
			return fmt.Errorf("only %d tries", j.fence)
		}
		return nil
	})
	if j.final() {
		c.Errorf("the job is %s", j.state)
	}
	if err := c.doors.sim.Set(wire.Pass); err != nil {
		c.Fatal(err)
	}
	back := time.Now()
	jobs, charges := c.atRest()
	c.wantOnce(jobs, charges)
	if n := len(c.accountsTried(id)); n < 2 {
		c.Errorf("only %d accounts were tried", n)
	}
	return jobs[0].finished.Sub(back)
}
