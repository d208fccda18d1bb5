package fetch_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fetch"
)

// inside are addresses that no caller may have fetched, one of each sort.
func inside() []string {
	return []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.254", "127.0.0.2", "169.254.169.254", "172.16.0.1", "172.31.255.254",
		"192.0.0.170", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.1", "192.175.48.1", "198.18.0.1", "198.19.255.254",
		"198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::10.0.0.1", "::ffff:0:127.0.0.1",
		"64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::10.0.0.1", "64:ff9b:1:ffff::8.8.8.8",
		"2002:7f00:1::1", "2002:0808:0808::1", "2001:0:808:808::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "2620:4f:8000::1",
		"100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "feff::1", "ff02::1", "ff0e::1", "4000::1", "5f00::1",
	}
}

// TestResolvedAddresses: what may not be fetched by its address may not be by a
// name that leads there.
func TestResolvedAddresses(t *testing.T) {
	t.Parallel()
	for _, addr := range inside() {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, func(cfg *fetch.Config) { cfg.Resolver = resolver(t, []string{addr}) })
			for _, scheme := range []string{"http", "https"} {
				if err := c.CheckHost(t.Context(), scheme+"://inside.example/x"); !errors.Is(err, fetch.ErrForbidden) {
					t.Errorf("CheckHost: %v, want ErrForbidden", err)
				}
				if _, err := c.Get(t.Context(), scheme+"://inside.example/x", fetch.Options{}); !errors.Is(err, fetch.ErrForbidden) {
					t.Errorf("Get: %v, want ErrForbidden", err)
				}
			}
		})
	}
}

// TestSpellings: however an address is written, and whatever a resolver makes of
// it, what may not be reached is not.
func TestSpellings(t *testing.T) {
	t.Parallel()
	forbiddenURL, reached := listen2(t)
	port := portOf(t, forbiddenURL)
	c := newClient(t, func(cfg *fetch.Config) { cfg.Resolver = resolver(t, []string{"127.0.0.2"}) })
	for _, host := range []string{
		"127.0.0.2", "127.0.0.2.", "127.2", "127.0.2", "2130706434", "0x7f000002", "0x7f.0.0.2", "0x7f.0x0.0x0.0x2", "0177.0.0.2", "0177.0.0.02", "017700000002",
		"00000177.0.0.2", "127.0.0.2%2e", "%31%32%37.0.0.2", "１２７.0.0.2", "127。0。0。2", "①②⑦.0.0.2", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]",
		"[0:0:0:0:0:ffff:127.0.0.2]", "[::127.0.0.2]", "[::ffff:127.0.0.2%25lo]", "[64:ff9b::127.0.0.2]", "[2002:7f00:2::]", "localhost", "LOCALHOST.", "a.localhost",
		"127.0.0.2.nip.example", "127.0.0.2#@example.com", "example.com@127.0.0.2", "127.0.0.2\\@example.com", "127.0.0.2%00.example.com", "127.0.0.2\t",
	} {
		_, err := c.Get(t.Context(), "http://"+host+":"+port+"/", fetch.Options{})
		if !errors.Is(err, fetch.ErrForbidden) && !errors.Is(err, fetch.ErrUnreachable) {
			t.Errorf("%q: %v", host, err)
		}
	}
	if n := len(reached); n != 0 {
		t.Errorf("the private address was reached %d times", n)
	}
}

// TestRedirectsLead: a redirect is checked as the first URL was, wherever in a
// chain it stands.
func TestRedirectsLead(t *testing.T) {
	t.Parallel()
	forbiddenURL, reached := listen2(t)
	port := portOf(t, forbiddenURL)
	lead := map[string]string{
		"/address": forbiddenURL, "/no-scheme": "//127.0.0.2:" + port + "/", "/mapped": "http://[::ffff:127.0.0.2]:" + port + "/", "/name": "http://inside.example:" + port + "/",
		"/other-port": "http://8.8.8.8:22/", "/mail": "http://8.8.8.8:25/", "/ftp": "ftp://127.0.0.1/x", "/gopher": "gopher://127.0.0.1:70/_x", "/data": "data:image/png;base64,AA==",
		"/script": "javascript:alert(1)", "/unix": "unix:///run/redis.sock", "/user": "http://u@127.0.0.1/", "/opaque": "http:127.0.0.1", "/nowhere": "http:///x",
		"/there": "/back", "/back": "/there", "/one": "/two", "/two": "/three", "/three": forbiddenURL, "/upper": "HTTP://127.0.0.2:" + port,
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", lead[r.URL.Path])
		w.WriteHeader(http.StatusPermanentRedirect)
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20)) // nobody reads it
	})
	c := newClient(t, func(cfg *fetch.Config) { cfg.Resolver = resolver(t, []string{"127.0.0.2"}) })
	for path := range lead {
		if _, err := c.Get(t.Context(), s.URL+path, fetch.Options{}); !errors.Is(err, fetch.ErrForbidden) {
			t.Errorf("%s: %v, want ErrForbidden", path, err)
		}
	}
	if n := len(reached); n != 0 {
		t.Errorf("the private address was reached %d times", n)
	}
	https := newClient(t, func(cfg *fetch.Config) { cfg.AllowHTTP = false })
	if _, err := https.Get(t.Context(), s.URL+"/there", fetch.Options{}); !errors.Is(err, fetch.ErrForbidden) {
		t.Errorf("plain http where it is off: %v", err)
	}
}

