package ark_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

// submits sends an image and a video through a driver and expects both to end
// alike.
func submits(t *testing.T, d *ark.Driver, class upstream.Class, outcome upstream.Outcome) {
	t.Helper()
	for _, s := range []upstream.Submission{image("x"), video("x")} {
		_, err := d.Submit(t.Context(), acc(), s)
		e := fails(t, err)
		if e.Class != class || e.Outcome != outcome {
			t.Errorf("%s: got %v\nwant %s, %s", s.Spec.Kind, e, class, outcome)
		}
		want := fault.Upstream
		if outcome == upstream.Ambiguous {
			want = fault.OutcomeUnknown
		}
		wantFault(t, e.Fault, want, "")
	}
}

// TestAmbiguous: from the first byte on, nothing but a complete answer says how
// a submission ended, and it is never sent again.
func TestAmbiguous(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer http.HandlerFunc
		class  upstream.Class
	}{
		{"closes", hijack(""), upstream.Transient},
		{"resets", reset, upstream.Transient},
		{"head cut off", hijack("HTTP/1.1 200 OK\r\nContent-Le"), upstream.Transient},
		{"body cut off", hijack("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"id\":\"cgt-1\"}"), upstream.Transient},
		{"chunks cut off", hijack("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n{\"id\":\"cgt-1\"}\r\n"), upstream.Transient},
		{"refusal cut off", hijack("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\n{\"error\":"), upstream.Transient},
		{"not HTTP", hijack("hello\r\n\r\n"), upstream.Transient},
		{"half the JSON", reply(200, `{"id":"cgt-1`), upstream.Unknown},
		{"html", reply(200, `<html>`), upstream.Unknown},
		{"empty", reply(200, ``), upstream.Empty},
		{"accepted, without more", reply(202, ``), upstream.Empty},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, upstream.Empty},
		{"nothing in it", reply(200, `{}`), upstream.Empty},
		{"list", reply(200, `[]`), upstream.Unknown},
		{"500", reply(500, `{"error":{"code":"InternalServiceError","message":"m"}}`), upstream.Transient},
		{"500 without words", reply(500, ``), upstream.Transient},
		{"502", reply(502, `<html>`), upstream.Transient},
		{"503", reply(503, `<html>`), upstream.Overloaded},
		{"504", reply(504, `<html>`), upstream.Transient},
		{"301", redirect(301), upstream.Unknown},
		{"302", redirect(302), upstream.Unknown},
		{"303", redirect(303), upstream.Unknown},
		{"307", redirect(307), upstream.Unknown},
		{"308", redirect(308), upstream.Unknown},
		{"408 of a server in between", reply(408, `<html>`), upstream.Unknown},
		{"409 of a server in between", reply(409, `<html>`), upstream.Unknown},
		{"499 of a server in between", reply(499, `<html>`), upstream.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, tt.answer)
			submits(t, driver(t, w.URL), tt.class, upstream.Ambiguous)
			if n := len(w.requests()); n != 2 {
				t.Errorf("%d requests for two submissions", n)
			}
		})
	}
}

// TestRejectedByServerBetween: these statuses come before a request is handed on.
func TestRejectedByServerBetween(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 405, 413, 414, 415, 422, 429, 431} {
		w := newWire(t, reply(status, `<html>`))
		_, err := driver(t, w.URL).Submit(t.Context(), acc(), video("x"))
		if e := fails(t, err); e.Outcome != upstream.Rejected {
			t.Errorf("%d: got %v", status, e)
		}
		w.only(t)
	}
}

func TestHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	w := newWire(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	submits(t, driver(t, w.URL, hasty), upstream.Timeout, upstream.Ambiguous)
	if n := len(w.requests()); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestHangsInBody(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	w := newWire(t, func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, `{"id":`)
		_ = http.NewResponseController(rw).Flush()
		<-release
	})
	t.Cleanup(func() { close(release) })
	submits(t, driver(t, w.URL, hasty), upstream.Timeout, upstream.Ambiguous)
}

