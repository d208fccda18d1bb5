package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/server"
)

// TestBodyBudget: bodies of all callers together have a limit, and what was
// held is given back.
func TestBodyBudget(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.BodyBudget = 96 << 10 }))
	// One caller holds the most of it, and does not go on. Whichever of two comes
	// first has the room, so it is tried until one holds.
	var holders []net.Conn
	hold := func() {
		conn := h.dial()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100000\r\n\r\n%s", images, gatewayKey, strings.Repeat(" ", 60<<10))
		holders = append(holders, conn)
	}
	large := `{"prompt":"x","padding":"` + strings.Repeat("a", 40<<10) + `"}`
	for _, path := range []string{images, chats} {
		var a answer
		h.eventually(func() bool {
			hold()
			a = h.call(http.MethodPost, path, large, "Prefer", "respond-async")
			return a.status == 503
		})
		if code, _, _ := errorOf(t, a.body); code != "queue_full" || a.header.Get("Retry-After") != "1" || a.header.Get("X-Should-Retry") == "false" {
			t.Errorf("%v %s", a.header, a.body)
		}
	}
	for _, conn := range holders {
		h.must(conn.Close())
	}
	h.eventually(func() bool {
		return h.call(http.MethodPost, images, large, "Prefer", "respond-async").status == 202
	})
	for range 10 { // each of them gives back what it took
		if a := h.call(http.MethodPost, images, large, "Prefer", "respond-async"); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if a := h.call(http.MethodPost, chats, ask(strings.Repeat("a", 40<<10), "")); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
}

// TestDrippingBody: a byte now and then does not keep a request open.
func TestDrippingBody(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.ReadStall = 300 * ms }))
	conn := h.dial()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100000\r\n\r\n{", images, gatewayKey)
	h.meanwhile(func() {
		for range 500 {
			if _, err := conn.Write([]byte(" ")); err != nil {
				return
			}
			time.Sleep(10 * ms) // the caller's own pace
		}
	})
	h.must(conn.SetReadDeadline(time.Now().Add(10 * time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.must(err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 400 {
		t.Errorf("%d", resp.StatusCode)
	}
	h.must(conn.Close())
}

// TestFetchedPicturesAreBudgeted: what callers have fetched counts like what they
// send: a small request must not take more room than a large one.
func TestFetchedPicturesAreBudgeted(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.BodyBudget, c.Limits.FetchTime = 300<<10, 20*time.Second }))
	pic := picture(t, 500, 400) // 200 KB
	begun, goOn := make(chan struct{}), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(pic[:len(pic)-1])
		if r.URL.Path == "/slow" {
			_ = http.NewResponseController(w).Flush()
			close(begun)
			<-goOn
		}
		_, _ = w.Write(pic[len(pic)-1:])
	}))
	t.Cleanup(web.Close)
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	ask := func(path string) answer {
		return h.call(http.MethodPost, images, fmt.Sprintf(`{"prompt":"x","image":%q}`, web.URL+path), "Prefer", "respond-async")
	}
	slow := make(chan answer, 1)
	go func() { slow <- ask("/slow") }()
	<-begun
	h.eventually(func() bool { return ask("/quick").status == 503 })
	if code, _, _ := errorOf(t, ask("/quick").body); code != "queue_full" {
		t.Errorf("the code is %s", code)
	}
	release()
	if a := <-slow; a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for range 5 { // each of them gives back what it took
		if a := ask("/quick"); a.status != 202 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}
