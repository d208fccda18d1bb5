// Package proc starts the programs that are measured, ends them, and reads from
// the kernel what they use.
//
// A process inherits no environment, writes its output to a file, and is killed
// by its id, never by its name; on Linux it also ends with the bench program.
package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// readyWithin is how long a program may take to its first good answer.
const readyWithin = 30 * time.Second

// outputTail is how much of a program's output an error quotes, in bytes.
const outputTail = 8 << 10

// Config is one program to be started.
type Config struct {
	Name string   // for messages and the file with its output
	Path string   // of the program
	Args []string // without the program's name
	Env  []string // all of its environment
	Dir  string   // its working directory, in which its output is kept
}

// Process is a program that runs. Make one with [Start]; its methods are safe
// for concurrent use.
type Process struct {
	name  string
	log   string
	cmd   *exec.Cmd
	began time.Time
	done  chan struct{} // closed when it has ended
	end   sync.Once
}

// Start starts a program. ctx does not end it: Kill or Stop does.
func Start(ctx context.Context, c Config) (*Process, error) {
	file, err := os.CreateTemp(c.Dir, c.Name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // the child has its own copy
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.Path, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, file, file
	cmd.SysProcAttr = endWithParent()
	p := &Process{name: c.Name, log: file.Name(), cmd: cmd, began: time.Now(), done: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // a killed process always gives an error
	}()
	return p, nil
}

// PID is the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process at once and returns when it is gone.
func (p *Process) Kill() {
	p.end.Do(func() { _ = p.cmd.Process.Kill() }) // gone already: just as well
	<-p.done
}

// Stop asks the process to end, and kills it after grace.
func (p *Process) Stop(grace time.Duration) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // gone already: just as well
	select {
	case <-p.done:
	case <-time.After(grace):
	}
	p.Kill()
}

// Output is the end of what the process wrote.
func (p *Process) Output() string {
	b, err := os.ReadFile(filepath.Clean(p.log))
	if err != nil {
		return "(no output: " + err.Error() + ")"
	}
	return string(b[max(0, len(b)-outputTail):])
}

// AwaitListening waits until something listens on addr.
func (p *Process) AwaitListening(ctx context.Context, addr string) error {
	_, err := p.await(ctx, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return err
}

// AwaitOK asks a URL each millisecond until it answers 200, and gives the time
// from the start of the process to that answer.
func (p *Process) AwaitOK(ctx context.Context, url string) (time.Duration, error) {
	transport := &http.Transport{MaxIdleConns: 1}
	defer transport.CloseIdleConnections()
	return p.await(ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, resp.Status)
		}
		return nil
	})
}

func (p *Process) await(ctx context.Context, try func(context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return time.Since(p.began), nil
		}
		select {
		case <-p.done:
			return 0, fmt.Errorf("%s ended at once; it said:\n%s", p.name, p.Output())
		case <-ctx.Done():
			return 0, fmt.Errorf("%s is not ready: %w; it said:\n%s", p.name, errors.Join(context.Cause(ctx), err), p.Output())
		case <-tick.C:
		}
	}
}
