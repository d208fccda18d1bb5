package wire

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Spoiler decides what becomes of a request: it answers it, or hands it to pass,
// or breaks it off by panic([http.ErrAbortHandler]).
type Spoiler func(w http.ResponseWriter, r *http.Request, pass http.Handler)

// HTTP is an HTTP proxy that leaves what it passes as it is, so that signatures
// stay good. Its methods are safe for concurrent use.
type HTTP struct {
	URL string

	server    *http.Server
	transport *http.Transport
	serving   sync.WaitGroup
	pass      http.Handler
	spoil     atomic.Pointer[Spoiler]
}

// StartHTTP makes a proxy to a server, such as http://127.0.0.1:9000. The caller
// closes it.
func StartHTTP(ctx context.Context, target string) (*HTTP, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &HTTP{URL: "http://" + ln.Addr().String(), transport: &http.Transport{DisableCompression: true}}
	h.pass = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
		Transport: h.transport, FlushInterval: -1,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	h.server = &http.Server{Handler: h, ReadHeaderTimeout: dialWithin}
	h.serving.Go(func() { _ = h.server.Serve(ln) }) // it ends by Close
	return h, nil
}

// ServeHTTP spoils a request or passes it on.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if spoil := h.spoil.Load(); spoil != nil {
		(*spoil)(w, r, h.pass)
		return
	}
	h.pass.ServeHTTP(w, r)
}

// Spoil sees to all requests from now on; nil passes them.
func (h *HTTP) Spoil(s Spoiler) {
	if s == nil {
		h.spoil.Store(nil)
		return
	}
	h.spoil.Store(&s)
}

// Close ends the proxy and what goes through it.
func (h *HTTP) Close() {
	_ = h.server.Close() // nothing that it may say matters any more
	h.serving.Wait()
	h.transport.CloseIdleConnections()
}

// Refusing answers the first n requests of a method with a status.
func Refusing(method string, status, n int) Spoiler {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == method && seen.Add(1) <= int64(n) {
			w.WriteHeader(status)
			return
		}
		pass.ServeHTTP(w, r)
	}
}

// Slowing lets the first n requests of a method wait.
func Slowing(method string, d time.Duration, n int) Spoiler {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == method && seen.Add(1) <= int64(n) {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		pass.ServeHTTP(w, r)
	}
}

// Cutting breaks the k-th request of a method off, counted from 1, when so many
// bytes of its body have been read; nothing of it reaches the server.
func Cutting(method string, k int, bytes int64) Spoiler {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == method && seen.Add(1) == int64(k) {
			_, _ = io.CopyN(io.Discard, r.Body, bytes) // a shorter body is cut, too
			panic(http.ErrAbortHandler)
		}
		pass.ServeHTTP(w, r)
	}
}
