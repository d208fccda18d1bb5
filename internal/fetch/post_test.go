package fetch_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fetch"
)

func TestPost(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if _, there := r.Header["Idempotency-Key"]; there || err != nil || string(b) != "letter" || r.ContentLength != 6 || r.Header.Get("X-A") != "b" || r.UserAgent() != "tester" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/taken", http.StatusPermanentRedirect)
		case "/busy":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(content); err != nil {
					return
				}
			}
		case "/trickle":
			w.WriteHeader(http.StatusAccepted)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/silent":
			<-r.Context().Done()
		}
	})
	c := newClient(t, func(c *fetch.Config) { c.UserAgent, c.Timeout = "tester", 3*time.Second })
	began := time.Now()
	for path, want := range map[string]fetch.Reply{
		"/taken": {Status: 200}, "/redirect": {Status: 308}, "/busy": {Status: 503, RetryAfter: 7 * time.Second},
		"/endless": {Status: 200}, "/trickle": {Status: 202},
	} {
		got, err := c.Post(t.Context(), s.URL+path, http.Header{"X-A": {"b"}}, []byte("letter"))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", path, got, err, want)
		}
	}
	if _, err := c.Post(t.Context(), s.URL+"/silent", http.Header{"X-A": {"b"}}, []byte("letter")); !errors.Is(err, fetch.ErrUnreachable) || time.Since(began) < 3*time.Second {
		t.Errorf("silent: %v after %s", err, time.Since(began))
	}
}

// TestOnlyAllowed: what is not in AllowPrivate is refused when it is dialed, be it
// as public as may be.
func TestOnlyAllowed(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	far, reached := listen2(t)
	c := newClient(t, func(c *fetch.Config) { c.OnlyAllowed = true })
	if got, err := c.Post(t.Context(), s.URL, nil, nil); err != nil || got.Status != 200 {
		t.Errorf("%+v, %v", got, err)
	}
	open := newClient(t, func(c *fetch.Config) { c.AllowPrivate = []netip.Prefix{loopback} })
	for _, to := range []string{far, "http://93.184.216.34/", "https://[2606:2800:220:1::1]/"} {
		if _, err := c.Post(t.Context(), to, nil, nil); !errors.Is(err, fetch.ErrForbidden) || strings.Contains(fmt.Sprint(err), to) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if _, err := open.Post(t.Context(), far, nil, nil); !errors.Is(err, fetch.ErrForbidden) || len(reached) != 0 {
		t.Errorf("%v, reached %d times", err, len(reached))
	}
}