// TestNothingIsUnpacked: a file that its server has packed, though nobody asked
// for that, comes as it is: it cannot grow.
func TestNothingIsUnpacked(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 32<<20)) // into memory: cannot fail
	_ = z.Close()
	for _, encoding := range []string{"gzip", "GZIP", "x-gzip", "deflate", "br", "gzip, gzip"} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Values("Accept-Encoding"); len(got) != 1 || got[0] != "identity" {
				t.Errorf("asks for %q", got)
			}
			w.Header().Set("Content-Encoding", encoding)
			_, _ = w.Write(bomb.Bytes())
		})
		got, err := getAll(t, newClient(t, nil), s.URL, 1<<20)
		if err != nil || !bytes.Equal(got, bomb.Bytes()) {
			t.Errorf("%s: %d bytes of %d, %v", encoding, len(got), bomb.Len(), err)
		}
	}
}

// TestLyingAnswers: heads and lengths that are not what they say.
func TestLyingAnswers(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		name, answer string
		after        func(net.Conn)
		kind         error  // nil: a whole file
		body         string // what comes of it
	}{
		{"more than announced", ok + "Content-Length: 5\r\n\r\nhello, and more", hangUp, nil, "hello"},
		{"less than announced", ok + "Content-Length: 50\r\n\r\nhello", hangUp, fetch.ErrInterrupted, "hello"},
		{"two lengths", ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", hangUp, fetch.ErrUnreachable, ""},
		{"a list of lengths", ok + "Content-Length: 5, 6\r\n\r\nhello!", hangUp, fetch.ErrUnreachable, ""},
		{"a negative length", ok + "Content-Length: -1\r\n\r\nhello", hangUp, fetch.ErrUnreachable, ""},
		{"a length that is no number", ok + "Content-Length: 0x5\r\n\r\nhello", hangUp, fetch.ErrUnreachable, ""},
		{"a length beyond all numbers", ok + "Content-Length: 99999999999999999999\r\n\r\nhello", hangUp, fetch.ErrUnreachable, ""},
		{"an enormous length", ok + "Content-Length: 9223372036854775807\r\n\r\nhello", hangUp, fetch.ErrTooLarge, ""},
		{"an enormous chunk", ok + "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nhello", hangUp, fetch.ErrInterrupted, "hello"},
		{"a chunk beyond all numbers", ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello", hangUp, fetch.ErrInterrupted, ""},
		{"a negative chunk", ok + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello", hangUp, fetch.ErrInterrupted, ""},
		{"a chunk without an end", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n", hangUp, fetch.ErrInterrupted, "hello"},
		{"an endless chunk head", ok + "Transfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("x", 64<<10), hangUp, fetch.ErrInterrupted, ""},
		{"packed on the way", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", hangUp, fetch.ErrUnreachable, ""},
		{"many header lines", ok + strings.Repeat("X-Flood: y\r\n", 20_000) + "\r\nhello", hangUp, fetch.ErrUnreachable, ""},
		{"endless early hints", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 10_000) + ok + "\r\nhello", hangUp, fetch.ErrUnreachable, ""},
		{"a header that drips", ok + "X-Drip: ", trickle, fetch.ErrUnreachable, ""},
		{"a status that drips", "HTTP/1.1 2", trickle, fetch.ErrUnreachable, ""},
		{"another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello", hangUp, fetch.ErrStatus, ""},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", hangUp, fetch.ErrStatus, ""},
		{"a status out of range", "HTTP/1.1 999 Odd\r\n\r\nhello", hangUp, fetch.ErrStatus, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, func(cfg *fetch.Config) { cfg.HeaderTimeout, cfg.Timeout = 3*time.Second, 10*time.Second })
			resp, err := c.Get(t.Context(), raw(t, tt.answer, tt.after), fetch.Options{})
			var got []byte
			if err == nil {
				got, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if !errors.Is(err, tt.kind) || string(got) != tt.body {
				t.Errorf("%q, %v; want %q, %v", got, err, tt.body, tt.kind)
			}
		})
	}
}

// TestSilentTLS: a server that takes the connection and never greets.
func TestSilentTLS(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() }) // what it never accepted is closed with it
	c := newClient(t, func(cfg *fetch.Config) { cfg.ConnectTimeout = 200 * time.Millisecond })
	began := time.Now()
	if _, err := c.Get(t.Context(), fmt.Sprintf("https://%s/", ln.Addr()), fetch.Options{}); !errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("%v, want ErrUnreachable", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("took %s", took)
	}
}

// TestWholeTimeSpansRedirects: many quick hops are one fetch.
func TestWholeTimeSpansRedirects(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.Context().Done():
		}
		http.Redirect(w, r, "/again", http.StatusFound)
	})
	c := newClient(t, func(cfg *fetch.Config) { cfg.MaxRedirects, cfg.Timeout = 1000, 300*time.Millisecond })
	began := time.Now()
	if _, err := c.Get(t.Context(), s.URL, fetch.Options{}); !errors.Is(err, fetch.ErrUnreachable) || time.Since(began) > 4*time.Second {
		t.Errorf("%v after %s, want ErrUnreachable", err, time.Since(began))
	}
}
