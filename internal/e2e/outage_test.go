package e2e_test

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestRedisKilled: Redis dies and comes back with its append-only file while
// jobs are in every stage. They go on; callers who wait get their results;
// whoever calls meanwhile is told to come back.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	c := start(t)
	var requests []request
	for i := range 10 {
		path, prompt := imagePath, c.prompt("a cat sim:ready=4s")
		if i%2 == 0 {
			path, prompt = videoPath, c.prompt("waves sim:ready=3s")
		}
		requests = append(requests, request{
			url: c.apis[i/2%2].base() + path, key: pooled, body: encode(fields{"prompt": prompt, "stream": i%5 == 0}),
		})
	}
	calls := make(chan []tried, 1)
	go func() { calls <- c.together(requests) }()
	c.awaitJobs(len(requests))
	if err := c.redis.Kill9(); err != nil {
		t.Fatal(err)
	}
	a := c.call(request{url: c.apis[0].base() + imagePath, key: pooled, body: encode(fields{"prompt": c.prompt("too bad")})})
	t.Logf("a call without Redis is answered after %s", a.took.Round(time.Millisecond))
	o, err := a.object()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range like("body", o, errorBody("service_unavailable", nil)) {
		t.Error(f)
	}
	if a.status != http.StatusServiceUnavailable || a.header.Get("X-Should-Retry") == "false" {
		t.Errorf("without Redis: %d %v", a.status, a.header)
	}
	if err := c.apis[0].ready(t.Context()); err == nil {
		t.Error("the API is ready without Redis")
	}
	<-time.After(time.Second) // how long the outage lasts
	if err := c.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, call := range <-calls {
		id, problem := outcome(call)
		if problem != "" {
			t.Errorf("call %d: %s", i, problem)
		}
		if id != "" {
			c.succeeded(c.apis[i%2], pooled, id)
		}
	}
}

// TestRedisHangs: a Redis that is frozen for longer than a lease costs time and
// nothing else.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	c := start(t)
	ids := []string{
		c.post(c.apis[0], videoPath, gatewayKey, c.prompt("waves sim:ready=2s")),
		c.post(c.apis[1], videoPath, ownKey, c.prompt("waves sim:ready=7s")),
	}
	c.awaitJob(c.apis[0], gatewayKey, ids[0], func(j jobView) bool { return j.Phase == "generating" })
	c.awaitJob(c.apis[0], ownKey, ids[1], func(j jobView) bool { return j.Phase == "generating" })
	if err := c.redis.Stop(); err != nil {
		t.Fatal(err)
	}
	<-time.After(lease + time.Second)
	if err := c.redis.Cont(); err != nil {
		t.Fatal(err)
	}
	c.succeeded(c.apis[0], gatewayKey, ids[0])
	c.succeeded(c.apis[1], ownKey, ids[1])
}

// TestBucketKilled: media that cannot be stored now is stored later.
func TestBucketKilled(t *testing.T) {
	t.Parallel()
	c := start(t)
	id := c.post(c.apis[0], videoPath, gatewayKey, c.prompt("waves sim:ready=2s sim:size=2MB"))
	c.awaitJob(c.apis[0], gatewayKey, id, func(j jobView) bool { return j.Phase == "generating" })
	if err := c.s3.Kill9(); err != nil {
		t.Fatal(err)
	}
	c.awaitJob(c.apis[0], gatewayKey, id, func(j jobView) bool { return j.Status == "mirroring" })
	<-time.After(time.Second) // time to fail at it
	if err := c.s3.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.succeeded(c.apis[1], gatewayKey, id)
}

// TestPowerCut: everything dies at once, Redis too, and comes back. Jobs that
// the upstream had accepted end well.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	c := start(t)
	var ids []string
	for range 3 {
		ids = append(ids, c.post(c.apis[0], videoPath, gatewayKey, c.prompt("waves sim:ready=5s")))
	}
	for _, id := range ids {
		c.awaitJob(c.apis[1], gatewayKey, id, func(j jobView) bool { return j.Phase == "generating" })
	}
	waiting := c.post(c.apis[1], imagePath, holdKey, c.prompt("a cat"))
	all := append(slices.Clone(c.apis), c.workers...)
	for _, p := range all {
		p.kill9(t)
	}
	if err := c.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.s3.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.run(all...)
	for _, id := range ids {
		c.succeeded(c.apis[1], gatewayKey, id)
	}
	// This one may have been on the wire: then nobody may send it again.
	j := c.awaitJob(c.apis[0], holdKey, waiting, jobView.final)
	if j.Status != "succeeded" && (j.Error == nil || j.Error.Code != "submit_outcome_unknown") {
		t.Errorf("the job that was just posted is %s: %+v", j.Status, j.Error)
	}
}
