//go:build chaos

package e2e_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/crash"
)

// wakes is when a stopped worker goes on.
type wakes string

const (
	whileInDoubt wakes = "while the heir waits"
	afterTheEnd  wakes = "after the job's end"
)

// stoppedOnTheWire is F2: a worker sleeps during its POST, another one takes the
// job over, and the sleeper wakes up.
func stoppedOnTheWire(r *row) { stopped(r, crash.OnTheWire) }

// stoppedBeforeThePost is F3: it sleeps with the fence in its hand.
func stoppedBeforeThePost(r *row) { stopped(r, crash.Fenced) }

func stopped(r *row, p crash.Point) {
	for _, w := range append(works(), otherWorks()["openai"][0], otherWorks()["doubaoweb"][0]) {
		for _, when := range []wakes{whileInDoubt, afterTheEnd} {
			r.Run(fmt.Sprintf("%s wakes %s", w.name, when), func(t *testing.T) {
				t.Parallel()
				stopAt(t, r, p, w, when)
			})
		}
	}
}

func stopAt(t *testing.T, r *row, p crash.Point, w work, when wakes) {
	t.Helper()
	a, armed := arm(t, p, crash.Stop)
	c := plan{environ: armed, settings: hurry(), sim: []string{"--visibility-lag", "500ms"}}.start(t)
	// The answer takes longer than it takes until all threads stand still.
	id := c.postAs(w, "waves sim:slow=500ms")
	m := c.awaitMark(a)
	asleep := c.byPID(m.pid)
	c.awaitRecord(id, func(j record) error {
		if j.final() || when == whileInDoubt && (j.inDoubt || j.state != "submitting") {
			return nil
		}
		return fmt.Errorf("job %s is %s", id, j.state)
	})
	said := len(asleep.log.Lines())
	if err := asleep.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// On a busy machine the heir may be through with its waiting by now.
	if j, err := c.record(c.ctx(), id); err == nil && j.final() {
		when = afterTheEnd
	}
	how := c.awaitSubmitEnd(asleep, said)
	jobs, charges := c.settle(r)
	j := jobs[0]
	r.recovered(j.finished.Sub(m.at))
	t.Logf("the sleeper said %q; the job is %s (%s), recovered %v, with %d charges", how, j.state, j.failure, j.recovered, charges[id])
	unknown := j.state == "failed" && j.failure == "submit_outcome_unknown"
	switch {
	case p == crash.Fenced && how != "the submission was not sent":
		t.Errorf("the sleeper's guard let it go on: %q", how)
	case j.state == "succeeded" && charges[id] == 1:
	case unknown && !w.lookup && when == afterTheEnd:
	case unknown && !w.lookup && p == crash.OnTheWire: // its request timed out while it slept
	default:
		t.Errorf("the job is %s (%s) with %d charges", j.state, j.failure, charges[id])
	}
	if n := len(c.submissionsOf(j)); n > 1 {
		t.Errorf("%d requests", n)
	}
}

// awaitSubmitEnd waits for what a worker says of the submission from which it
// comes back.
func (c *cluster) awaitSubmitEnd(p *program, from int) string {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), 30*time.Second)
	defer cancel()
	how, err := p.log.Await(ctx, from, func(line string) string {
		l := parseLine(line)
		if l.Msg == "a submission was not accepted" {
			return l.How
		}
		if l.Msg == "the upstream accepted a submission" {
			return l.Msg
		}
		return ""
	})
	if err != nil {
		c.Fatalf("%s says nothing of its submission: %v", p.name, err)
	}
	return how
}

// byPID finds a program by its process.
func (c *cluster) byPID(pid int) *program {
	c.Helper()
	for _, p := range append(append([]*program{}, c.apis...), c.workers...) {
		if p.cmd.Process.Pid == pid {
			return p
		}
	}
	c.Fatalf("no program is process %d", pid)
	return nil
}
