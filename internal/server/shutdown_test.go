package server_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/server"
)

func TestShutdownHandsOver(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *options) { o.grace = 2 * time.Second })
	_, fs := h.stream(http.MethodPost, images, `{"prompt":"x","stream":true}`)
	_, events := h.stream(http.MethodGet, "/v1/jobs/"+string(h.waitForJob())+"/events", "")
	blocking := make(chan answer, 1)
	h.meanwhile(func() { blocking <- h.call(http.MethodPost, images, `{"prompt":"y"}`) })
	h.eventually(func() bool { return len(h.bells()) == 2 })
	h.stop()
	a := <-blocking
	id := a.header.Get("X-Job-Id")
	if code, _, _ := errorOf(t, a.body); a.status != 504 || code != "wait_timeout" || a.header.Get("Location") != "/v1/jobs/"+id || id == "" {
		t.Errorf("blocking: %d %v %s", a.status, a.header, a.body)
	}
	for name, s := range map[string]*frames{"chunks": fs, "events": events} {
		for _, f := range s.rest() { // fails if it breaks off
			if f.field("data") == "[DONE]" || strings.Contains(f.field("data"), `"error"`) {
				t.Errorf("%s pretend to be finished: %q", name, f)
			}
		}
	}
}

// TestShutdownWaits: a job that ends within the grace is answered.
func TestShutdownWaits(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *options) { o.grace = 20 * time.Second })
	blocking := make(chan answer, 1)
	h.meanwhile(func() { blocking <- h.call(http.MethodPost, images, `{"prompt":"y"}`) })
	id := h.waitForJob()
	stopped := make(chan struct{})
	go func() {
		h.stop()
		close(stopped)
	}()
	h.eventually(func() bool { return strings.Contains(h.log.String(), "stopping") })
	h.makeImage(id, picture(t, 8, 6))
	if a := <-blocking; a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	<-stopped
}

// TestShutdownDelay: readiness goes first, calls are still taken, each as the last one
// on its connection.
func TestShutdownDelay(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *options) {
		o.grace = 8 * time.Second
		o.config = func(c *server.Config) { c.Shutdown.Delay = 3 * time.Second }
	})
	stopped := make(chan struct{})
	go func() {
		h.stop()
		close(stopped)
	}()
	h.eventually(func() bool { return h.call(http.MethodGet, "/readyz", "").status == 503 })
	if a := h.call(http.MethodGet, "/v1/models", ""); a.status != 200 {
		t.Errorf("%d", a.status)
	}
	keeping := &http.Client{Transport: &http.Transport{}} // unlike the other tests' client
	resp, err := keeping.Get(h.url + "/healthz")
	h.must(err)
	_ = resp.Body.Close()
	if !resp.Close {
		t.Error("a connection is kept on which the next call would be cut")
	}
	<-stopped
	if _, err := client.Get(h.url + "/healthz"); !isRefused(err) {
		t.Errorf("after the end: %v", err)
	}
}

func isRefused(err error) bool {
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && strings.Contains(err.Error(), "refused")
}

func TestGoodbye(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]time.Duration{
		500 * ms: 250 * ms, time.Second: 500 * ms, 2 * time.Second: time.Second, 3 * time.Second: time.Second,
		7500 * ms: 1500 * ms, time.Minute: 2 * time.Second,
	} {
		if got := server.Goodbye(left); got != want {
			t.Errorf("of %s: %s, want %s", left, got, want)
		}
	}
}
