package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/server"
)

// patientLog takes its time over the line of a GET of a job: until that was answered.
type patientLog struct {
	answered chan struct{}
	tired    atomic.Bool
}

func (l *patientLog) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(`"route":"/v1/jobs/:id"`)) {
		select {
		case <-l.answered:
		case <-time.After(20 * time.Second):
			l.tired.Store(true)
		}
	}
	return len(p), nil
}

// TestJobIsSentBeforeItsLine: who waits for a job does not wait for the log.
func TestJobIsSentBeforeItsLine(t *testing.T) {
	t.Parallel()
	log := &patientLog{answered: make(chan struct{})}
	h := open(t, configure(func(c *server.Config) { c.Log = slog.New(slog.NewJSONHandler(log, nil)) }))
	a := h.call(http.MethodGet, "/v1/jobs/"+string(h.create(images, `{"prompt":"x"}`)), "")
	close(log.answered)
	if a.status != http.StatusOK || log.tired.Load() {
		t.Errorf("answered %d when its line was written", a.status)
	}
}

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
			resp, err := http.ReadResponse(newSlow(conn, 50*ms), nil)
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
type slow struct {
	net.Conn

	pause time.Duration
}

func newSlow(c net.Conn, pause time.Duration) *bufio.Reader {
	return bufio.NewReaderSize(slow{c, pause}, 256<<10)
}

func (s slow) Read(b []byte) (int, error) {
	time.Sleep(s.pause) // a thin line
	return s.Conn.Read(b)
}

// TestThinLineForFiles: the same for a file, where the kernel may be asked for more
// at once than a slow caller takes in before its time is over.
func TestThinLineForFiles(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.WriteStall = 4 * time.Second }))
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
	resp, err := http.ReadResponse(newSlow(conn, 200*ms), nil)
	h.must(err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(b, film[5:]) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	h.eventually(func() bool { return h.log.Has(`"route":"/v1/media/`, fmt.Sprintf(`"sent_bytes":%d,`, len(film)-5)) })
}

// unreadable is a bucket whose disk is broken.
type unreadable struct {
	blob.Store

	dir string
}

func (u unreadable) Open(ctx context.Context, key string, offset, length int64) (*blob.Reader, error) {
	r, err := u.Store.Open(ctx, key, offset, length)
	if err != nil {
		return nil, err
	}
	dir, err := os.Open(u.dir) // which cannot be read like a file
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &blob.Reader{ReadCloser: struct {
		io.Reader
		io.Closer
	}{dir, closers{r, dir}}, Object: r.Object, File: dir}, nil
}

type closers []io.Closer

func (all closers) Close() (err error) {
	for _, c := range all {
		err = errors.Join(err, c.Close())
	}
	return err
}

// TestUnreadableFile: a disk that is broken is the operator's trouble, and no caller
// that went away.
func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Blobs = unreadable{c.Blobs, t.TempDir()} }))
	_, path := h.film()
	conn := h.dial()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", strings.TrimPrefix(path, h.url))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		h.must(resp.Body.Close())
	}
	if err == nil {
		t.Error("a file that cannot be read arrived")
	}
	h.eventually(func() bool { return h.log.Has(`"level":"ERROR"`, `"route":"/v1/media/`, "is a directory") })
}
