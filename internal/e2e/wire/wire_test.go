package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/e2e/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of these tests; moment is how long nothing must come.
const (
	patience = 10 * time.Second
	moment   = 100 * time.Millisecond
)

// echo gives a proxy in front of a server that says back what it hears, and
// what the server has heard.
func echo(t *testing.T) (*wire.Proxy, *atomic.Int64) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, io.TeeReader(conn, counter{heard}))
			}()
		}
	}()
	p, err := wire.Start(t.Context(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		_ = ln.Close()
		<-done
	})
	return p, heard
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

func dial(t *testing.T, p *wire.Proxy) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// say sends a word and gives what comes back of it.
func say(conn net.Conn, word string) (string, error) {
	if _, err := io.WriteString(conn, word); err != nil {
		return "", err
	}
	back := make([]byte, len(word))
	n, err := io.ReadFull(conn, back)
	return string(back[:n]), err
}

func mustSay(t *testing.T, conn net.Conn, word string) {
	t.Helper()
	if back, err := say(conn, word); back != word || err != nil {
		t.Fatalf("%q came back as %q, %v", word, back, err)
	}
}

func set(t *testing.T, p *wire.Proxy, m wire.Mode) {
	t.Helper()
	if err := p.Set(m); err != nil {
		t.Fatal(err)
	}
}

func TestPassesAnEndOn(t *testing.T) {
	t.Parallel()
	p, _ := echo(t)
	conn := dial(t, p)
	mustSay(t, conn, "hello")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(conn); len(rest) != 0 || err != nil {
		t.Errorf("after the end came %q, %v", rest, err)
	}
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	p, _ := echo(t)
	conn := dial(t, p)
	mustSay(t, conn, "hello")
	set(t, p, wire.Refuse)
	if _, err := say(conn, "again"); err == nil {
		t.Error("the connection lives")
	}
	if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new connection: %v", err)
	}
	set(t, p, wire.Pass)
	mustSay(t, dial(t, p), "hello")
}

func TestHole(t *testing.T) {
	t.Parallel()
	p, heard := echo(t)
	conn := dial(t, p)
	mustSay(t, conn, "hello")
	before := heard.Load()
	set(t, p, wire.Hole)
	if _, err := io.WriteString(conn, "again"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(moment)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 8)); n != 0 || heard.Load() != before {
		t.Errorf("%d bytes came back (%v), the server heard %d more", n, err, heard.Load()-before)
	}
	set(t, p, wire.Pass)
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, 5)
	if _, err := io.ReadFull(conn, back); err != nil || string(back) != "again" {
		t.Errorf("after it came %q, %v", back, err)
	}
}

// TestClosesWithinAHole: what is held ends with the proxy.
func TestClosesWithinAHole(t *testing.T) {
	t.Parallel()
	p, _ := echo(t)
	conn := dial(t, p)
	mustSay(t, conn, "hello")
	set(t, p, wire.Hole)
	if _, err := io.WriteString(conn, "again"); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if rest, err := io.ReadAll(conn); len(rest) != 0 || err == nil {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	p, _ := echo(t)
	conn := dial(t, p)
	p.Delay(moment)
	began := time.Now()
	mustSay(t, conn, "hello")
	if took := time.Since(began); took < 2*moment { // there and back
		t.Errorf("it took %s", took)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	p, _ := echo(t)
	conn := dial(t, p)
	mustSay(t, conn, "hello")
	p.Cut()
	if back, err := say(conn, "again"); err == nil {
		t.Errorf("%q came back", back)
	}
	mustSay(t, dial(t, p), "hello")
}

func TestCutAfter(t *testing.T) {
	t.Parallel()
	p, heard := echo(t)
	p.CutAfter(7)
	conn := dial(t, p)
	if back, err := say(conn, "hello"); err == nil || len(back) > 2 {
		t.Errorf("%q came back, %v", back, err)
	}
	if n := heard.Load(); n != 5 {
		t.Errorf("the server heard %d bytes", n)
	}
	mustSay(t, dial(t, p), "hello, hello")
}

// TestDropReply: the server has heard the request, and the client never knows.
func TestDropReply(t *testing.T) {
	t.Parallel()
	p, heard := echo(t)
	conn, other := dial(t, p), dial(t, p)
	done := p.DropReply(holds("pay"), nil)
	mustSay(t, conn, "ask")
	if back, err := say(conn, "pay"); err == nil || back != "" {
		t.Errorf("%q came back, %v", back, err)
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("nothing was dropped")
	}
	if n := heard.Load(); n != 6 {
		t.Errorf("the server heard %d bytes", n)
	}
	mustSay(t, other, "pay")
}

func holds(word string) func([]byte) bool {
	return func(b []byte) bool { return bytes.Contains(b, []byte(word)) }
}

// TestDropReplyThatHolds: replies that do not hold it come through.
func TestDropReplyThatHolds(t *testing.T) {
	t.Parallel()
	p, _ := echo(t)
	conn := dial(t, p)
	done := p.DropReply(holds("pay"), holds("paid"))
	mustSay(t, conn, "pay 1")
	mustSay(t, conn, "pay 2")
	if back, err := say(conn, "pay, paid"); err == nil || back != "" {
		t.Errorf("%q came back, %v", back, err)
	}
	<-done
}

// object is an HTTP proxy in front of a server that keeps what is put.
func object(t *testing.T) (h *wire.HTTP, put func(body string) (int, error), kept *atomic.Int64) {
	t.Helper()
	kept = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if n, err := io.Copy(io.Discard, r.Body); err == nil {
			kept.Add(n)
		}
	}))
	h, err := wire.StartHTTP(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	t.Cleanup(func() {
		h.Close()
		server.Close()
		client.CloseIdleConnections()
	})
	return h, func(body string) (int, error) {
		req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPut, h.URL+"/k", strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}, kept
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	h, put, kept := object(t)
	h.Spoil(wire.Refusing(http.MethodPut, http.StatusServiceUnavailable, 2))
	for i, want := range []int{503, 503, 200} {
		if status, err := put("four"); status != want || err != nil {
			t.Errorf("refusing two: PUT %d gives %d, %v", i+1, status, err)
		}
	}
	h.Spoil(wire.Slowing(http.MethodPut, moment, 1))
	began := time.Now()
	if status, err := put("four"); status != 200 || err != nil || time.Since(began) < moment {
		t.Errorf("slowing: %d, %v after %s", status, err, time.Since(began))
	}
	h.Spoil(wire.Cutting(http.MethodPut, 2, 3))
	for i, whole := range []bool{true, false, true} {
		if status, err := put("four"); (err == nil) != whole {
			t.Errorf("cutting the second: PUT %d gives %d, %v", i+1, status, err)
		}
	}
	h.Spoil(nil)
	if status, err := put("four"); status != 200 || err != nil {
		t.Errorf("passing: %d, %v", status, err)
	}
	if n := kept.Load(); n != 5*4 {
		t.Errorf("the server kept %d bytes", n)
	}
}
