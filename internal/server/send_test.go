package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/server"
)

// TestThinLine: a caller that reads slowly but goes on gets a large answer whole,
// whether it began with a space or not.
func TestThinLine(t *testing.T) {
	t.Parallel()
	const size = 12 << 20
	for name, silence := range map[string]time.Duration{"at once": time.Hour, "after a space": 1 * ms} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, configure(func(c *server.Config) {
				c.Limits.WriteStall = 4 * time.Second
				c.Wait = server.Wait{Silence: silence, Space: 10 * ms}
			}))
			conn, ok := h.dial().(*net.TCPConn)
			if !ok {
				t.Fatal("no TCP")
			}
			h.must(conn.SetReadBuffer(64 << 10))
			h.meanwhile(func() {
				id := h.waitForJob()
				time.Sleep(30 * ms) // some spaces go before the answer, where they do
				h.makeImage(id, make([]byte, size))
			})
			body := `{"prompt":"x","response_format":"b64_json"}`
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", images, gatewayKey, len(body), body)
			resp, err := http.ReadResponse(newSlow(conn), nil)
			h.must(err)
			defer func() { _ = resp.Body.Close() }()
			b, err := io.ReadAll(resp.Body)
			if err != nil || !json.Valid(b) || len(b) < size || !strings.Contains(string(b[:100]), `{"`) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
}

// slow reads a piece now and then, all in all for longer than WriteStall.
type slow struct{ net.Conn }

func newSlow(c net.Conn) *bufio.Reader { return bufio.NewReaderSize(slow{c}, 256<<10) }

func (s slow) Read(b []byte) (int, error) {
	time.Sleep(50 * ms) // a thin line
	return s.Conn.Read(b)
}

// TestThinLineForFiles: the same for a file, where the kernel may be asked for more
// at once than a slow caller takes in before its time is over.
func TestThinLineForFiles(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.WriteStall = 700 * ms }))
	film := make([]byte, 8<<20) // more than the kernel takes in for the caller
	for i := range film {
		film[i] = byte(i >> 10)
	}
	id := h.create(images, `{"prompt":"x"}`)
	h.makeImage(id, film)
	conn, ok := h.dial().(*net.TCPConn)
	if !ok {
		t.Fatal("no TCP")
	}
	h.must(conn.SetReadBuffer(64 << 10))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nRange: bytes=5-\r\nConnection: close\r\n\r\n", strings.TrimPrefix(h.link(id, "image-0.png"), h.url))
	resp, err := http.ReadResponse(newSlow(conn), nil)
	h.must(err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(b, film[5:]) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
