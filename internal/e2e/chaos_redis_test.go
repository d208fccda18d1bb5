//go:build chaos

package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/e2e/wire"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// awayFor is how long Redis is away in F7.
const awayFor = 6 * time.Second

// redisAwayAtReturn is F7: Redis is gone at the moment when a handler returns,
// so that Asynq cannot be told and runs the task again.
func redisAwayAtReturn(r *row) {
	for _, p := range []crash.Point{crash.Committed, crash.Final} {
		for _, w := range works() {
			r.Run(fmt.Sprintf("%s at %s", w.name, p), func(t *testing.T) {
				t.Parallel()
				a, armed := arm(t, p, crash.Hold)
				c := plan{environ: armed, settings: patient(), wired: true}.start(t)
				id := c.postAs(w, "waves")
				c.awaitMark(a)
				c.allRedis(wire.Refuse)
				if err := os.WriteFile(crash.Released(a.dir, id), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				<-time.After(awayFor) // how long the outage lasts
				c.allRedis(wire.Pass)
				back := time.Now()
				jobs, charges := c.settle(r)
				j := jobs[0]
				r.recovered(j.finished.Sub(back))
				if j.state != "succeeded" || charges[id] != 1 || len(c.submissionsOf(j)) != 1 {
					t.Errorf("the job is %s (%s) with %d charges", j.state, j.failure, charges[id])
				}
				c.nothingPending()
			})
		}
	}
}

// allRedis sets the ways of all programs to Redis.
func (c *cluster) allRedis(m wire.Mode) {
	c.Helper()
	if err := c.doors.everyRedis(func(p *wire.Proxy) error { return p.Set(m) }); err != nil {
		c.Fatal(err)
	}
}

// nothingPending waits until Asynq has no task of ours any more: those that run
// again find nothing to do.
func (c *cluster) nothingPending() {
	c.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		left := ""
		for _, stage := range []string{"submit", "mirror"} {
			for _, list := range []string{"pending", "active"} {
				n, err := c.rdb.LLen(c.ctx(), asynqKey(stage, list)).Result()
				if err != nil {
					c.Fatal(err)
				}
				if n > 0 {
					left += fmt.Sprintf("%d %s in %s ", n, list, stage)
				}
			}
		}
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			c.Errorf("Asynq still has %s", left)
			return
		}
		<-time.After(100 * time.Millisecond)
	}
}

// asynqKey is one of Asynq's keys.
func asynqKey(stage, rest string) string { return "asynq:{tt-" + stage + "}:" + rest }

// cutOff is F8: a worker that holds running jobs and copies loses its way to
// Redis for a minute.
func cutOff(r *row) {
	const usual = 15 * time.Second // worker.lease as it comes
	c := plan{wired: true, settings: []string{"TINTYPE_WORKER_LEASE=15s", "TINTYPE_MEDIA_STALL_TIMEOUT=60s"}, limit: crashLimit}.start(r.T)
	for range 6 {
		c.postAs(works()[1], "waves sim:ready=40s")
	}
	c.postAs(works()[1], "waves sim:size=2MB sim:stall,times=1")
	stopped, taken := c.cutWorkerOff(time.Minute)
	r.recovered(taken)
	r.remark("acts no more %s after the cut, taken over %s after it", stopped.Round(100*time.Millisecond), taken.Round(100*time.Millisecond))
	if stopped > usual || taken > usual+2*time.Second {
		c.Errorf("it gave up after %s and was taken over after %s", stopped, taken)
	}
	c.settle(r)
}

