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

	// mixedJobs and mixedLeast are the same for each kind of job where one cluster
	// has all those of a driver.
	mixedJobs  = 10
	mixedLeast = 1

	// clockGrain is how much too old the time of a new file may be.
	clockGrain = 20 * time.Millisecond
)

// passes tells whether such a job comes by a point at all.
func (w work) passes(p crash.Point) bool {
	return w.polled || !slices.Contains([]crash.Point{crash.PollClaimed, crash.ReadySeen, crash.ReadyKept}, p)
}

// crashPoints is F1: each job of twenty has its process end at a point, which a
// supervisor starts again. The jobs of the drivers beside ark share a cluster.
func crashPoints(r *row) {
	for _, p := range crash.Points() {
		for _, w := range works() {
			if w.passes(p) {
				r.Run(fmt.Sprintf("%s at %s", w.name, p), func(t *testing.T) {
					t.Parallel()
					crashAt(t, r, p, crashJobs, crashLeast, w)
				})
			}
		}
		for driver, all := range otherWorks() {
			kinds := slices.DeleteFunc(all, func(w work) bool { return !w.passes(p) })
			r.Run(fmt.Sprintf("%s at %s", driver, p), func(t *testing.T) {
				t.Parallel()
				crashAt(t, r, p, mixedJobs, mixedLeast, kinds...)
			})
		}
	}
}

// crashAt has each of so many jobs of each kind meet a point, and wants so many of
// a kind at least to have met it.
func crashAt(t *testing.T, r *row, p crash.Point, each, least int, kinds ...work) {
	t.Helper()
	a, armed := arm(t, p, crash.Exit)
	c := plan{
		environ: armed, limit: crashLimit, sim: []string{"--visibility-lag", "500ms"},
		settings: hurry(),
	}.start(t)
	stop := c.supervise(append(slices.Clone(c.apis), c.workers...)...)
	sent := c.trickle(each*len(kinds), kinds...)
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
	if len(jobs) > len(sent) {
		t.Errorf("%d jobs for %d calls", len(jobs), len(sent))
	}
	for _, w := range kinds {
		own := slices.DeleteFunc(slices.Clone(jobs), func(j record) bool { return j.spec.Model != w.model })
		c.judge(r, a, w, own, least, charges)
	}
}

// trickle posts n jobs one after the other, their kinds in turn, so that a crash
// meets few besides its own.
func (c *cluster) trickle(n int, kinds ...work) (out []posted) {
	tick := time.NewTicker(crashPace)
	defer tick.Stop()
	for i := range n {
		w := kinds[i%len(kinds)]
		out = append(out, c.submit(request{
			url: w.path, key: gatewayKey, body: encode(fields{"model": w.model, "prompt": c.prompt("waves")}),
		}))
		<-tick.C
	}
	return out
}

// judge holds each job of a kind against what it can have met.
func (c *cluster) judge(r *row, a acts, w work, jobs []record, least int, charges map[string]int) {
	c.Helper()
	marks, err := a.all()
	if err != nil {
		c.Fatal(err)
	}
	hit, unknown := 0, 0
	for _, j := range jobs {
		m, met := marks[j.id]
		if met {
			hit++
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
	c.Logf("%d of %d jobs (%s) met %q; %d ended with an unknown outcome", hit, len(jobs), w.name, a.point, unknown)
	if hit < least {
		c.Errorf("only %d jobs (%s) met %q: this shows too little", hit, w.name, a.point)
	}
	r.crashed(w, hit, unknown)
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
