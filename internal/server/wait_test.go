package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// waiting sets the times of blocking calls.
func waiting(w server.Wait) func(*options) {
	return configure(func(c *server.Config) { c.Wait = w })
}

const ms = time.Millisecond

// spacesBefore reads n spaces from an answer and checks its head.
func spacesBefore(t *testing.T, resp *http.Response, n int) {
	t.Helper()
	h := resp.Header
	if resp.StatusCode != 200 || h.Get("Content-Type") != "application/json" || resp.ContentLength != -1 ||
		h.Get("X-Accel-Buffering") != "no" || h.Get("Cache-Control") != "no-cache, no-transform" || h.Get("X-Job-Id") == "" {
		t.Errorf("head: %d %v", resp.StatusCode, h)
	}
	for range n {
		var b [1]byte
		if _, err := resp.Body.Read(b[:]); err != nil || b[0] != ' ' {
			t.Fatalf("read %q, %v, want a space", b, err)
		}
	}
}

func TestKeepalive(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Silence: 30 * ms, Space: 20 * ms}))
	resp := h.open(t.Context(), http.MethodPost, images, strings.NewReader(`{"prompt":"x"}`))
	defer func() { _ = resp.Body.Close() }()
	spacesBefore(t, resp, 3)
	h.makeImage(job.ID(resp.Header.Get("X-Job-Id")), picture(t, 8, 6))
	var got tintype.MediaResponse
	h.must(json.NewDecoder(resp.Body).Decode(&got))
	if got.ID != resp.Header.Get("X-Job-Id") || len(got.Data) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestWaitGoesByItsOwnClock: the store's clock says when a job's time is over, and
// need not agree with this process's.
func TestWaitGoesByItsOwnClock(t *testing.T) {
	t.Parallel()
	for _, mode := range []server.WaitMode{server.Keepalive, server.Hold, server.Window} {
		h := open(t, waiting(server.Wait{Mode: mode}))
		h.redis.SetTime(time.Now().Add(-30 * time.Minute)) // an image has 10
		h.meanwhile(func() { h.makeImage(h.waitForJob(), picture(t, 8, 6)) })
		if a := h.call(http.MethodPost, images, `{"prompt":"x"}`); a.status != 200 {
			t.Errorf("%s: %d %s", mode, a.status, a.body)
		}
	}
}

func TestKeepaliveFailure(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Silence: 10 * ms, Space: 10 * ms}))
	resp := h.open(t.Context(), http.MethodPost, images, strings.NewReader(`{"prompt":"x"}`))
	defer func() { _ = resp.Body.Close() }()
	spacesBefore(t, resp, 1)
	h.fail(job.ID(resp.Header.Get("X-Job-Id")), fault.New(fault.GenerationFailed, "It went wrong."))
	var got map[string]json.RawMessage
	h.must(json.NewDecoder(resp.Body).Decode(&got))
	if code, _, message := errorOf(t, `{"error":`+string(got["error"])+`}`); code != "generation_failed" || message != "It went wrong." || len(got) != 1 {
		t.Errorf("%s", got)
	}
}

func TestHoldNeverCommitsEarly(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Mode: server.Hold, Silence: ms, Space: ms}))
	h.meanwhile(func() {
		id := h.waitForJob()
		time.Sleep(50 * ms) // the caller waits in the meantime, in silence
		h.fail(id, fault.New(fault.Upstream, "The upstream is away."))
	})
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`)
	if a.status != 502 || a.header.Get("X-Should-Retry") != "false" || strings.HasPrefix(a.body, " ") {
		t.Errorf("%d %v %q", a.status, a.header, a.body)
	}
}

func TestWindowOfAKey(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) {
		c.Wait.Window = 30 * ms
		c.Auth.Keys[0].Mode = server.Window
	}))
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`)
	code, _, _ := errorOf(t, a.body)
	if a.status != 409 || a.header.Get("Retry-After-Ms") != "100" || a.header.Get("X-Job-Id") == "" || code != "wait_timeout" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a.header.Get("X-Should-Retry") != "" {
		t.Error("an SDK is told not to come back")
	}
}

func TestPrefer(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Silence: ms, Space: ms})) // which must not matter here
	for _, tt := range []struct {
		name, prefer, applied string
		atLeast               time.Duration
	}{
		{"async", "respond-async", "respond-async", 0},
		{"async in another case, with others", `handling=lenient, Respond-Async;q=1`, "respond-async", 0},
		{"wait", "wait=1", "wait=1", time.Second},
		{"quoted wait", `wait="1"`, "wait=1", time.Second},
		{"both", "respond-async, wait=1", "respond-async, wait=1", time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Prefer", tt.prefer)
			var got tintype.Job
			h.must(json.Unmarshal([]byte(a.body), &got))
			id := a.header.Get("X-Job-Id")
			if a.status != 202 || got.ID != id || got.Status != tintype.StatusQueued {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a.header.Get("Location") != "/v1/jobs/"+id || a.header.Get("Retry-After") == "" || a.header.Get("Preference-Applied") != tt.applied {
				t.Errorf("headers %v", a.header)
			}
			if took := time.Since(began); took < tt.atLeast {
				t.Errorf("answered after %s", took)
			}
		})
	}
}

