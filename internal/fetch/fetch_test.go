package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fetch"
)

var (
	content  = bytes.Repeat([]byte("0123456789abcdef"), 4096)
	modified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// serveContent answers with content, ranges and an ETag, as a good server does.
func serveContent(etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "identity" {
			http.Error(w, "Accept-Encoding "+got, http.StatusTeapot)
			return
		}
		w.Header().Set("ETag", etag)
		w.Header().Set("Content-Type", "video/mp4")
		http.ServeContent(w, r, "", modified, bytes.NewReader(content))
	}
}

func read(t *testing.T, resp *fetch.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	return b
}

func TestGet(t *testing.T) {
	t.Parallel()
	s := serve(t, serveContent(`"v1"`))
	c := newClient(t, nil)
	size := int64(len(content))
	tests := []struct {
		name   string
		opts   fetch.Options
		status int
		offset int64
	}{
		{"whole", fetch.Options{}, http.StatusOK, 0},
		{"rest", fetch.Options{Offset: 1000}, http.StatusPartialContent, 1000},
		{"rest of the same file", fetch.Options{Offset: 1000, IfRange: `"v1"`}, http.StatusPartialContent, 1000},
		{"rest of another file", fetch.Options{Offset: 1000, IfRange: `"v0"`}, http.StatusOK, 0},
		{"last byte", fetch.Options{Offset: size - 1}, http.StatusPartialContent, size - 1},
		{"exactly the limit", fetch.Options{MaxBytes: size}, http.StatusOK, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			resp, err := c.Get(t.Context(), s.URL, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if b := read(t, resp); !bytes.Equal(b, content[tt.offset:]) {
				t.Errorf("%d bytes, want %d", len(b), size-tt.offset)
			}
			if resp.Status != tt.status || resp.Offset != tt.offset || resp.SizeBytes != size-tt.offset || resp.TotalBytes != size {
				t.Errorf("%+v", resp)
			}
			if resp.ETag != `"v1"` || resp.Validator != `"v1"` || resp.ContentType != "video/mp4" {
				t.Errorf("%+v", resp)
			}
		})
	}
}

func TestWeakETagIsNoValidator(t *testing.T) {
	t.Parallel()
	s := serve(t, serveContent(`W/"v1"`))
	resp, err := newClient(t, nil).Get(t.Context(), s.URL, fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	read(t, resp)
	if resp.Validator != modified.Format(http.TimeFormat) {
		t.Errorf("Validator %q", resp.Validator)
	}
}

func TestServerWithoutRanges(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		http.NewResponseController(w).Flush() // no length
		_, _ = w.Write(content)
	})
	resp, err := newClient(t, nil).Get(t.Context(), s.URL, fetch.Options{Offset: 10})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Offset != 0 || resp.SizeBytes != -1 || resp.TotalBytes != -1 {
		t.Errorf("%+v", resp)
	}
	if b := read(t, resp); !bytes.Equal(b, content) {
		t.Errorf("%d bytes", len(b))
	}
}

func TestWrongRange(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"", "bytes 5-9/10", "bytes 7-9/3", "bytes x-9/10", "pages 7-9/10"} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", header)
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write([]byte("abc"))
		})
		if _, err := newClient(t, nil).Get(t.Context(), s.URL, fetch.Options{Offset: 7}); !errors.Is(err, fetch.ErrUnreachable) {
			t.Errorf("Content-Range %q: %v", header, err)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/busy" {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		http.Error(w, "inner text", http.StatusForbidden)
	})
	c := newClient(t, nil)
	_, err := c.Get(t.Context(), s.URL+"/gone?signature=abc", fetch.Options{})
	e, ok := errors.AsType[*fetch.Error](err)
	if !ok || !errors.Is(err, fetch.ErrStatus) || e.Status != http.StatusForbidden {
		t.Fatalf("got %v", err)
	}
	for _, text := range []string{err.Error(), e.Message()} {
		if !strings.Contains(text, "403") || strings.Contains(text, "abc") || strings.Contains(text, "inner") {
			t.Errorf("%q", text)
		}
	}
	_, err = c.Get(t.Context(), s.URL+"/busy", fetch.Options{})
	if e, ok := errors.AsType[*fetch.Error](err); !ok || e.Status != http.StatusServiceUnavailable || e.RetryAfter != 7*time.Second {
		t.Errorf("got %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/endless" {
			for {
				if _, err := w.Write(content); err != nil {
					return
				}
			}
		}
		serveContent(`"v"`)(w, r)
	})
	c := newClient(t, func(cfg *fetch.Config) { cfg.MaxBytes = 60000 })
	if _, err := c.Get(t.Context(), s.URL+"/announced", fetch.Options{}); !errors.Is(err, fetch.ErrTooLarge) {
		t.Errorf("announced: %v", err)
	}
	if _, err := c.Get(t.Context(), s.URL+"/announced", fetch.Options{Offset: 60001}); !errors.Is(err, fetch.ErrTooLarge) {
		t.Errorf("announced, the rest: %v", err)
	}
	if _, err := getAll(t, c, s.URL+"/endless", 100000); !errors.Is(err, fetch.ErrTooLarge) {
		t.Errorf("endless: %v", err)
	}
	resp, err := c.Get(t.Context(), s.URL+"/endless", fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if !errors.Is(err, fetch.ErrTooLarge) || n != 60000 {
		t.Errorf("endless: %d bytes, %v; want the allowed 60000", n, err)
	}
	_ = resp.Body.Close()
}

