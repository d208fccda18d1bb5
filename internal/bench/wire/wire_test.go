package wire_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/bench/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server and gives its address.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestRequestsArriveWhole(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.URL, r.Header.Get("Prefer"), r.Header.Get("Content-Type"), body)
	})
	conn, err := wire.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, body := range []string{`{"n":1}`, `{"n":22}`} { // on one connection
		status, got, err := conn.Do(wire.NewRequest(http.MethodPost, "/a?b=c", addr, body, "Prefer: respond-async"))
		if err != nil {
			t.Fatal(err)
		}
		if want := "POST /a?b=c respond-async application/json " + body; status != http.StatusAccepted || string(got) != want {
			t.Errorf("got %d %q, want %q", status, got, want)
		}
	}
}

func TestLinesComeOneByOne(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
			<-read // the next line is written only when this one was read
		}
	})
	conn, err := wire.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var lines []string
	status, err := conn.Lines(wire.NewRequest(http.MethodGet, "/", addr, ""), func(line []byte) {
		lines = append(lines, string(line))
		read <- struct{}{}
	})
	if got := strings.Join(lines, "|"); err != nil || status != http.StatusOK || got != "data: 0|data: 1|data: 2" {
		t.Errorf("got %d %q %v", status, got, err)
	}
}

func TestABrokenStreamIsAnError(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "data: 0\n\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	conn, err := wire.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Lines(wire.NewRequest(http.MethodGet, "/", addr, ""), func([]byte) {}); err == nil {
		t.Error("no error")
	}
}

func TestLoadCounts(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		served.Add(1)
		fmt.Fprint(w, "a good answer")
	})
	load := wire.Load{
		Addr: addr, Conns: 4, Request: wire.Same(wire.NewRequest(http.MethodGet, "/", addr, "")),
		Status: http.StatusOK, Contains: "good", Count: 50,
	}
	r, err := load.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Answers != 50 || len(r.Latencies) != 50 || served.Load() != 50 || r.Rate() <= 0 {
		t.Errorf("%d answers, %d latencies, %d served", r.Answers, len(r.Latencies), served.Load())
	}
	load.Count, load.For = 0, 10*time.Millisecond
	if r, err = load.Run(t.Context()); err != nil || r.Answers == 0 {
		t.Errorf("%d answers in a run for a time, %v", r.Answers, err)
	}
}

func TestBodiesThatAreOnlyCounted(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
	load := wire.Load{
		Addr: addr, Conns: 2, Request: wire.Same(wire.NewRequest(http.MethodGet, "/", addr, "")),
		Status: http.StatusOK, Size: size, Count: 6,
	}
	if r, err := load.Run(t.Context()); err != nil || r.Answers != 6 {
		t.Errorf("%d answers, %v", r.Answers, err)
	}
	load.Size++
	if _, err := load.Run(t.Context()); err == nil {
		t.Error("an answer that is too short was taken")
	}
}

func TestPatience(t *testing.T) {
	t.Parallel()
	addr := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	conn, err := wire.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Patient(time.Millisecond)
	if _, _, err := conn.Do(wire.NewRequest(http.MethodGet, "/", addr, "")); !os.IsTimeout(err) {
		t.Errorf("got %v", err)
	}
}

func TestLoadRefusesOtherAnswers(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"another status": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "good", http.StatusTeapot) },
		"another body":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "bad") },
		"no answer":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := serve(t, h)
			_, err := wire.Load{
				Addr: addr, Conns: 2, Request: wire.Same(wire.NewRequest(http.MethodGet, "/", addr, "")),
				Status: http.StatusOK, Contains: "good", Count: 10,
			}.Run(t.Context())
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestAnOpenLoopDoesNotWait: while one answer is late, the others come and go; the
// late one counts from when its request was due.
func TestAnOpenLoopDoesNotWait(t *testing.T) {
	t.Parallel()
	var came atomic.Int64
	late := make(chan struct{})
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if came.Add(1) == 5 {
			close(late)
		}
		if r.URL.Path == "/0" {
			<-late
		}
		_, _ = io.WriteString(w, "well")
	})
	const every = 5 * time.Millisecond
	load := wire.Load{
		Addr: addr, Conns: 5, Request: func(n int64) wire.Request { return wire.NewRequest(http.MethodGet, fmt.Sprintf("/%d", n), addr, "") },
		Status: http.StatusOK, Contains: "well", Every: every, Count: 5,
	}
	r, err := load.Run(t.Context())
	if err != nil || r.Answers != 5 || r.Took < 4*every || slices.Max(r.Latencies) < 4*every {
		t.Errorf("%d answers in %s, %v, %v", r.Answers, r.Took, r.Latencies, err)
	}
}
