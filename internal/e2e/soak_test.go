package e2e_test

import (
	"math/rand/v2"
	"testing"
	"time"
)

// soakKills is how many times something is killed in the soak, one each second.
const soakKills = 6

// TestAnythingKilled kills something every second, whatever the dice say: a
// worker, an API, Redis, the S3 server. Callers come all the while, to whichever
// API is up. What was accepted ends; what was not, was refused.
func TestAnythingKilled(t *testing.T) {
	t.Parallel()
	c := start(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	over := make(chan struct{})
	accepted := make(chan []string, 1)
	go func() { accepted <- c.keepPosting(over) }()
	for range soakKills {
		<-time.After(time.Second)
		c.killOne(dice.IntN(6))
	}
	close(over)
	ends := map[string]int{}
	for i, id := range <-accepted {
		j := c.awaitJob(c.apis[i%2], gatewayKey, id, jobView.final)
		ends[j.Status]++
		if j.Status != "succeeded" && (j.Error == nil || j.Error.Code != "submit_outcome_unknown") {
			t.Errorf("job %s is %s: %+v", id, j.Status, j.Error)
		}
	}
	t.Logf("jobs by their end: %v", ends)
	if ends["succeeded"] == 0 {
		t.Error("no job was made")
	}
}

// killOne kills one thing and starts it again.
func (c *cluster) killOne(which int) {
	c.Helper()
	switch which {
	case 0, 1:
		c.Logf("%s is killed", c.workers[which].name)
		c.workers[which].kill9(c.T)
		c.run(c.workers[which])
	case 2, 3:
		c.Logf("%s is killed", c.apis[which-2].name)
		c.apis[which-2].kill9(c.T)
		c.run(c.apis[which-2])
	case 4:
		c.Log("Redis is killed")
		if err := c.redis.Restart(c.ctx()); err != nil {
			c.Fatal(err)
		}
	case 5:
		c.Log("the S3 server is killed")
		if err := c.s3.Restart(c.ctx()); err != nil {
			c.Fatal(err)
		}
	}
}

// keepPosting posts a job every quarter of a second until over, and gives the
// ids of those that were accepted as far as the caller knows.
func (c *cluster) keepPosting(over <-chan struct{}) (ids []string) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-over:
			return ids
		case <-tick.C:
		}
		path, prompt := imagePath, c.prompt("a cat")
		if i%2 == 0 {
			path, prompt = videoPath, c.prompt("waves")
		}
		a, err := c.try(request{
			url: c.apis[i%2].base() + path, key: gatewayKey, body: encode(fields{"prompt": prompt}), headers: []string{"Prefer", "respond-async"},
		})
		if err == nil && a.jobID() != "" {
			ids = append(ids, a.jobID())
		}
	}
}
