package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// wish is a job, or a chat, that ends in one way or another.
type wish struct {
	path, tags string
}

// wishes are all the ways in which a job can end, and those in which a call can
// fail that is no job. What dies late is told apart from what dies at the door.
func wishes() []wish {
	var out []wish
	for path, tags := range map[string][]string{
		imagePath: {
			"", "sim:reject", "sim:429=1,times=1", "sim:quota,times=1", "sim:500", "sim:502", "sim:drop", "sim:truncate", "sim:empty", "sim:hang",
			"sim:fail", "sim:toplevel", "sim:broken", "sim:deadkey", "sim:overdue", "sim:echo", "sim:redirect", "sim:html,times=1", "sim:stall,times=1",
		},
		videoPath: {
			"", "sim:reject", "sim:429,times=1", "sim:500,accepted", "sim:drop", "sim:truncate", "sim:broken", "sim:lost", "sim:expired", "sim:deadkey",
			"sim:echo", "sim:echo,on=get,times=2", "sim:deadkey,on=get,times=2", "sim:500,on=get,times=1", "sim:truncate=media,times=1", "sim:nolength",
		},
		chatPath: {"", "sim:echo", "sim:deadkey", "sim:500", "sim:drop", "sim:sse-error", "sim:sse-eof", "sim:429=1"},
	} {
		for _, t := range tags {
			out = append(out, wish{path, t})
		}
	}
	return out
}

// ownCanary is a credential that nobody else has. It has what every format
// escapes in its own way.
func ownCanary(i int) string { return fmt.Sprintf(`sim-"a\b<&+=%%/%s-%04d`, canary, i) }

// wishCall makes the call of the i-th wish: asynchronous, streamed or blocking.
func (c *cluster) wishCall(i int, w wish) request {
	prompt := c.prompt("a fox " + w.tags)
	body := fields{"prompt": prompt}
	if w.path == chatPath {
		body = fields{"messages": []any{fields{"role": "user", "content": prompt}}}
	}
	r := request{url: c.apis[i%2].base() + w.path, key: ownCanary(i)}
	switch {
	case i%7 == 0 || w.path == chatPath && i%2 == 0:
		body["stream"] = true
	case i%7 == 1:
	default:
		r.headers = []string{"Prefer", "respond-async"}
	}
	switch i % 5 {
	case 0:
		r.headers = append(r.headers, "Idempotency-Key", fmt.Sprintf("wish-%d", i))
	case 1:
		r.headers = append(r.headers, "X-Stainless-Retry-Count", "1")
	case 2:
		body["on_disconnect"] = "cancel"
	}
	r.body = encode(body)
	return r
}

// misplaced are calls that bring a credential where none belongs, or one that
// nobody takes.
func (c *cluster) misplaced() (out []request) {
	key := ownCanary(9999)
	for i, r := range []request{
		{headers: []string{"Authorization", "Basic " + canary}},
		{headers: []string{"Authorization", canary}},
		{headers: []string{"Authorization", "Bearer " + canary + " " + canary}},
		{headers: []string{"Authorization", "Bearer " + strings.Repeat(canary, 400)}}, // over the limit
		{headers: []string{"X-Api-Key", key, "Cookie", "sessionid=" + canary, "Proxy-Authorization", "Bearer " + canary}},
		{key: "tt_unknown_" + canary},
		{key: "revoked-" + canary},
		{url: "?api_key=" + canary},
		{url: "/" + canary},
		{method: "BREW" + canary},
		{key: key, body: `{"prompt":"x",}`},
		{key: key, body: `{"prompt":"x","image":"http://127.0.0.1:1/?key=` + canary + `"}`},
		{key: key, body: `{"prompt":"x","image":"https://user:` + canary + `@example.com/x.png"}`},
		{key: key, body: `{"prompt":"x"}`, headers: []string{"Prefer", "wait=" + canary}},
	} {
		r.url = c.apis[i%2].base() + imagePath + r.url
		if r.body == "" {
			r.body = `{"prompt":"x"}`
		}
		out = append(out, r)
	}
	return out
}

