//go:build chaos

package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/e2e/wire"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

const (
	soakJobs = 2000
	soakPace = 300 * time.Millisecond // so that they take ten minutes to come
	soakRest = 3 * time.Second        // between two faults, on average
)

// soak is F16: two thousand jobs in ten minutes, and something breaks every few
// seconds, whatever the dice say.
func soak(r *row) {
	c := plan{limit: crashLimit, wired: true, settings: hurry(), sim: []string{"--visibility-lag", "500ms"}}.start(r.T)
	dice := rand.New(rand.NewPCG(r.seed, 16))
	sent := make(chan []posted, 1)
	go func() { sent <- c.pour(soakJobs) }()
	broke := map[string]int{}
	var all []posted
	for all == nil {
		select {
		case all = <-sent:
		case <-time.After(soakRest/2 + time.Duration(dice.Int64N(int64(soakRest)))):
			broke[c.breakSomething(dice)]++
		}
	}
	c.heal()
	c.checkSlots()
	accepted := 0
	for _, s := range all {
		if s.id != "" {
			accepted++
		}
	}
	if accepted < soakJobs*9/10 {
		c.Errorf("only %d of %d jobs were accepted; the first answer: %+v", accepted, soakJobs, all[0])
	}
	jobs, charges := c.settle(r)
	if len(jobs) < accepted {
		c.Errorf("%d jobs were accepted, %d are there", accepted, len(jobs))
	}
	ends := map[string]int{}
	for _, j := range jobs {
		unknown := j.state == "failed" && j.failure == "submit_outcome_unknown" && !j.lookup()
		ends[strings.TrimSpace(j.state+" "+j.failure)]++
		if !unknown && (j.state != "succeeded" || charges[j.id] != 1) {
			c.Errorf("%q: job %s is %s (%s) with %d charges", j.spec.Prompt, j.id, j.state, j.failure, charges[j.id])
		}
		r.recovered(j.finished.Sub(j.created))
	}
	c.Logf("faults %v, ends %v", broke, ends)
	broken := 0
	for _, n := range broke {
		broken += n
	}
	r.remark("%d faults; ends %v", broken, ends)
	if ends["succeeded"] < len(jobs)*3/4 {
		c.Errorf("only %v of %d jobs", ends, len(jobs))
	}
}

// checkSlots has one job of each kind run, and wants the slots to be those of the
// jobs that hold one: what was broken before has left none behind, and nobody had
// to put that right.
func (c *cluster) checkSlots() {
	c.Helper()
	for _, w := range everyWork() {
		c.postAs(w, "waves sim:ready=10s")
	}
	ctx, cancel := context.WithTimeout(c.ctx(), 30*time.Second)
	defer cancel()
	err := until(ctx, func() error {
		held, err := c.slots(ctx)
		if err != nil {
			return err
		}
		jobs, err := c.records(ctx)
		if err != nil {
			return err
		}
		working, err := c.rdb.ZRange(ctx, key("harvests"), 0, -1).Result() // for these the upstream may be at work
		running := 0
		for _, j := range jobs {
			if !j.final() {
				working = append(working, j.id)
			}
			if j.state == "running" {
				running++
			}
		}
		slices.Sort(working)
		switch {
		case err != nil:
			return err
		case running < len(polledWorks()):
			return fmt.Errorf("%d jobs run", running)
		case !slices.Equal(held, working):
			return fmt.Errorf("slots are held by %v; at work are %v", held, working)
		}
		return nil
	})
	if err != nil {
		c.Error(err)
	}
}

// slots are the jobs that hold one, each account's, sorted.
func (c *cluster) slots(ctx context.Context) (held []string, err error) {
	names, err := c.scan(ctx, "slots:*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.Contains(name, "|") {
			continue // those of one kind of job are among them
		}
		ids, err := c.rdb.SMembers(ctx, name).Result()
		if err != nil {
			return nil, err
		}
		held = append(held, ids...)
	}
	slices.Sort(held)
	return held, nil
}

// pour posts jobs of all kinds at a steady pace.
func (c *cluster) pour(n int) (out []posted) {
	tick := time.NewTicker(soakPace)
	defer tick.Stop()
	for i := range n {
		w := everyWork()[i%8]
		auth := []string{gatewayKey, pooled, holdKey}[i/8%3]
		prompt := c.prompt("waves")
		out = append(out, c.submit(request{ // with a key, since it repeats a call that Redis may have taken and not answered
			url: w.path, key: auth, body: encode(fields{"model": w.model, "prompt": prompt}), headers: []string{"Idempotency-Key", fmt.Sprintf("soak-%d", i)},
		}))
		<-tick.C
	}
	return out
}

// breakSomething breaks one thing and says what.
func (c *cluster) breakSomething(dice *rand.Rand) string {
	c.Helper()
	door := c.doors.sim
	if i := dice.IntN(5); i < 4 {
		door = c.doors.redis[[]string{"api-1", "api-2", "worker-1", "worker-2"}[i]]
	}
	switch n := dice.IntN(12); n {
	case 0, 1, 2, 3, 4, 5:
		c.killOne(n)
		return "kill"
	case 6, 7:
		door.Cut()
		return "cut"
	case 8:
		c.must(door.Set(wire.Hole))
		<-time.After(2 * time.Second) // how long nothing comes through
		c.must(door.Set(wire.Pass))
		return "hole"
	case 9:
		door.DropReply(func([]byte) bool { return true }, nil)
		return "lost reply"
	default:
		op := []faults.Op{faults.Create, faults.Get, faults.Media}[dice.IntN(3)]
		c.rule(sim.Rule{Match: "*", Op: op, Fault: string(faults.Internal), Times: 2, Accepted: op == faults.Create && dice.IntN(2) == 0})
		return "5xx"
	}
}

// heal takes back what waits to go wrong.
func (c *cluster) heal() {
	c.Helper()
	c.allRedis(wire.Pass)
	c.must(c.doors.sim.Set(wire.Pass))
	c.forgetRules()
}

// forgetRules takes all rules from the simulator.
func (c *cluster) forgetRules() {
	c.Helper()
	a := c.call(request{method: "DELETE", url: c.sim.base() + "/_sim/faults"})
	if a.status/100 != 2 {
		c.Fatalf("the simulator keeps its rules: %d", a.status)
	}
}

func (c *cluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// rule gives the simulator a rule of faults.
func (c *cluster) rule(rule sim.Rule) {
	c.Helper()
	if a := c.call(request{url: c.sim.base() + "/_sim/faults", body: encode(rule)}); a.status/100 != 2 {
		c.Fatal(fmt.Errorf("the simulator does not take the rule: %d %s", a.status, a.body))
	}
}