// redisKilled is F9: Redis dies and comes back with its file, or without
// anything at all.
func redisKilled(r *row) {
	r.Run("with its file", func(t *testing.T) {
		t.Parallel()
		c := plan{limit: crashLimit, settings: patient()}.start(t)
		stop := make(chan struct{})
		posting := make(chan int, 1)
		go func() { posting <- len(c.keepPosting(stop)) }()
		for range 3 {
			<-time.After(2 * time.Second) // the jobs come to all stages
			if err := c.redis.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		close(stop)
		back := time.Now()
		n := <-posting
		jobs, charges := c.settle(r)
		if len(jobs) < n {
			t.Errorf("%d jobs were accepted, %d are there", n, len(jobs))
		}
		for _, j := range jobs {
			r.recovered(j.finished.Sub(back))
			if j.state != "succeeded" || charges[j.id] != 1 {
				t.Errorf("job %s is %s (%s) with %d charges", j.id, j.state, j.failure, charges[j.id])
			}
		}
	})
	r.Run("emptied", func(t *testing.T) {
		t.Parallel()
		c := plan{limit: crashLimit, unchecked: true, settings: patient()}.start(t)
		took, jobs, charges := c.emptied()
		r.recovered(took)
		r.count(jobs, charges)
	})
}

// repliesLost is F11: one reply is lost after the command was carried out.
func repliesLost(r *row) {
	steps := []lostReply{
		{"enqueue to submit", "api", []string{asynqKey("submit", "pending"), "submit:"}, ""},
		{"enqueue to mirror", "worker", []string{asynqKey("mirror", "pending"), "mirror:"}, ""},
		{"dequeue to submit", "worker", []string{asynqKey("submit", "pending"), asynqKey("submit", "paused")}, "submit"},
		{"dequeue to mirror", "worker", []string{asynqKey("mirror", "pending"), asynqKey("mirror", "paused")}, "mirror"},
	}
	for _, script := range []string{"accept"} {
		steps = append(steps, lostReply{script, "api", []string{redisstore.ScriptSHA(script)}, ""})
	}
	for _, script := range []string{"claim", "begin", "accepted", "claim_polls", "ready", "stored", "finish", "renew"} {
		answer := ""
		if script == "claim_polls" {
			answer = "06" // a job's id: most of its answers are empty
		}
		steps = append(steps, lostReply{script, "worker", []string{redisstore.ScriptSHA(script)}, answer})
	}
	for _, s := range steps {
		r.Run(s.name, func(t *testing.T) {
			t.Parallel()
			loseReply(t, r, s)
		})
	}
}

func loseReply(t *testing.T, r *row, s lostReply) {
	t.Helper()
	c := plan{wired: true, settings: patient(), limit: crashLimit}.start(t)
	for _, w := range everyWork() {
		c.postAs(w, "waves") // so that all scripts are known to Redis, and called by their hashes
	}
	c.awaitAll(record.final)
	lost := c.lose(s)
	began := time.Now()
	for range 4 {
		for _, w := range everyWork() {
			c.postAs(w, "waves sim:ready=1500ms")
		}
	}
	lost()
	jobs, charges := c.settle(r)
	for _, j := range jobs {
		r.recovered(j.finished.Sub(began))
	}
	c.wantOnce(jobs, charges)
}

// queueDamaged is F12: what Asynq keeps of its tasks is lost or damaged. The
// records are the truth, and the sweeper rings again.
func queueDamaged(r *row) {
	drop := func(c *cluster, stage string, keys ...string) error {
		for _, k := range keys {
			if err := c.rdb.Del(c.ctx(), asynqKey(stage, k)).Err(); err != nil {
				return err
			}
		}
		return nil
	}
	for _, d := range []struct {
		name   string
		rings  bool // the sweeper has to
		damage func(c *cluster) error
	}{
		{"lease, active and pending are lost", true, func(c *cluster) error {
			return errors.Join(drop(c, "submit", "lease", "active", "pending"), drop(c, "mirror", "lease", "active", "pending"))
		}},
		{"a message that nobody can read", false, func(c *cluster) error {
			var errs []error
			for _, stage := range []string{"submit", "mirror"} {
				errs = append(errs,
					c.rdb.HSet(c.ctx(), asynqKey(stage, "t:rubbish"), "msg", "\xff\x00rubbish", "state", "pending").Err(),
					c.rdb.RPush(c.ctx(), asynqKey(stage, "pending"), "rubbish").Err())
			}
			return errors.Join(errs...)
		}},
	} {
		r.Run(d.name, func(t *testing.T) {
			t.Parallel()
			c := plan{limit: crashLimit, settings: patient()}.start(t)
			ids := make([]string, 0, 24)
			for i := range 24 {
				ids = append(ids, c.postAs(everyWork()[i%8], "waves"))
				if i%3 == 2 {
					if err := d.damage(c); err != nil {
						t.Fatal(err)
					}
				}
			}
			c.healed(r, len(ids), d.rings)
		})
	}
	r.Run("the next bell's task id is taken", func(t *testing.T) {
		t.Parallel()
		c := plan{limit: 1, settings: patient()}.start(t)
		for range 2 {
			c.postAs(works()[1], "waves sim:ready=2s")
		}
		id := c.postAs(works()[1], "waves") // it waits in line, without a bell
		for _, task := range []string{"submit:" + id + ":1", "mirror:" + id + ":2"} {
			stage, _, _ := bytes.Cut([]byte(task), []byte(":"))
			if err := c.rdb.HSet(t.Context(), asynqKey(string(stage), "t:"+task), "msg", "", "state", "completed").Err(); err != nil {
				t.Fatal(err)
			}
		}
		c.healed(r, 3, true)
	})
}

// healed wants all jobs to succeed, and the sweeper to say that it rang again if
// it had to.
func (c *cluster) healed(r *row, n int, rings bool) {
	c.Helper()
	jobs, charges := c.settle(r)
	if len(jobs) != n {
		c.Errorf("%d jobs of %d", len(jobs), n)
	}
	for _, j := range jobs {
		r.recovered(j.finished.Sub(j.created))
		if j.state != "succeeded" || charges[j.id] != 1 || len(c.submissionsOf(j)) != 1 {
			c.Errorf("job %s is %s (%s) with %d charges", j.id, j.state, j.failure, charges[j.id])
		}
	}
	rung := 0.0
	for _, w := range c.workers {
		v, err := c.gauge(w, "sweeper_rerings_total")
		if err != nil {
			c.Error(err)
		}
		rung += v
	}
	c.Logf("the sweeper rang %.0f times again", rung)
	if rings && rung == 0 {
		c.Error("the sweeper did not ring again, or no metric tells")
	}
}

// everyRedis does something to the ways of all programs to Redis.
func (d doors) everyRedis(do func(*wire.Proxy) error) error {
	for _, p := range d.redis {
		if err := do(p); err != nil {
			return err
		}
	}
	return nil
}
