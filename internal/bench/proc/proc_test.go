package proc_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/bench/proc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func shell(t *testing.T, script string) *proc.Process {
	t.Helper()
	p, err := proc.Start(t.Context(), proc.Config{Name: "shell", Path: "/bin/sh", Args: []string{"-c", script}, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestUsage(t *testing.T) {
	t.Parallel()
	p := shell(t, "exec sleep 600")
	u, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	const most = 100 << 20
	if u.RSSBytes <= 0 || u.RSSBytes > most || u.PeakBytes < u.RSSBytes || u.CPU > 10*time.Second {
		t.Errorf("a sleeping process uses %+v", u)
	}
	p.Kill()
	if _, err := p.Usage(); err == nil {
		t.Error("a process that is gone uses something")
	}
}

func TestCPUIsCounted(t *testing.T) {
	t.Parallel()
	before, err := proc.UsageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for after := before; after.CPU == before.CPU; { // work until a tick is seen
		for i := range 1_000_000 {
			sum += i
		}
		if after, err = proc.UsageOf(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if sum == 0 {
		t.Error("nothing was counted")
	}
}

func TestResetPeak(t *testing.T) {
	t.Parallel()
	p := shell(t, "exec sleep 600")
	if err := p.ResetPeak(); err != nil {
		t.Fatal(err)
	}
	u, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	const slack = 1 << 20
	if u.PeakBytes > u.RSSBytes+slack {
		t.Errorf("the peak is %d with %d in use", u.PeakBytes, u.RSSBytes)
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	answers := make(chan int, 3)
	answers <- http.StatusServiceUnavailable
	answers <- http.StatusServiceUnavailable
	answers <- http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(<-answers) }))
	t.Cleanup(server.Close)
	p := shell(t, "exec sleep 600")
	took, err := p.AwaitOK(t.Context(), server.URL)
	if err != nil || took <= 0 {
		t.Errorf("ready after %v, %v", took, err)
	}
	if len(answers) != 0 {
		t.Errorf("%d answers were not waited for", len(answers))
	}
	if err := p.AwaitListening(t.Context(), server.Listener.Addr().String()); err != nil {
		t.Error(err)
	}
}

func TestAwaitOfADeadProcess(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	p := shell(t, "echo no such setting >&2; exit 2")
	_, err = p.AwaitOK(t.Context(), "http://"+ln.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "no such setting") {
		t.Errorf("the error does not quote the program: %v", err)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"exec sleep 600", "trap '' TERM; echo deaf; while :; do sleep 0.01; done"} {
		p := shell(t, script)
		p.Stop(50 * time.Millisecond)
		if _, err := p.Usage(); err == nil {
			t.Errorf("%q still runs", script)
		}
	}
}
