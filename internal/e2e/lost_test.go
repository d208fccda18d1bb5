package e2e_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/redisstore"
)

// lostReply is a step whose answer from Redis never comes.
type lostReply struct {
	name   string
	by     string // "api" or "worker"
	says   []string
	answer string // what the answer holds; "" for any
}

// lose has one reply lost on the way to a program; what it gives waits for that.
func (c *cluster) lose(s lostReply) (await func()) {
	c.Helper()
	programs := c.workers
	if s.by == "api" {
		programs = c.apis
	}
	lost := make([]<-chan struct{}, 0, 2)
	for _, p := range programs {
		lost = append(lost, c.doors.redis[p.name].DropReply(func(b []byte) bool {
			return !slices.ContainsFunc(s.says, func(word string) bool { return !bytes.Contains(b, []byte(word)) })
		}, func(b []byte) bool { return bytes.Contains(b, []byte(s.answer)) }))
	}
	return func() {
		c.Helper()
		select {
		case <-lost[0]:
		case <-lost[1]:
		case <-time.After(20 * time.Second):
			c.Errorf("no reply to %s was lost", s.name)
		}
	}
}

// wantOnce wants jobs that succeeded with one request and one charge each.
func (c *cluster) wantOnce(jobs []record, charges map[string]int) {
	c.Helper()
	for _, j := range jobs {
		if n := len(c.submissionsOf(j)); j.state != "succeeded" || charges[j.id] != 1 || n != 1 {
			c.Errorf("job %s is %s (%s) with %d charges for %d requests", j.id, j.state, j.failure, charges[j.id], n)
		}
	}
}

// TestRepliesLost: what Redis has done and whose answer never came is done once.
// The suite loses the reply to each step (make chaos, F11).
func TestRepliesLost(t *testing.T) {
	t.Parallel()
	c := plan{wired: true, settings: patient(), limit: 20}.start(t)
	for _, w := range everyWork() {
		c.postAs(w, "waves") // so that all scripts are known to Redis, and called by their hashes
	}
	c.awaitAll(record.final)
	for script, by := range map[string]string{"accept": "api", "begin": "worker", "accepted": "worker", "ready": "worker", "finish": "worker"} {
		lost := c.lose(lostReply{name: script, by: by, says: []string{redisstore.ScriptSHA(script)}})
		for _, w := range everyWork() {
			c.postAs(w, "waves")
		}
		lost()
	}
	jobs, charges := c.atRest()
	c.wantOnce(jobs, charges)
}
