package testserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// readyWithin is how long a server may take from its start to its first
// answer, on a machine that is busy with other tests.
const readyWithin = 30 * time.Second

// outputTail is how much of a server's output Output gives, in bytes.
const outputTail = 32 << 10

// errPortTaken means that somebody else took the port between our choosing it
// and the server's binding it.
var errPortTaken = errors.New("port taken")

// Process is a server that runs beside a test. Its methods are safe for
// concurrent use.
type Process struct {
	// Dir holds all the server's files: its data and its log. Close removes it.
	Dir string

	name  string
	path  string
	args  []string
	env   []string                    // all of it: a server inherits nothing
	ready func(context.Context) error // nil error: the server does its work

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
}

// PID is the id of the running process, or of the last one that ran.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// Kill9 ends the server at once, as a crash would, and returns when it is
// gone. A server that has already ended is no error.
func (p *Process) Kill9() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kill()
}

func (p *Process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.done
	return nil
}

// Restart starts the server again with the same address, directory and
// settings, after killing it if it still runs, and returns when it is ready.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Kill9(); err != nil {
		return err
	}
	return p.start(ctx)
}

// Stop freezes the server (SIGSTOP): connections stay open and nothing
// answers, as in a long pause or a network that drops everything.
func (p *Process) Stop() error { return p.signal(syscall.SIGSTOP) }

// Cont wakes a stopped server up (SIGCONT).
func (p *Process) Cont() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Signal(sig)
}

// Close kills the server and removes its directory.
func (p *Process) Close() error {
	return errors.Join(p.Kill9(), os.RemoveAll(p.Dir))
}

// Output is the end of what the server has written to stdout and stderr, over
// all its restarts.
func (p *Process) Output() string {
	b, err := os.ReadFile(p.logFile())
	if err != nil {
		return "(no output: " + err.Error() + ")"
	}
	return string(b[max(0, len(b)-outputTail):])
}

func (p *Process) logFile() string { return filepath.Join(p.Dir, "server.log") }

// start runs the program and waits until it is ready. ctx bounds the wait, not
// the life of the process: a test's context ends before its cleanups, which
// may still need the server.
func (p *Process) start(ctx context.Context) error {
	if err := p.exec(ctx); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	err := p.awaitReady(ctx)
	if err == nil {
		return nil
	}
	if killErr := p.Kill9(); killErr != nil {
		err = errors.Join(err, killErr)
	}
	if strings.Contains(strings.ToLower(p.Output()), "address already in use") {
		err = errors.Join(err, errPortTaken)
	}
	return fmt.Errorf("%s is not ready: %w; it said:\n%s", p.name, err, p.Output())
}

func (p *Process) exec(ctx context.Context) error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own copy
	cmd := exec.CommandContext(context.WithoutCancel(ctx), p.path, p.args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.Dir, p.env, log, log
	cmd.SysProcAttr = endWithParent()

	p.mu.Lock()
	defer p.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() {
		defer close(done)
		_ = cmd.Wait() // a killed process always gives an error
	}()
	return nil
}

// awaitReady asks the server every few milliseconds until it is ready or has
// ended.
func (p *Process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-done:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
