//go:build chaos

package e2e_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/crash"
)

const (
	crashJobs  = 20
	crashLimit = 20 // on each account: nobody waits for a slot
	crashPace  = 300 * time.Millisecond

	// crashLeast is how many of the jobs must have met their point, for a
	// combination to show anything. The others are hit by a sibling's crash before.
	crashLeast = 8

	// clockGrain is how much too old the time of a new file may be.
	clockGrain = 20 * time.Millisecond
)

// passes tells whether such a job comes by a point at all.
func (w work) passes(p crash.Point) bool {
	return w.polled || !slices.Contains([]crash.Point{crash.PollClaimed, crash.ReadySeen, crash.ReadyKept}, p)
}

// crashPoints is F1: each job of twenty has its process end at a point, which a
// supervisor starts again.
func crashPoints(r *row) {
	for _, p := range crash.Points() {
		for _, w := range works() {
			if w.passes(p) {
				r.Run(fmt.Sprintf("%s at %s", w.name, p), func(t *testing.T) {
					t.Parallel()
					crashAt(t, r, p, w)
				})
			}
		}
	}
}

func crashAt(t *testing.T, r *row, p crash.Point, w work) {
	t.Helper()
	a, armed := arm(t, p, crash.Exit)
	c := plan{
		environ: armed, limit: crashLimit, sim: []string{"--visibility-lag", "500ms"},
		settings: hurry(),
	}.start(t)
	stop := c.supervise(append(slices.Clone(c.apis), c.workers...)...)
	sent := c.trickle(w, crashJobs)
	jobs, charges := c.settle(r)
	stop()
	for _, s := range sent { // an API that ends may take a call with it that has come to nothing yet
		switch there := slices.ContainsFunc(jobs, func(j record) bool { return j.id == s.id }); {
		case s.err != nil && p != crash.Accepted:
			t.Errorf("a call was not answered: %v", s.err)
		case s.err == nil && !there:
			t.Errorf("job %s was accepted and is not there", s.id)
		}
	}
	if len(jobs) > crashJobs {
		t.Errorf("%d jobs for %d calls", len(jobs), crashJobs)
	}
	c.judge(r, a, w, jobs, charges)
}

// trickle posts jobs one after the other, so that a crash meets few besides its
// own.
func (c *cluster) trickle(w work, n int) (out []posted) {
	tick := time.NewTicker(crashPace)
	defer tick.Stop()
	for range n {
		out = append(out, c.submit(request{
			url: w.path, key: gatewayKey, body: encode(fields{"model": w.model, "prompt": c.prompt("waves")}),
		}))
		<-tick.C
	}
	return out
}

// judge holds each job against what it can have met.
func (c *cluster) judge(r *row, a acts, w work, jobs []record, charges map[string]int) {
	c.Helper()
	marks, err := a.all()
	if err != nil {
		c.Fatal(err)
	}
	unknown := 0
	for _, j := range jobs {
		m, met := marks[j.id]
		if met {
			r.recovered(j.finished.Sub(m.at))
		}
		switch {
		case j.state == "succeeded" && charges[j.id] == 1:
		case j.state == "failed" && j.failure == "submit_outcome_unknown" && charges[j.id] <= 1 && mayBeUnknown(a.point, w, j, marks):
			unknown++
		default:
			c.Errorf("job %s is %s (%s) with %d charges; it met the point: %v", j.id, j.state, j.failure, charges[j.id], met)
		}
	}
	c.Logf("%d of %d jobs met %q; %d ended with an unknown outcome", len(marks), len(jobs), a.point, unknown)
	if len(marks) < crashLeast {
		c.Errorf("only %d jobs met %q: this shows too little", len(marks), a.point)
	}
	r.crashed(w, len(marks), unknown)
}

// mayBeUnknown tells whether a crash explains that nobody knows what became of a
// job's submission: a worker ended while it was under way, and nobody can look
// it up.
func mayBeUnknown(p crash.Point, w work, j record, marks map[string]mark) bool {
	_, met := marks[j.id]
	if w.lookup || p == crash.Accepted || met && slices.Index(crash.Points(), p) >= slices.Index(crash.Points(), crash.Committed) {
		return false
	}
	for _, m := range marks {
		if !m.at.Add(clockGrain).Before(j.submitBegan) {
			return true
		}
	}
	return false
}
