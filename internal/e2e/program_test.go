package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/testlog"
)

const (
	readyWithin = 30 * time.Second // from the start to /readyz, on a busy machine
	endsWithin  = 60 * time.Second // from SIGTERM to the end; more than any grace of ours
)

// program is one process of the service, which may be killed and started again.
type program struct {
	name string // "api-1"
	file string // in bin, or a path from the root
	args []string
	env  []string // all of it
	find func(line string) (url string)
	log  testlog.Book

	mu   sync.Mutex
	url  string // where it listens, from its own log: new with each start
	cmd  *exec.Cmd
	told bool          // SIGTERM was sent; a second one would cut it short
	done chan struct{} // closed when cmd has ended

	began time.Time // of the first start
}

// base is the origin of the program's HTTP server.
func (p *program) base() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.url
}

// launch starts the program and returns when it is ready.
func (p *program) launch(ctx context.Context) error {
	seen := len(p.log.Lines())
	path := p.file
	if !filepath.IsAbs(path) {
		path = filepath.Join(bin, path)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, p.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = p.env, &p.log, &p.log, endWithParent()
	if p.began.IsZero() {
		p.began = time.Now()
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.done, p.told = cmd, done, false
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	ctx, ended := context.WithCancelCause(ctx)
	go func() {
		_ = cmd.Wait() // its exit code is looked at where it matters
		close(done)
		ended(errors.New("it ended"))
	}()
	url, err := p.log.Await(ctx, seen, p.find)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.url = url
	p.mu.Unlock()
	return p.awaitReady(ctx)
}

func (p *program) awaitReady(ctx context.Context) error {
	if p.name == "sim" { // it listens before it says so
		return nil
	}
	return until(ctx, func() error { return p.ready(ctx) })
}

// ready asks /readyz.
func (p *program) ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base()+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz says %s", resp.Status)
	}
	return nil
}

// kill9 ends the program as a crash would and returns when it is gone.
func (p *program) kill9(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Errorf("kill %s: %v", p.name, err)
	}
	<-p.done
}

// terminate sends SIGTERM, once.
func (p *program) terminate(t *testing.T) {
	t.Helper()
	if p.told {
		return
	}
	p.told = true
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("SIGTERM to %s: %v", p.name, err)
	}
}

// stop ends the program by SIGTERM and wants exit code 0.
func (p *program) stop(t *testing.T) {
	t.Helper()
	p.terminate(t)
	select {
	case <-p.done:
	case <-time.After(endsWithin):
		_ = p.cmd.Process.Kill()
		<-p.done
		t.Errorf("%s did not end within %s of SIGTERM", p.name, endsWithin)
		return
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("%s ended with exit code %d", p.name, code)
	}
}

// alive tells whether the program runs.
func (p *program) alive() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// close ends a program at the end of its test, whatever state it is in, and
// looks through its log.
func (p *program) close(t *testing.T) {
	t.Helper()
	if p.alive() {
		p.stop(t)
	}
	if p.cmd == nil {
		return
	}
	if s := p.cmd.ProcessState; testing.Verbose() {
		t.Logf("%s took %s of CPU time", p.name, (s.UserTime() + s.SystemTime()).Round(10*time.Millisecond))
	}
	for _, line := range p.log.Lines() {
		if strings.Contains(line, "DATA RACE") || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			t.Errorf("%s: %s", p.name, line)
		}
	}
	if t.Failed() {
		t.Logf("%s (%s) said:\n%s", p.name, p.url, p.log.Tail(120))
	}
}

// until tries again and again, every few milliseconds, until try succeeds; the
// last error when ctx ends before.
func until(ctx context.Context, try func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		}
	}
}
