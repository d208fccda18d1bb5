//go:build chaos

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

// lie is how an upstream answers a submission, and what must come of it where
// nobody can look the job up. Where somebody can, it succeeds.
type lie struct {
	tags    string
	charges int
}

// liesToSubmit is F4: whatever comes back, or does not, the request is not sent
// again unless it is known to have created nothing.
func liesToSubmit(r *row) {
	c := plan{settings: hurry(), limit: crashLimit, sim: []string{"--visibility-lag", "500ms"}}.start(r.T)
	type sent struct {
		lie
		work
		id string
	}
	var all []sent
	for _, w := range everyWork() {
		for _, l := range []lie{
			{"sim:drop", 1},
			{"sim:hang", 1},
			{"sim:500,accepted", 1},
			{"sim:truncate", 1},
			{"sim:empty", 1},
			{"sim:500,times=1", 0},
			{"sim:502,times=1", 0},
			{"sim:redirect,times=1", 0},
		} {
			all = append(all, sent{l, w, c.postAs(w, "waves "+l.tags)})
		}
	}
	_, charges := c.settle(r)
	for _, s := range all {
		j := c.awaitRecord(s.id, func(record) error { return nil })
		posts := len(c.submissionsOf(j))
		r.recovered(j.finished.Sub(j.created))
		switch {
		case s.lookup && j.state == "succeeded" && charges[s.id] == 1 && posts <= 2-s.charges:
		case !s.lookup && j.state == "failed" && j.failure == "submit_outcome_unknown" && charges[s.id] == s.charges && posts == 1:
		case s.tags == "sim:redirect,times=1" && j.state == "failed" && charges[s.id] == 0 && posts <= 1:
		default:
			c.Errorf("%s %s: %s (%s) after %d requests with %d charges", s.name, s.tags, j.state, j.failure, posts, charges[s.id])
		}
	}
}

// unreachable is F5: the upstream cannot be reached when a job is to be
// submitted. That costs nothing, and the job goes on when it can be.
func unreachable(r *row) {
	r.Run("refused", func(t *testing.T) {
		t.Parallel()
		c := plan{wired: true, limit: 1}.start(t)
		r.recovered(c.refused())
		c.settle(r)
	})
	tls := httptest.NewTLSServer(http.NotFoundHandler()) // of a certificate that nobody trusts
	r.Cleanup(tls.Close)
	for name, url := range map[string]string{
		"TLS": tls.URL, "DNS": "http://nowhere.invalid",
	} {
		r.Run(name, func(t *testing.T) {
			t.Parallel()
			c := plan{upstream: url}.start(t)
			for _, w := range everyWork() {
				c.postAs(w, "waves")
			}
			jobs, charges := c.settle(r)
			for _, j := range jobs {
				if j.state != "failed" || j.failure == "submit_outcome_unknown" || charges[j.id] != 0 || j.fence < 2 {
					t.Errorf("the job is %s (%s) with %d charges after %d tries", j.state, j.failure, charges[j.id], j.fence)
				}
			}
		})
	}
}

// turnedAway is F6: an account is refused when it is to submit. Nothing is paid,
// another account takes the job, and it keeps its place in the line.
func turnedAway(r *row) {
	for _, w := range []work{works()[1], otherWorks()["openai"][0], otherWorks()["openai"][1], otherWorks()["doubaoweb"][1]} {
		for _, tags := range []string{"sim:429=2,times=1", "sim:429,times=1", "sim:quota,times=1", "sim:deadkey,times=1"} {
			r.Run(w.name+" "+strings.TrimPrefix(tags, "sim:"), func(t *testing.T) {
				t.Parallel()
				turnAway(t, r, w, tags)
			})
		}
	}
	r.Run("overload", func(t *testing.T) {
		t.Parallel()
		overload(t, r)
	})
}

const (
	overloadFor = 20 * time.Second
	outAtMost   = 30 * time.Second // of an account, for an overload that long
)

