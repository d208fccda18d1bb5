package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// load is about twenty jobs, of both kinds, in every way of waiting, from
// several tenants and on both APIs. Each lasts longer at the upstream than
// the grace of a program in a hurry.
func (c *cluster) load() []request {
	var out []request
	for i := range 20 {
		path, prompt := imagePath, c.prompt("a cat sim:ready=4500ms")
		if i%2 == 0 {
			path, prompt = videoPath, c.prompt("waves sim:ready=5s")
		}
		r := request{
			url: c.apis[i/2%2].base() + path, key: []string{pooled, gatewayKey, ownKey}[i%3],
			body: encode(fields{"prompt": prompt, "stream": i%5 == 0}),
		}
		if i%5 == 1 {
			r.headers = []string{"Prefer", "wait=60"}
		}
		out = append(out, r)
	}
	return out
}

// TestTerminatedUnderLoad: every program is ended by SIGTERM and started again
// while twenty jobs are under way. No job fails, none is paid twice, and every
// caller ends with its result or with what it needs to come back for it.
func TestTerminatedUnderLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		settings []string
		order    func(c *cluster) []*program
	}{
		{"workers first", nil, func(c *cluster) []*program {
			return []*program{c.workers[0], c.apis[0], c.workers[1], c.apis[1]}
		}},
		// Callers must be let go long before their jobs are done.
		{"in a hurry", []string{"TINTYPE_SERVER_SHUTDOWN_GRACE=3s"}, func(c *cluster) []*program {
			return []*program{c.apis[0], c.apis[1], c.workers[0], c.workers[1]}
		}},
		{"in a hurry, after a space", []string{"TINTYPE_SERVER_SHUTDOWN_GRACE=3s", "TINTYPE_WAIT_SILENCE=200ms"}, func(c *cluster) []*program {
			return []*program{c.apis[1], c.workers[1], c.apis[0], c.workers[0]}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := start(t, append([]string{"TINTYPE_IMAGE_SUBMIT_TIMEOUT=20s"}, tt.settings...)...)
			calls := make(chan []tried, 1)
			requests := c.load()
			go func() { calls <- c.together(requests) }()
			c.awaitJobs(len(requests))
			for _, p := range tt.order(c) {
				began := time.Now()
				p.stop(t)
				t.Logf("%s ended %s after SIGTERM", p.name, time.Since(began).Round(time.Millisecond))
				c.run(p)
			}
			handed := 0
			for i, call := range <-calls {
				id, problem := outcome(call)
				if problem != "" {
					t.Errorf("call %d (%.80s…): %s", i, call.body, problem)
				}
				if id == "" {
					continue
				}
				if !bytes.Contains(call.answer.body, []byte(`"stop"`)) {
					handed++
				}
				c.succeeded(c.apis[i%2], call.key, id)
			}
			t.Logf("%d of %d callers were handed over", handed, len(requests))
			if handed == 0 && tt.settings != nil {
				t.Error("no caller had to be handed over: this test shows nothing")
			}
		})
	}
}

// awaitJobs waits until so many jobs have been accepted.
func (c *cluster) awaitJobs(n int) {
	c.Helper()
	err := until(c.ctx(), func() error {
		jobs, err := c.records(c.ctx())
		if err == nil && len(jobs) < n {
			err = errNotYet
		}
		return err
	})
	if err != nil {
		c.Fatal(err)
	}
}

// outcome gives the job of a call that has ended while its API was stopping:
// it has its result, or a handle, and its connection was not cut.
func outcome(call tried) (id, problem string) {
	a := call.answer
	id = a.jobID()
	switch {
	case call.err != nil:
		return id, fmt.Sprintf("the connection broke: %v, with %d %q", call.err, a.status, a.body)
	case id == "":
		return "", fmt.Sprintf("%d without a job: %s", a.status, a.body)
	case a.status == http.StatusAccepted: // Prefer
		return id, ""
	case strings.Contains(call.body, `"stream":true`):
		if frames := framesOf(a.body); len(seqs(frames)) == 0 || !bytes.HasSuffix(a.body, []byte("\n\n")) {
			return id, fmt.Sprintf("a stream that cannot be resumed: %q", a.body)
		}
		return id, ""
	case a.status != http.StatusOK && a.status != http.StatusGatewayTimeout:
		return id, fmt.Sprintf("%d %s", a.status, a.body)
	}
	o, err := a.object()
	if err != nil {
		return id, err.Error()
	}
	if _, failed := o["error"]; !failed {
		return id, ""
	}
	want := errorBody("wait_timeout", nil)
	if envelope, ok := want["error"].(fields); ok {
		envelope["job_id"] = id
	}
	if a.status == http.StatusGatewayTimeout && a.header.Get("Location") != "/v1/jobs/"+id {
		return id, fmt.Sprintf("Location is %q", a.header.Get("Location"))
	}
	return id, strings.Join(like("body", o, want), "; ")
}

// TestDrainingWorkerIsSeen: a worker that winds down still shows how it fares, and says
// that it takes nothing more.
func TestDrainingWorkerIsSeen(t *testing.T) {
	t.Parallel()
	c := start(t, "TINTYPE_IMAGE_SUBMIT_TIMEOUT=40s", "TINTYPE_WORKER_SHUTDOWN_GRACE=40s")
	c.workers[1].stop(t)
	w, prompt := c.workers[0], c.prompt("a cat sim:ready=25s")
	id := c.post(c.apis[0], imagePath, gatewayKey, prompt)
	c.awaitSubmission(prompt)
	w.terminate(t)
	ctx, cancel := context.WithTimeout(c.ctx(), callWithin)
	defer cancel()
	err := until(ctx, func() error {
		if err := w.ready(ctx); err != nil && strings.Contains(err.Error(), "503") {
			return nil
		}
		return errNotYet
	})
	if err != nil {
		t.Fatalf("/readyz of a worker that winds down was never 503: %v", err)
	}
	// That Redis answers is measured every 5 s, and an alert looks whether it goes on.
	trips := func() string {
		const name = "\ntintype_redis_round_trip_seconds_count "
		_, after, _ := strings.Cut(string(c.call(request{method: http.MethodGet, url: w.base() + "/metrics"}).body), name)
		count, _, _ := strings.Cut(after, "\n")
		return count
	}
	first := trips()
	err = until(ctx, func() error {
		if now := trips(); first == "" || now == first || now == "" {
			return fmt.Errorf("round trips: %q, then %q: %w", first, now, errNotYet)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	w.stop(t)
	c.run(w)
	c.succeeded(c.apis[0], gatewayKey, id)
}
