package server_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/upstream"
)

// wordy is an upstream whose word on credentials the test gives.
type wordy struct {
	upstream.Driver
	asked atomic.Int32
	say   func(ctx context.Context) error
}

func (w *wordy) Check(ctx context.Context, _ account.Account) error {
	w.asked.Add(1)
	return w.say(ctx)
}

func TestWordOnCredentials(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		err    error
		status int
		asked  int32 // for two requests
	}{
		{"alive is remembered", nil, 202, 1},
		{"refused is remembered", &upstream.Error{Class: upstream.Auth}, 401, 1},
		{"overloaded is no word", &upstream.Error{Class: upstream.Overloaded}, 202, 2},
		{"a timeout is no word", &upstream.Error{Class: upstream.Timeout}, 202, 2},
		{"a risk check is no word", &upstream.Error{Class: upstream.RiskControl}, 202, 2},
		{"something else is no word", errors.New("what"), 202, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := &wordy{say: func(context.Context) error { return tt.err }}
			h := open(t, configure(func(c *server.Config) { w.Driver, c.Drivers = c.Drivers["ark"], map[string]upstream.Driver{"ark": w} }))
			for range 2 {
				if a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Authorization", "Bearer mine", "Prefer", "respond-async"); a.status != tt.status {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			if n := w.asked.Load(); n != tt.asked {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// TestQuestionOutlivesItsCaller: a caller that goes away does not spoil the
// word for others.
func TestQuestionOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	began, gone := make(chan struct{}), make(chan struct{})
	var left error
	w := &wordy{say: func(ctx context.Context) error {
		close(began)
		<-gone
		left = ctx.Err()
		return nil
	}}
	h := open(t, configure(func(c *server.Config) { w.Driver, c.Drivers = c.Drivers["ark"], map[string]upstream.Driver{"ark": w} }))
	h.hangUp(began, http.MethodPost, images, `{"prompt":"x"}`, "Authorization: Bearer mine")
	close(gone)
	if a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Authorization", "Bearer mine", "Prefer", "respond-async"); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if left != nil || w.asked.Load() != 1 {
		t.Errorf("the question ended with its caller: %v, asked %d times", left, w.asked.Load())
	}
}

// hangUp makes a request and goes away once it has begun; the server has
// noticed when it returns.
func (h *house) hangUp(began <-chan struct{}, method, path, body, header string) {
	h.Helper()
	conn := h.dial()
	_, err := conn.Write([]byte(method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + header + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body))
	h.must(err)
	<-began
	h.must(conn.Close())
	time.Sleep(50 * ms) // the server's side of it; nothing shows that it has noticed
}

// slowBucket answers its Check when it is told to.
type slowBucket struct {
	blob.Store
	began, end chan struct{}
}

func (b *slowBucket) Check(ctx context.Context) error {
	close(b.began)
	<-b.end
	return ctx.Err()
}

// TestImpatientProber: a prober that goes away leaves no failure behind.
func TestImpatientProber(t *testing.T) {
	t.Parallel()
	b := &slowBucket{began: make(chan struct{}), end: make(chan struct{})}
	h := open(t, configure(func(c *server.Config) { b.Store = c.Blobs; c.Blobs = b }))
	h.hangUp(b.began, http.MethodGet, "/readyz", "", "Accept: */*")
	close(b.end)
	if a := h.call(http.MethodGet, "/readyz", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestMaybeBilledIsNotRepeated: a chat whose outcome nobody knows is not sent
// again by an SDK.
func TestMaybeBilledIsNotRepeated(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, tt := range []struct{ tag, key, want string }{
		{"sim:drop", gatewayKey, "false"}, {"sim:drop", "sim-own", "false"}, {"sim:empty", gatewayKey, "false"}, {"hello", "sim-limited", ""},
	} {
		for _, more := range []string{"", `,"stream":true`} {
			a := h.call(http.MethodPost, chats, ask(tt.tag, more), "Authorization", "Bearer "+tt.key)
			if a.status < 400 || a.header.Get("X-Should-Retry") != tt.want {
				t.Errorf("%s%s: %d %q %s", tt.tag, more, a.status, a.header.Get("X-Should-Retry"), a.body)
			}
		}
	}
}