// TestCanaries: jobs with credentials of their own, a thousand of them in the
// long suite, which end in every way that there is, with everything logged that
// can be. Then no bit of a credential is anywhere: the checker looks. What it
// looks through does hold what belongs there, or its silence would mean nothing.
func TestCanaries(t *testing.T) {
	t.Parallel()
	spans := openCollector(t)
	c := start(t, spans.setting(), "TINTYPE_LOG_LEVEL=debug", "TINTYPE_IMAGE_SUBMIT_TIMEOUT=5s", "TINTYPE_VIDEO_SUBMIT_TIMEOUT=5s", "TINTYPE_VIDEO_UNKNOWN_HOLD=1s",
		"TINTYPE_WORKER_SUBMIT_FENCE=redis+s3")
	all := wishes()
	began := time.Now()
	jobs := c.postWishes(all)
	t.Logf("%d jobs were posted after %s", len(jobs), time.Since(began).Round(time.Millisecond))
	for _, answer := range c.inLine(c.misplaced()) {
		if answer.err == nil && answer.answer.status < 400 {
			t.Errorf("%s %s %v: %d", answer.method, answer.url, answer.headers, answer.answer.status)
		}
	}
	ends := map[string]int{}
	for i, id := range jobs {
		if i%13 == 0 {
			c.call(request{method: http.MethodPost, url: c.apis[i%2].base() + "/v1/jobs/" + id + "/cancel", key: ownCanary(i)})
		}
	}
	for i, id := range jobs { // what the job says of itself goes through the checker's hands, too
		j := c.awaitJob(c.apis[i%2], ownCanary(i), id, jobView.final)
		code := j.Status
		if j.Error != nil {
			code = j.Error.Code
		}
		ends[code]++
		if i%10 == 0 {
			c.call(request{url: c.apis[i%2].base() + "/v1/jobs/" + id + "/events", key: ownCanary(i)})
		}
	}
	t.Logf("after %s: %v", time.Since(began).Round(time.Millisecond), ends)
	for _, end := range []string{"succeeded", "content_policy_violation", "submit_outcome_unknown", "upstream_credential_rejected", "generation_failed", "invalid_request"} {
		if ends[end] == 0 {
			t.Errorf("no job ended with %s", end)
		}
	}
	bodies := spans.bodies()
	for _, body := range bodies {
		if s := leaked(body); s != "" {
			t.Errorf("a trace holds a secret, as %q, in %q", s, around(body, s))
		}
	}
	if len(bodies) == 0 {
		t.Error("no trace was looked through")
	}
	for _, id := range jobs {
		c.checkControls(id)
		break
	}
}

// postWishes makes the calls, a few at a time, and gives the jobs by their
// number.
func (c *cluster) postWishes(all []wish) map[int]string {
	c.Helper()
	var requests []request
	for i, media := 0, 0; media < canaries; i++ {
		w := all[i%len(all)]
		requests = append(requests, c.wishCall(i, w))
		if w.path != chatPath {
			media++
		}
	}
	jobs := map[int]string{}
	for i, tried := range c.inLine(requests) {
		if id := tried.answer.jobID(); id != "" {
			jobs[i] = id
		}
	}
	if len(jobs) != canaries {
		c.Errorf("%d jobs were accepted, not %d", len(jobs), canaries)
	}
	return jobs
}

// inLine makes calls of which only so many wait at a time. Some break off, as
// those must whose upstream does.
func (c *cluster) inLine(requests []request) []tried {
	const atOnce = 64
	out := make([]tried, len(requests))
	turn := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, r := range requests {
		turn <- struct{}{}
		all.Go(func() {
			a, err := c.try(r)
			out[i] = tried{r, a, err}
			<-turn
		})
	}
	all.Wait()
	return out
}

// checkControls finds the id of a job in every place where it belongs, so that
// the checker looks at what it says that it looks at.
func (c *cluster) checkControls(id string) {
	c.Helper()
	places, err := c.places(c.ctx())
	if err != nil {
		c.Fatal(err)
	}
	for name, control := range map[string]string{
		"the log of api-1": `"level":"DEBUG"`, "the log of worker-1": `"a job ended"`, "the metrics of api-2": "tintype_http_requests_total",
		"the metrics of worker-2": "tintype_", "dump.rdb": "{tt}:job:" + id, ".incr.aof": "asynq:", "/job.json": id, "a name": id,
	} {
		held := false
		for _, p := range places {
			held = held || strings.HasSuffix(p.name, name) && bytes.Contains(p.text, []byte(control))
		}
		if !held {
			c.Errorf("%s does not hold %q: is it looked at?", name, control)
		}
	}
	if page := c.call(request{url: c.apis[0].base() + "/metrics"}); page.status != http.StatusOK {
		c.Errorf("/metrics: %d", page.status)
	}
}
