package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestPlacesOfATenant: one credential cannot take all places, by any way of
// waiting; others still have theirs, and a place that was left is free.
func TestPlacesOfATenant(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.WaitingOfOne, c.Limits.Waiting = 2, 3 }))
	id := h.create(videos, `{"prompt":"x"}`)
	at := "/v1/jobs/" + string(id)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hold := func(ctx context.Context, path string, headers ...string) *http.Response {
		resp := h.open(ctx, http.MethodGet, path, http.NoBody, headers...)
		t.Cleanup(func() { _ = resp.Body.Close() })
		if resp.StatusCode != 200 {
			t.Fatalf("%s: %d", path, resp.StatusCode)
		}
		return resp
	}
	first := hold(ctx, at+"/events")
	hold(ctx, videos+"/"+string(id)+"/events")
	jobs := len(h.bells())
	for _, tt := range [][3]string{
		{"GET", at + "/events", ""},
		{"GET", videos + "/" + string(id) + "/events", ""},
		{"GET", at + "?wait=60", ""},
		{"POST", images, `{"prompt":"x"}`},
		{"POST", images, `{"prompt":"x","stream":true}`},
	} {
		a := h.call(tt[0], tt[1], tt[2])
		code, _, message := errorOf(t, a.body)
		if a.status != 429 || code != "rate_limit_exceeded" || a.header.Get("Retry-After") != "5" || !strings.Contains(message, "limits.waiting_per_tenant") {
			t.Errorf("%s %s: %d %v %s", tt[0], tt[1], a.status, a.header, a.body)
		}
	}
	if n := len(h.bells()); n != jobs {
		t.Errorf("%d jobs were made for nobody", n-jobs)
	}
	other := h.create(videos, `{"prompt":"x"}`, "Authorization", "Bearer "+otherKey)
	hold(ctx, "/v1/jobs/"+string(other)+"/events", "Authorization", "Bearer "+otherKey)
	a := h.call(http.MethodGet, "/v1/jobs/"+string(other)+"/events", "", "Authorization", "Bearer "+otherKey)
	if code, _, _ := errorOf(t, a.body); a.status != 503 || code != "queue_full" || a.header.Get("Retry-After") != "5" {
		t.Errorf("all places are taken: %d %s", a.status, a.body)
	}
	_ = first.Body.Close()
	h.eventually(func() bool { return h.metric(`tintype_http_waiters{kind="stream"}`) == "2" })
	if got := h.metric("tintype_http_waiters_limit"); got != "3" {
		t.Errorf("%q may wait", got)
	}
	hold(ctx, at+"/events")
}

// TestSlowStream: a reader that stops reading is cut off and hurts nobody; it has
// the rest of the log when it comes back.
func TestSlowStream(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.WriteStall = 300 * ms }))
	id := h.create(videos, `{"prompt":"x"}`)
	last := h.fatten(id, 25) // its story is longer than the kernel takes in for who does not read
	path := "/v1/jobs/" + string(id) + "/events"
	conn := h.dial()
	h.must(conn.(*net.TCPConn).SetReadBuffer(4 << 10))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, gatewayKey)
	_, fs := h.stream(http.MethodGet, path+"?after="+strconv.Itoa(last-1), "")
	if f := fs.next(); f.field("retry") != "2000" {
		t.Errorf("the other reader begins with %q", f)
	}
	h.eventually(func() bool { return strings.Contains(h.log.String(), "i/o timeout") })
	h.meanwhile(func() { h.makeVideo(id) })
	all := fs.rest()
	if got := all[len(all)-1].event(t); got.Type != tintype.EventSucceeded {
		t.Errorf("the other reader was told of %s at last", got.Type)
	}
	_, fs = h.stream(http.MethodGet, path, "", "Last-Event-ID", strconv.Itoa(last-1))
	if again := fs.rest(); len(again) != len(all)+1 { // and the line with retry
		t.Errorf("who comes back is told %d, of %d", len(again), len(all))
	}
}

// fatten adds files with endless names to a job's log, all of which each event
// then tells, and gives the number of the last.
func (h *house) fatten(id job.ID, n int) int {
	h.Helper()
	ctx := h.Context()
	file, err := json.Marshal(job.Media{Name: strings.Repeat("x", 10<<10), Role: job.Primary})
	h.must(err)
	at := int(h.get(id).Version)
	for range n {
		at++
		h.must(h.rdb.XAdd(ctx, &redis.XAddArgs{
			Stream: "{tt}:ev:" + string(id), ID: strconv.Itoa(at) + "-0",
			Values: []any{"type", "job.media", "at", time.Now().UnixMilli(), "state", "queued", "phase", "", "media", file},
		}).Err())
	}
	h.must(h.rdb.HSet(ctx, "{tt}:job:"+string(id), "ver", at).Err())
	return at
}
