package server_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// client is our own client of the house, or of a proxy in front of it.
func (h *house) client(base string) *tintype.Client {
	h.Helper()
	c, err := tintype.NewClient(base, tintype.WithKey(gatewayKey), tintype.WithHTTPClient(client))
	h.must(err)
	return c
}

func TestClientBlocking(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Silence: 5 * ms, Space: 5 * ms}))
	c := h.client(h.url)
	content := picture(t, 300, 200)
	h.meanwhile(func() {
		id := h.waitForJob()
		time.Sleep(30 * ms) // some spaces go before the answer
		h.makeImage(id, content)
	})
	answer, err := c.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "x", Ratio: "16:9"})
	h.must(err)
	var got bytes.Buffer
	n, err := c.Media.Download(t.Context(), answer.Media[0], &got)
	if err != nil || n != int64(len(content)) || !bytes.Equal(got.Bytes(), content) || answer.Media[0].URL != answer.Data[0].URL {
		t.Errorf("%d of %d bytes, %v", n, len(content), err)
	}
}

func TestClientStream(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.meanwhile(func() { h.makeVideo(h.waitForJob()) })
	var text strings.Builder
	var films []tintype.Video
	for chunk, err := range h.client(h.url).Videos.Stream(t.Context(), tintype.VideoRequest{Prompt: "x"}) {
		h.must(err)
		text.WriteString(chunk.Text())
		films = append(films, chunk.Videos()...)
	}
	if len(films) != 1 || films[0].VID == "" || !strings.Contains(text.String(), films[0].URL) {
		t.Errorf("%q %+v", text.String(), films)
	}
}

// TestClientOverCuts: a client whose connection breaks again and again has the
// job's log at the end, each event once.
func TestClientOverCuts(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Beat: ms}))
	id := h.create(videos, `{"prompt":"x"}`)
	proxy, cuts := cutter(t, h)
	h.meanwhile(func() {
		h.await(cuts, 2)
		h.makeVideo(id)
	})
	var events []tintype.Event
	for e, err := range h.client("http://"+proxy).Jobs.Events(t.Context(), string(id), 0) {
		h.must(err)
		events = append(events, *e)
	}
	checkLog(t, events)
}

// await waits until so many connections have been cut.
func (h *house) await(cuts <-chan struct{}, n int) {
	h.Helper()
	for i := range n {
		select {
		case <-cuts:
		case <-time.After(time.Minute):
			h.Errorf("%d connections were cut, want %d", i, n)
			return
		}
	}
}

// cutter is a proxy that cuts each connection after some bytes, and tells of it.
func cutter(t *testing.T, h *house) (addr string, cuts <-chan struct{}) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	h.must(err)
	to := strings.TrimPrefix(h.url, "http://")
	ctx, cancel := context.WithCancel(context.Background())
	told := make(chan struct{}, 16)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				if !cutAfter(ctx, in, to, 4500+rand.Int64N(3000)) {
					return
				}
				select {
				case told <- struct{}{}:
				default: // nobody counts so many
				}
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Addr().String(), told
}

// cutAfter carries a connection until n bytes of the answer have gone by; false if
// it ends by itself.
func cutAfter(ctx context.Context, in net.Conn, to string, n int64) bool {
	defer func() { _ = in.Close() }()
	out, err := new(net.Dialer).DialContext(ctx, "tcp", to)
	if err != nil {
		return false
	}
	stop := context.AfterFunc(ctx, func() { _ = out.Close() })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(out, in) })
	_, err = io.CopyN(in, out, n)
	_, _ = in.Close(), out.Close()
	wg.Wait()
	return err == nil
}

// TestClientFollowsToAnotherProcess: when a process stops, its streams go on at
// another one.
func TestClientFollowsToAnotherProcess(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *options) { o.grace = 300 * ms })
	second := h.twin()
	id := h.create(videos, `{"prompt":"x"}`)
	var events []tintype.Event
	c := h.client(h.url)
	after := int64(0)
	for e, err := range c.Jobs.Events(t.Context(), string(id), 0) {
		if err != nil {
			break
		}
		events, after = append(events, *e), e.Seq
		if after == 2 {
			go h.stop()
			break
		}
	}
	h.makeVideo(id)
	for e, err := range second.client(second.url).Jobs.Events(t.Context(), string(id), after) {
		h.must(err)
		events = append(events, *e)
	}
	checkLog(t, events)
}
