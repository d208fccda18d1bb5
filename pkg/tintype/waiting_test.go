package tintype_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// pipes is a network inside of the process, since the fake time of synctest
// does not pass while a real one is waited for.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

// inFakeTime runs test with a client of a server that answers by h. Waiting
// takes no time, and time passes only while all wait.
func inFakeTime(t *testing.T, h http.Handler, test func(*testing.T, *tintype.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		srv := &http.Server{Handler: h}
		served := make(chan error)
		go func() { served <- srv.Serve(network) }()
		transport := &http.Transport{DialContext: network.Dial}
		defer func() {
			transport.CloseIdleConnections()
			_ = srv.Close()
			<-served
		}()
		c, err := tintype.NewClient("http://server", tintype.WithHTTPClient(&http.Client{Transport: transport}))
		if err != nil {
			t.Fatal(err)
		}
		test(t, c)
	})
}

// silent is a stream that stays open after these bytes and brings nothing more.
func silent(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stream(body)(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

// within fails the test unless d lies between two bounds.
func within(t *testing.T, what string, d, least, most time.Duration) {
	t.Helper()
	if d < least || d > most {
		t.Errorf("%s took %s, want %s to %s", what, d, least, most)
	}
}

func TestEventsWaits(t *testing.T) {
	t.Parallel()
	refuse := func(header, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	rest := stream(submitted + stored + succeeded)
	for _, tt := range []struct {
		name        string
		steps       []http.HandlerFunc
		least, most time.Duration
	}{
		{"no break", []http.HandlerFunc{stream(queued + submitted + stored + succeeded)}, 0, 0},
		{"one break", []http.HandlerFunc{stream(queued), rest}, time.Second, 2 * time.Second},
		{"breaks after events do not add up", []http.HandlerFunc{stream(queued), stream(submitted), stream(stored), stream(succeeded)}, 3 * time.Second, 6 * time.Second},
		{"breaks without events do", []http.HandlerFunc{stream(queued), status(503), status(503), rest}, 7 * time.Second, 14 * time.Second},
		{"the server's wish", []http.HandlerFunc{stream("retry: 10000\n\n" + queued), rest}, 5 * time.Second, 10 * time.Second},
		{"a wish of zero", []http.HandlerFunc{stream("retry: 0\n\n" + queued), rest}, 0, 2 * time.Second},
		{"a wish beyond reason", []http.HandlerFunc{stream("retry: 2000000000\n\n" + queued), rest}, 15 * time.Second, 30 * time.Second},
		{"Retry-After", []http.HandlerFunc{stream(queued), refuse("Retry-After", "9"), rest}, 10 * time.Second, 11 * time.Second},
		{"Retry-After-Ms", []http.HandlerFunc{stream(queued), refuse("Retry-After-Ms", "9500"), rest}, 10500 * time.Millisecond, 11500 * time.Millisecond},
		{"Retry-After beyond reason", []http.HandlerFunc{stream(queued), refuse("Retry-After", "3600"), rest}, 31 * time.Second, 32 * time.Second},
		{"silence", []http.HandlerFunc{silent(queued), rest}, 61 * time.Second, 62 * time.Second},
		{"silence after the last event", []http.HandlerFunc{silent(queued + submitted + stored + succeeded)}, time.Minute, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: tt.steps}
			inFakeTime(t, s, func(t *testing.T, c *tintype.Client) {
				begin := time.Now()
				got, err := follow(t.Context(), c, 0)
				if err != nil {
					t.Error(err)
				}
				equal(t, "log", got, []string{"1 queued", "2 submitted", "3 media", "4 succeeded"})
				equal(t, "connections", len(s.seen()), len(tt.steps))
				within(t, "it", time.Since(begin), tt.least, tt.most)
			})
		})
	}
}

// Ten failures in a row: 2, 4, 8, 16 and five times 30 seconds between them,
// or down to half of that.
func TestEventsGivesUp(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]http.HandlerFunc{
		"refused": status(503), "lost": cut(""), "closed": stream(""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: []http.HandlerFunc{stream(queued), step}}
			inFakeTime(t, s, func(t *testing.T, c *tintype.Client) {
				begin := time.Now()
				_, err := follow(t.Context(), c, 0)
				if err == nil {
					t.Error("no error")
				}
				equal(t, "attempts", len(s.seen()), 10)
				within(t, "giving up", time.Since(begin), 90*time.Second, 180*time.Second)
			})
		})
	}
}