func TestPreferWaitGetsTheResult(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.meanwhile(func() { h.makeImage(h.waitForJob(), picture(t, 8, 6)) })
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Prefer", "wait=60")
	if a.status != 200 || a.header.Get("Preference-Applied") != "wait=60" || !strings.Contains(a.body, `"choices"`) {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}

// TestUnknownPreferenceIsIgnored: without a known wish no 202 is sent.
func TestUnknownPreferenceIsIgnored(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.meanwhile(func() { h.makeImage(h.waitForJob(), picture(t, 8, 6)) })
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Prefer", "return=minimal")
	if a.status != 200 || a.header.Get("Preference-Applied") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

// TestLostNews: a waiter whose news is lost is woken by the next look.
func TestLostNews(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.meanwhile(func() {
		id := h.waitForJob()
		h.deaf()
		h.makeImage(id, picture(t, 8, 6))
		h.cfg.News.Look(h.Context())
	})
	if a := h.call(http.MethodPost, images, `{"prompt":"x"}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestDeadlineHandsTheJobOver(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) {
		c.Jobs.ImageDeadline, c.Wait.Slack = 50*ms, 20*ms
	}))
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`) // no worker ends it
	code, _, _ := errorOf(t, a.body)
	id := a.header.Get("X-Job-Id")
	if a.status != 504 || code != "wait_timeout" || a.header.Get("Location") != "/v1/jobs/"+id || a.header.Get("X-Should-Retry") != "false" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if !strings.Contains(a.body, `"job_id":"`+id) {
		t.Errorf("the error does not name the job: %s", a.body)
	}
}

func TestGoneCallerDoesNotStopTheJob(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, h.url+images, strings.NewReader(`{"prompt":"x"}`))
		req.Header.Set("Authorization", "Bearer "+gatewayKey)
		if resp, err := client.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	id := h.waitForJob()
	cancel()
	<-done
	h.eventually(func() bool { return strings.Contains(h.log.String(), `"status":499`) })
	h.makeImage(id, picture(t, 8, 6))
	if a := h.call(http.MethodGet, "/v1/jobs/"+string(id), ""); !strings.Contains(a.body, `"succeeded"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestStoreAwayForAMoment: a waiter outlives a Redis that is away.
func TestStoreAwayForAMoment(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Recheck: 10 * ms}))
	h.meanwhile(func() {
		id := h.waitForJob()
		h.redis.SetError("LOADING away")
		time.Sleep(50 * ms) // some looks fail in the meantime
		h.redis.SetError("")
		h.makeImage(id, picture(t, 8, 6))
	})
	if a := h.call(http.MethodPost, images, `{"prompt":"x"}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestStoreAwayRefuses(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.redis.SetError("LOADING away")
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`)
	h.redis.SetError("")
	if code, _, _ := errorOf(t, a.body); a.status != 503 || code != "service_unavailable" || a.header.Get("X-Should-Retry") != "" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if strings.Contains(a.body, "LOADING") {
		t.Errorf("inner text: %s", a.body)
	}
}

func TestRoomForWaiters(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.Waiting = 1 }))
	resp := h.open(t.Context(), http.MethodPost, images, strings.NewReader(`{"prompt":"x","stream":true}`))
	defer func() { _ = resp.Body.Close() }()
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`)
	if code, _, _ := errorOf(t, a.body); a.status != 503 || code != "queue_full" || a.header.Get("Retry-After") != "5" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if n := len(h.bells()); n != 1 {
		t.Errorf("%d jobs", n)
	}
	h.create(images, `{"prompt":"x"}`) // whoever does not wait needs no place
}

// TestSlowBodyTakesNoPlace: only who waits for a job counts as waiting.
func TestSlowBodyTakesNoPlace(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.Waiting = 1 }))
	conn := h.dial()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n", images, gatewayKey)
	line, err := bufio.NewReader(conn).ReadString('\n') // the server has begun to read the body
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	if a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Prefer", "wait=1"); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
	h.must(conn.Close())
}

// eventually waits until something is so.
func (h *house) eventually(so func() bool) {
	h.Helper()
	tick := time.NewTicker(ms)
	defer tick.Stop()
	for deadline := time.Now().Add(40 * time.Second); !so(); <-tick.C {
		if time.Now().After(deadline) {
			h.Fatal("it did not come about")
		}
	}
}
