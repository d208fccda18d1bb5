package s3blob_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/tintypehq/tintype/internal/testserver"
)

// proxy stands between a store and its server and spoils what goes through.
// Signatures stay good: the bodies here are not signed.
type proxy struct {
	request  func(*http.Request)                           // of what goes to the server; may be nil
	response func(*http.Response)                          // of what comes back; may be nil
	answer   func(http.ResponseWriter, *http.Request) bool // true: the server is not asked; may be nil
}

// start gives the proxy's URL.
func (p proxy) start(t *testing.T, server *testserver.S3Server) string {
	t.Helper()
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	reverse := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // the signature holds it
			if p.request != nil {
				p.request(r.Out)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if p.response != nil {
				p.response(r)
			}
			return nil
		},
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.answer == nil || !p.answer(w, r) {
			reverse.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		s.Close()
		transport.CloseIdleConnections()
	})
	return s.URL
}

// flip changes one bit of the byte at a place of a body.
func flip(body io.ReadCloser, at int64) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(
		io.LimitReader(body, at),
		&flipOne{body},
		body,
	), body}
}

type flipOne struct{ from io.Reader }

func (f *flipOne) Read(p []byte) (int, error) {
	n, err := io.ReadFull(f.from, p[:1])
	p[0] ^= 1
	if err != nil {
		return n, err
	}
	return n, io.EOF
}

// wire stands between a store and its server and lets only so many bytes of
// each connection through to the server, then calls then with the connection
// to the store.
func wire(t *testing.T, server *testserver.S3Server, limit int64, then func(client net.Conn)) string {
	t.Helper()
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = client.Close() })
			go relay(client, target.Host, limit, then)
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return "http://" + ln.Addr().String()
}

func relay(client net.Conn, to string, limit int64, then func(net.Conn)) {
	up, err := net.Dial("tcp", to)
	if err != nil {
		_ = client.Close()
		return
	}
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(client, up)
		_ = client.Close()
	}()
	n, _ := io.Copy(up, io.LimitReader(client, limit))
	if n == limit {
		then(client)
	}
	_ = up.Close()
	<-back
}