// overload has every submission to every upstream turned away for a while. Its
// accounts are back soon after, by themselves, and so are the jobs.
func overload(t *testing.T, r *row) {
	t.Helper()
	c := plan{limit: crashLimit}.start(t)
	c.rule(sim.Rule{Match: "*", Op: faults.Create, Fault: string(faults.TooMany)})
	over := time.After(overloadFor)
	for i := range 32 { // they come all the while, the first when it has begun
		<-time.After(time.Second / 2)
		c.postAs(everyWork()[i%8], "waves")
	}
	<-over
	c.forgetRules()
	jobs, charges := c.settle(r)
	for _, j := range jobs {
		if j.state != "succeeded" || charges[j.id] != 1 {
			t.Errorf("%s: job %s is %s (%s) with %d charges", j.spec.Model, j.id, j.state, j.failure, charges[j.id])
		}
	}
	longest := c.longestOut()
	r.remark("an overload of %s takes an account out for %s at most", overloadFor, longest.Round(time.Second))
	if longest < overloadFor/2 || longest > outAtMost {
		t.Errorf("an account was out for %s", longest)
	}
}

// longestOut is the longest time between an account's first refusal and the next
// submission of it that was accepted.
func (c *cluster) longestOut() (longest time.Duration) {
	c.Helper()
	l, err := c.ledger()
	if err != nil {
		c.Fatal(err)
	}
	out := map[string]time.Time{}
	back := map[string]bool{}
	for _, sub := range l.Submissions {
		began, is := out[sub.KeyHash]
		switch {
		case sub.Outcome == ledger.Refused && !is:
			out[sub.KeyHash] = sub.At
		case sub.Outcome == ledger.Accepted && is && !back[sub.KeyHash]:
			back[sub.KeyHash] = true
			longest = max(longest, sub.At.Sub(began))
		}
	}
	if len(out) != len(poolKeys()) || len(back) != len(out) {
		c.Errorf("of %d accounts %d were turned away and %d came back", len(poolKeys()), len(out), len(back))
	}
	return longest
}

func turnAway(t *testing.T, r *row, w work, tags string) {
	t.Helper()
	c := plan{limit: 1}.start(t)
	first := c.postAs(w, "waves "+tags)
	for range 3 {
		c.postAs(w, "waves")
	}
	jobs, charges := c.settle(r)
	for _, j := range jobs {
		r.recovered(j.finished.Sub(j.created))
		if j.state != "succeeded" || charges[j.id] != 1 {
			t.Errorf("job %s is %s (%s) with %d charges", j.id, j.state, j.failure, charges[j.id])
		}
	}
	c.checkMove(first)
	c.checkPlace(first, jobs)
	if len(c.accountsTried(first)) == 0 {
		t.Error("no account was refused")
	}
}

// checkMove: a job that was turned away goes to another account, or comes back
// when the first one has cooled, should the other be taken for that long.
func (c *cluster) checkMove(id string) {
	c.Helper()
	j := c.awaitRecord(id, func(record) error { return nil })
	l, err := c.ledger()
	if err != nil {
		c.Fatal(err)
	}
	subs := (&state{ledger: l}).submissions(j)
	if len(subs) < 2 {
		c.Fatalf("it was submitted only %d times", len(subs))
	}
	away, back := subs[0], subs[len(subs)-1]
	if cooled := back.At.Sub(away.At); away.KeyHash == back.KeyHash && cooled < coolsAtLeast {
		c.Errorf("it was submitted to the same account again %s after it was turned away", cooled)
	}
}

// coolsAtLeast is how long an account is left alone that gives no time itself.
const coolsAtLeast = time.Second

// checkPlace: a job that was turned away is admitted again before the others that
// wait. Those that were admitted beside it, when it first was, have not waited.
func (c *cluster) checkPlace(id string, jobs []record) {
	c.Helper()
	turns := map[string][]int64{}
	for _, j := range jobs {
		for _, e := range j.log {
			if e.kind == "job.admitted" {
				turns[j.id] = append(turns[j.id], e.at)
			}
		}
	}
	own, refused := turns[id], c.awaitRecord(id, func(record) error { return nil }).turnedAway()
	for other, at := range turns {
		if other != id && at[0] > refused && at[0] < own[len(own)-1] {
			c.Errorf("job %s was admitted %d ms before the one that was turned away", other, own[len(own)-1]-at[0])
		}
	}
}

// turnedAway is when a job first went back to its place in the line, in ms.
func (j record) turnedAway() int64 {
	for i, e := range j.log {
		if i > 0 && e.state == "queued" && j.log[i-1].state == "submitting" {
			return e.at
		}
	}
	return 0
}
