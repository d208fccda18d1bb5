package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestIdempotencyKey: one request is one job, whichever API process it is sent
// to, how often and how its answer is wanted.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	c := start(t)
	prompt := c.prompt("waves sim:ready=2s")
	body := encode(fields{"prompt": prompt})
	keyed := func(api *program, body string, headers ...string) request {
		return request{url: api.base() + videoPath, key: gatewayKey, body: body, headers: append([]string{"Idempotency-Key", "a-key"}, headers...)}
	}
	var at []request
	for i := range 20 {
		at = append(at, keyed(c.apis[i%2], body, "Prefer", "respond-async"))
	}
	id := ""
	for _, r := range c.together(at) { // at once
		if r.err != nil || r.answer.status != http.StatusAccepted || id != "" && r.answer.jobID() != id {
			t.Errorf("%v %d %s; the job is %s", r.err, r.answer.status, r.answer.body, id)
		}
		id = r.answer.jobID()
	}
	stream := keyed(c.apis[1], encode(fields{"prompt": prompt, "stream": true}))
	for name, r := range map[string]request{"blocking": keyed(c.apis[0], body), "stream": stream} { // while it runs, and after
		a := c.call(r)
		if a.status != http.StatusOK || a.jobID() != id || a.header.Get("Idempotency-Replayed") != "true" || !strings.Contains(string(a.body), ".mp4") {
			t.Errorf("%s: %d %v %s", name, a.status, a.header, a.body)
		}
	}
	if err := c.redis.Restart(c.ctx()); err != nil {
		t.Fatal(err)
	}
	ready, cancel := context.WithTimeout(c.ctx(), readyWithin)
	defer cancel()
	if err := c.apis[1].awaitReady(ready); err != nil {
		t.Fatal(err)
	}
	if a := c.call(keyed(c.apis[1], body)); a.status != http.StatusOK || a.jobID() != id {
		t.Errorf("after a restart of Redis: %d %s", a.status, a.body)
	}
	if a := c.call(keyed(c.apis[1], encode(fields{"prompt": prompt + "!"}))); a.status != http.StatusUnprocessableEntity {
		t.Errorf("another body: %d %s", a.status, a.body)
	}
	if n := c.charges(prompt); n != 1 {
		t.Errorf("charged %d times", n)
	}
}

// TestCutCallsAreRetried: the connection breaks while the caller waits, as often
// as it likes; who comes back, with its key or saying that it retries, gets what
// the first call has made.
func TestCutCallsAreRetried(t *testing.T) {
	t.Parallel()
	c := start(t)
	for name, headers := range map[string][]string{
		"by key":   {"Idempotency-Key", "another-key"},
		"by count": {"X-Stainless-Retry-Count", "1"},
	} {
		prompt := c.prompt("waves sim:ready=1s")
		r := request{url: c.apis[0].base() + videoPath, key: ownKey, body: encode(fields{"prompt": prompt})}
		if name == "by key" {
			r.headers = headers
		}
		for i := range 3 {
			ctx, cancel := context.WithTimeout(c.ctx(), 200*time.Millisecond)
			if resp, err := c.open(ctx, r); err == nil {
				resp.Body.Close()
			}
			cancel()
			r.url, r.headers = c.apis[(i+1)%2].base()+videoPath, headers
			c.awaitSubmission(prompt)
		}
		a := c.call(r)
		if a.status != http.StatusOK || a.header.Get("Idempotency-Replayed") != "true" || !strings.Contains(string(a.body), ".mp4") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if n := c.charges(prompt); n != 1 {
			t.Errorf("%s: charged %d times", name, n)
		}
	}
}
