package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/server"
)

// TestPriority: a request may ask for less than its key has, and for no more.
func TestPriority(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key, asked string
		status     int
		says       string
	}{
		{"", `"low"`, 202, ""},
		{"", `"normal"`, 202, ""},
		{"", `"high"`, 400, `priority: this key's jobs have \"normal\" at most`},
		{"high", `"high"`, 202, ""},
		{"high", `"low"`, 202, ""},
		{"low", `"normal"`, 400, "at most"},
		{"high", `"urgent"`, 400, `priority: must be \"high\", \"normal\" or \"low\".`},
		{"", `1`, 400, "priority"},
	} {
		h := open(t, configure(func(c *server.Config) { c.Auth.Keys[0].Priority = job.Priority(tt.key) }))
		a := h.call(http.MethodPost, images, `{"prompt":"x","priority":`+tt.asked+`}`, "Prefer", "respond-async")
		if a.status != tt.status || !strings.Contains(a.body, tt.says) {
			t.Errorf("%s of a key with %q: %d %s", tt.asked, tt.key, a.status, a.body)
		}
		if a.status != 400 {
			continue
		}
		if _, param, _ := errorOf(t, a.body); param != "priority" {
			t.Errorf("%s: param %q", tt.asked, param)
		}
	}
}

// TestLimitsOfAKey: what is over a key's limits waits with an honest place, and only
// a full line is refused.
func TestLimitsOfAKey(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) {
		c.Fairness.Limits = redisstore.TenantLimits{Running: 50, Waiting: 50}
		c.Auth.Keys[0].Limits = redisstore.TenantLimits{Running: 1, Waiting: 1}
	}))
	ask := func() answer { return h.call(http.MethodPost, images, `{"prompt":"x"}`, "Prefer", "respond-async") }
	if a := ask(); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	waiting := ask()
	if waiting.status != 202 || !strings.Contains(waiting.body, `"queue":{"position":0,"depth":1}`) {
		t.Errorf("%d %s", waiting.status, waiting.body)
	}
	full := ask()
	if code, _, _ := errorOf(t, full.body); full.status != 503 || code != "queue_full" || full.header.Get("Retry-After") != "10" {
		t.Errorf("%d %v %s", full.status, full.header, full.body)
	}
}

// TestImagesCountEach: a job of several images takes as much of its tenant's share
// as several jobs.
func TestImagesCountEach(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models, c.Fairness.ImageCost = rich(t), 3 }))
	for body, want := range map[string]string{`{"prompt":"x"}`: "3", `{"prompt":"x","n":1}`: "3", `{"prompt":"x","n":4}`: "12"} {
		id, got := h.create(images, body), []string(nil)
		for _, key := range h.redis.Keys() {
			if cost, err := h.rdb.HGet(t.Context(), key, "cost").Result(); err == nil && strings.HasSuffix(key, string(id)) {
				got = append(got, cost)
			}
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s costs %q, want %s", body, got, want)
		}
	}
}
