package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// work is a kind of job and what can be found out about a lost submission.
type work struct {
	name   string
	path   string
	model  string
	polled bool
	lookup bool
}

// works are those of the driver ark.
func works() []work {
	return []work{
		{name: "image", path: imagePath, model: "Seedream 4.0"},
		{name: "video", path: videoPath, model: "doubao-video", polled: true},
		{name: "video with lookup", path: videoPath, model: "doubao-video-2", polled: true, lookup: true},
	}
}

// otherWorks are those of the other drivers, none of which can look a lost
// submission up.
func otherWorks() map[string][]work {
	return map[string][]work{
		"openai": {
			{name: "openai image", path: imagePath, model: "studio-image"},
			{name: "openai video", path: videoPath, model: "studio-video", polled: true},
			{name: "new-api video", path: videoPath, model: "relay-video", polled: true},
		},
		"doubaoweb": {
			{name: "web image", path: imagePath, model: "web-image"},
			{name: "web video", path: videoPath, model: "web-video", polled: true},
		},
	}
}

// everyWork are those of all drivers.
func everyWork() []work {
	other := otherWorks()
	return slices.Concat(works(), other["openai"], other["doubaoweb"])
}

// posted is what became of the call that posts a job.
type posted struct {
	id  string // "" unless the call was answered
	err error  // the call was sent and not answered: there may be a job
}

// polledWorks are those of all drivers that are asked after, ark's first.
func polledWorks() []work {
	return slices.DeleteFunc(everyWork(), func(w work) bool { return !w.polled })
}

// submit posts a job to the APIs in turn until one has taken the call.
func (c *cluster) submit(r request) posted {
	ctx, cancel := context.WithTimeout(c.ctx(), 30*time.Second)
	defer cancel()
	r.headers = append(r.headers, "Prefer", "respond-async")
	path := r.url
	var out posted
	turn := int(c.named.Add(1))
	err := until(ctx, func() error {
		turn++
		r.url = c.apis[turn%len(c.apis)].base() + path
		a, err := c.try(r)
		var dial *net.OpError
		switch {
		case errors.As(err, &dial) && dial.Op == "dial":
			return err
		case err != nil:
			out = posted{err: err}
		case a.status == http.StatusServiceUnavailable:
			return fmt.Errorf("%d %s", a.status, a.body)
		case a.status != http.StatusAccepted:
			out = posted{err: fmt.Errorf("POST %s: %d %s", path, a.status, a.body)}
		default:
			out = posted{id: a.jobID()}
		}
		return nil
	})
	if err != nil {
		out = posted{err: err}
	}
	return out
}

// postAs posts a job of a kind.
func (c *cluster) postAs(w work, prompt string) (id string) {
	c.Helper()
	out := c.submit(request{url: w.path, key: gatewayKey, body: encode(fields{"model": w.model, "prompt": c.prompt(prompt)})})
	if out.err != nil {
		c.Fatal(out.err)
	}
	return out.id
}

// awaitRecord waits until a job's record is as wanted.
func (c *cluster) awaitRecord(id string, wanted func(record) error) record {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), 60*time.Second)
	defer cancel()
	var j record
	err := until(ctx, func() (err error) {
		if j, err = c.record(ctx, id); err == nil {
			err = wanted(j)
		}
		return err
	})
	if err != nil {
		c.Fatal(err)
	}
	return j
}

// submissionsOf are the requests of a job that reached the upstream.
func (c *cluster) submissionsOf(j record) (keys []string) {
	c.Helper()
	l, err := c.ledger()
	if err != nil {
		c.Fatal(err)
	}
	for _, sub := range l.Submissions {
		if strings.Contains(sub.Prompt, j.spec.Prompt) {
			keys = append(keys, sub.KeyHash)
		}
	}
	return keys
}

// fingerprint is the whole of all records and logs.
func (c *cluster) fingerprint(jobs []record) map[string]string {
	c.Helper()
	out := map[string]string{}
	for _, j := range jobs {
		m, err := c.rdb.HGetAll(c.ctx(), key("job:"+j.id)).Result()
		if err != nil {
			c.Fatal(err)
		}
		log, err := c.rdb.XRange(c.ctx(), key("ev:"+j.id), "-", "+").Result()
		if err != nil {
			c.Fatal(err)
		}
		out[j.id] = fmt.Sprint(m, log) // maps print in order
	}
	return out
}

// awaitAll waits until all jobs are as wanted.
func (c *cluster) awaitAll(wanted func(record) bool) {
	c.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		jobs, err := c.records(c.ctx())
		if err != nil {
			c.Fatal(err)
		}
		i := slices.IndexFunc(jobs, func(j record) bool { return !wanted(j) })
		if len(jobs) > 0 && i < 0 {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("job %s is %s", jobs[i].id, jobs[i].state)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// awaitGauge waits until a worker's gauge is as wanted.
func (c *cluster) awaitGauge(p *program, name string, wanted func(float64) bool) {
	c.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		v, err := c.gauge(p, name)
		if err == nil && wanted(v) {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("%s of %s is %v, %v", name, p.name, v, err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// patient are times in which even a busy machine answers a submission, where no
// answer is to be lost.
func patient() []string {
	return []string{"TINTYPE_IMAGE_SUBMIT_TIMEOUT=20s", "TINTYPE_VIDEO_SUBMIT_TIMEOUT=20s", "TINTYPE_UPSTREAMS_0_VISIBILITY_LAG=1s"}
}

// hurry are short times for whatever a lost submission waits for.
func hurry() []string {
	return []string{
		"TINTYPE_IMAGE_SUBMIT_TIMEOUT=5s", "TINTYPE_VIDEO_SUBMIT_TIMEOUT=5s", "TINTYPE_VIDEO_UNKNOWN_HOLD=3s",
		"TINTYPE_UPSTREAMS_0_VISIBILITY_LAG=1s",
	}
}

// atRest waits until nothing goes on any more and gives all jobs and what was
// paid for each.
func (c *cluster) atRest() (jobs []record, charges map[string]int) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), 4*time.Minute)
	defer cancel()
	if err := until(ctx, func() error { return c.settled(ctx) }); err != nil {
		c.Fatal(err)
	}
	s, err := c.look(ctx)
	if err != nil {
		c.Fatal(err)
	}
	charges = map[string]int{}
	for _, j := range s.jobs {
		for _, sub := range s.submissions(j) {
			if sub.Charged {
				charges[j.id]++
			}
		}
	}
	return s.jobs, charges
}

// accountsTried are the accounts of a job's submissions that were not accepted,
// as the workers said.
func (c *cluster) accountsTried(id string) map[string]bool {
	out := map[string]bool{}
	for _, w := range c.workers {
		for _, line := range w.log.Lines() {
			if l := parseLine(line); l.Job == id && l.Account != "" && l.Msg == "a submission was not accepted" {
				out[l.Account] = true
			}
		}
	}
	return out
}