// raw answers each connection with the bytes given and then calls after.
func raw(t *testing.T, answer string, after func(net.Conn)) string {
	t.Helper()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.Write([]byte(answer))
		after(conn)
	})
	return s.URL
}

func hangUp(conn net.Conn) { _ = conn.Close() }

// wait leaves the connection open until the other side closes it.
func wait(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}

// trickle sends a byte now and then.
func trickle(conn net.Conn) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := conn.Write([]byte("x")); err != nil {
			break
		}
	}
	_ = conn.Close()
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	tests := []struct {
		name   string
		answer string
		after  func(net.Conn)
		bytes  int64 // that came; -1 for "some"
	}{
		{"shorter than announced", head + "hello", hangUp, 5},
		{"cut off between chunks", chunked, hangUp, 5},
		{"stalled", head + "hello", wait, 5},
		{"stalled before the first byte", head, wait, 0},
		{"too slow as a whole", head, trickle, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, func(cfg *fetch.Config) {
				cfg.IdleReadTimeout = 200 * time.Millisecond
				cfg.Timeout = time.Second
			})
			resp, err := c.Get(t.Context(), raw(t, tt.answer, tt.after)+"/?signature=abc", fetch.Options{})
			if err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			e, ok := errors.AsType[*fetch.Error](err)
			if !ok || !errors.Is(err, fetch.ErrInterrupted) || e.Bytes != n || tt.bytes >= 0 && n != tt.bytes {
				t.Errorf("%d bytes, %v", n, err)
			}
			if _, again := resp.Body.Read(make([]byte, 1)); !errors.Is(again, err) {
				t.Errorf("the next Read: %v", again)
			}
			if ok && strings.Contains(e.Error()+e.Message(), "abc") {
				t.Errorf("%v quotes the URL", e)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + ln.Addr().String()
	_ = ln.Close()
	tests := []struct{ name, url string }{
		{"refused", closed},
		{"no header in time", raw(t, "", wait)},
		{"hangs up", raw(t, "", hangUp)},
		{"not HTTP", raw(t, "220 mail.example ESMTP\r\n", hangUp)},
		{"endless header", raw(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 100<<10)+"\r\n\r\n", hangUp)},
		{"TLS at a plain server", strings.Replace(raw(t, "", hangUp), "http:", "https:", 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, func(cfg *fetch.Config) { cfg.HeaderTimeout = 200 * time.Millisecond })
			_, err := c.Get(t.Context(), tt.url+"/?signature=abc", fetch.Options{})
			e, ok := errors.AsType[*fetch.Error](err)
			if !ok || !errors.Is(err, fetch.ErrUnreachable) || errors.Is(err, io.EOF) {
				t.Fatalf("got %v, want ErrUnreachable and nothing like an end", err)
			}
			if strings.Contains(e.Error(), "abc") || strings.Contains(e.Message(), "127.0.0.1") {
				t.Errorf("%v / %s", e, e.Message())
			}
		})
	}
}

func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := c.Get(ctx, raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", wait), fetch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("while reading: %v", err)
	}
	_ = resp.Body.Close()
	if _, err := c.Get(ctx, "http://127.0.0.1:1/", fetch.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("before the request: %v", err)
	}
	if err := c.CheckHost(ctx, "http://nobody.example/"); !errors.Is(err, context.Canceled) {
		t.Errorf("CheckHost: %v", err)
	}
}