// A job may wait for an hour behind a proxy that cuts every connection after a
// minute: that is no failure, though no event comes.
func TestOldConnectionsAreNoFailures(t *testing.T) {
	t.Parallel()
	heartbeats := func(w http.ResponseWriter, r *http.Request) {
		for range 6 {
			stream(": hb\n\n")(w, r)
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Second)
		}
	}
	steps := []http.HandlerFunc{stream(queued)}
	for range 60 {
		steps = append(steps, heartbeats)
	}
	s := &script{steps: append(steps, stream(submitted+stored+succeeded))}
	inFakeTime(t, s, func(t *testing.T, c *tintype.Client) {
		if _, err := follow(t.Context(), c, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestContextEndsEvents(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]http.HandlerFunc{
		"while it reads": silent(queued),
		"while it waits": cut("retry: 60000\n\n" + queued),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inFakeTime(t, step, func(t *testing.T, c *tintype.Client) {
				begin := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				got, err := follow(ctx, c, 0)
				broken, ok := errors.AsType[*tintype.IncompleteError](err)
				if !ok || broken.JobID != "job-1" || broken.Seq != 1 || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error is %v", err)
				}
				equal(t, "log", got, []string{"1 queued"})
				within(t, "ending", time.Since(begin), 10*time.Second, 10*time.Second)
			})
		})
	}
}

// A caller who takes an hour over an event has lost nothing.
func TestSlowCallerIsNoSilence(t *testing.T) {
	t.Parallel()
	s := &script{steps: []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		stream(queued)(w, r)
		_ = http.NewResponseController(w).Flush()
		time.Sleep(time.Hour + 30*time.Second)
		_, _ = io.WriteString(w, submitted+stored+succeeded)
	}}}
	inFakeTime(t, s, func(t *testing.T, c *tintype.Client) {
		n := 0
		for _, err := range c.Jobs.Events(t.Context(), "job-1", 0) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 1 {
				time.Sleep(time.Hour)
			}
		}
		equal(t, "events", n, 4)
		equal(t, "connections", len(s.seen()), 1)
	})
}

// A server that takes the connection and never answers is given up.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	never := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	inFakeTime(t, never, func(t *testing.T, c *tintype.Client) {
		begin := time.Now()
		_, err := follow(t.Context(), c, 0)
		broken, ok := errors.AsType[*tintype.IncompleteError](err)
		if !ok || errors.Is(err, context.Canceled) || broken.Err.Error() != "the connection went silent" {
			t.Errorf("error is %v", err)
		}
		within(t, "giving up", time.Since(begin), time.Minute, time.Minute)
	})
}

// A blocking call has no limit but its context: half an hour of spaces is fine,
// from a server that overlooks the wish for the job alone.
func TestLongWait(t *testing.T) {
	t.Parallel()
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for range 120 {
			time.Sleep(15 * time.Second)
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.WriteString(w, videoAnswer)
	})
	inFakeTime(t, slow, func(t *testing.T, c *tintype.Client) {
		begin := time.Now()
		video, err := c.Videos.Generate(t.Context(), tintype.VideoRequest{Prompt: "cat"})
		if err != nil || video.ID != "job-2" {
			t.Errorf("%v, %v", video, err)
		}
		within(t, "it", time.Since(begin), 30*time.Minute, 30*time.Minute)
	})
}