func TestNotSent(t *testing.T) {
	t.Parallel()
	tlsServer := httptest.NewUnstartedServer(reply(200, created))
	tlsServer.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it complains of us, rightly
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)
	silentAddr := listen(t, func(net.Conn) {})
	rude := listen(t, func(c net.Conn) { _ = c.Close() })
	tests := []struct {
		name, base string
		class      upstream.Class
	}{
		{"refused", "http://" + unused(t), upstream.Transient},
		{"no such name", "http://no-such-host.invalid", upstream.Transient},
		{"certificate of nobody", tlsServer.URL, upstream.Transient},
		{"no TLS there", "https://" + rude, upstream.Transient},
		{"TLS never answers", "https://" + silentAddr, upstream.Timeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			change := func(c *ark.Config) { c.ImageTimeout, c.VideoTimeout = 20*time.Second, 20*time.Second }
			if tt.class == upstream.Timeout {
				change = hasty
			}
			submits(t, driver(t, tt.base, change), tt.class, upstream.NotSent)
		})
	}
}

func TestNotSentAfterContextEnded(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, created))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := driver(t, w.URL).Submit(ctx, acc(), video("x"))
	if e := fails(t, err); e.Outcome != upstream.NotSent || len(w.requests()) != 0 {
		t.Errorf("got %v", e)
	}
}

// TestNotSentWhileDialing: a context that ends before there is a connection.
func TestNotSentWhileDialing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	d := driver(t, "http://127.0.0.1:1", func(c *ark.Config) {
		c.Network.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	_, err := d.Submit(ctx, acc(), video("x"))
	if e := fails(t, err); e.Outcome != upstream.NotSent {
		t.Errorf("got %v", e)
	}
}

// TestCanceledOnTheWire: a caller that gives up does not make it unsent.
func TestCanceledOnTheWire(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	w := newWire(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := driver(t, w.URL).Submit(ctx, acc(), video("x"))
	if e := fails(t, err); e.Outcome != upstream.Ambiguous {
		t.Errorf("got %v", e)
	}
	w.only(t)
}

// TestOneConnectionPerSubmission: a server that hangs up on every connection
// after its first answer would, with connections that are used again, either
// lose a submission or make net/http send it twice.
func TestOneConnectionPerSubmission(t *testing.T) {
	t.Parallel()
	var conns, posts atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		posts.Add(1)
		reply(200, created)(w, r)
	}))
	srv.Config.ConnState = func(c net.Conn, s http.ConnState) {
		switch s { //nolint:exhaustive // the other states do not matter here
		case http.StateNew:
			conns.Add(1)
		case http.StateIdle:
			_ = c.Close()
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	d := driver(t, srv.URL)
	const n = 200
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range n / 4 {
				if _, err := d.Submit(t.Context(), acc(), video("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if conns.Load() != n || posts.Load() != n {
		t.Errorf("%d connections and %d requests for %d submissions", conns.Load(), posts.Load(), n)
	}
}

// TestChatIsNotSentTwice: chat uses connections again. A server that reads a
// request on an old one and hangs up must not get it a second time.
func TestChatIsNotSentTwice(t *testing.T) {
	t.Parallel()
	var posts atomic.Int64
	addr := listen(t, func(c net.Conn) {
		defer func() { _ = c.Close() }()
		r := bufio.NewReader(c)
		for i := range 2 {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			posts.Add(1)
			if i == 0 {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n"+`{"choices":[{"message":{"content":"a"}}]}`[:40])
			}
		}
	})
	d := driver(t, "http://"+addr)
	const n = 20
	for range n {
		_, _ = d.Chat(t.Context(), acc(), chat())
	}
	if posts.Load() != n {
		t.Errorf("%d requests for %d calls", posts.Load(), n)
	}
}

// TestTLS: a server that offers HTTP/2, which sends requests again on its own
// terms, is still spoken to in HTTP/1.1.
func TestTLS(t *testing.T) {
	t.Parallel()
	protos := make(chan string, 2)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		protos <- r.Proto
		if r.URL.Path == "/chat/completions" {
			reply(200, wholeAnswer)(w, r)
			return
		}
		reply(200, created)(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	d := driver(t, srv.URL, func(c *ark.Config) { c.Network.TLS = &tls.Config{RootCAs: roots} })
	if _, err := d.Submit(t.Context(), acc(), video("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Chat(t.Context(), acc(), chat()); err != nil {
		t.Fatal(err)
	}
	if a, b := <-protos, <-protos; a != "HTTP/1.1" || b != "HTTP/1.1" {
		t.Errorf("spoke %s and %s", a, b)
	}
}

func redirect(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}
}

// hijack writes this to the connection and closes it.
func hijack(raw string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(c, raw)
		_ = c.Close()
	}
}

// reset ends the connection with a RST.
func reset(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// listen serves raw connections and closes them all at the end of the test.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return ln.Addr().String()
}

// unused is an address that nobody listens on.
func unused(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	return ln.Addr().String()
}
