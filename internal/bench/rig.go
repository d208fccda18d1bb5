package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/tintypehq/tintype/internal/bench/proc"
	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/testserver"
)

// rig is what all scenarios of a run share.
type rig struct {
	options

	dir    string // of this run; removed at its end
	bin    string // the programs
	self   string // the bench program, which stands for other things too
	effort effort
	stderr io.Writer // progress
}

// effort is how much care a run takes.
type effort struct {
	rounds   int
	window   time.Duration // of one measurement at full load
	starts   int           // of each program
	submits  int64         // jobs in one round
	starters int           // jobs one after the other
	answers  int           // videos that are waited for
	files    []int64       // sizes in MiB whose memory is compared
	pictures int           // made in one round, from request to answer
	open     time.Duration // of one round of an open loop
	videos   int           // running at once
	settle   time.Duration // watched while they run
	waiters  int           // callers and streams at once
	film     int64         // MB of the file that is delivered
}

func (o options) effort() effort {
	e := effort{
		rounds: 5, window: 1500 * time.Millisecond, starts: 7, submits: 1500,
		starters: 50, answers: 40, files: []int64{64, 512}, videos: 10_000, settle: 20 * time.Second,
		waiters: 10_000, film: 64, pictures: 60, open: 3 * time.Second,
	}
	if o.short {
		e = effort{
			rounds: 3, window: 500 * time.Millisecond, starts: 3, submits: 600,
			starters: 15, answers: 12, files: []int64{64, 256}, videos: 3000, settle: 5 * time.Second,
			waiters: 2000, film: 64, pictures: 24, open: time.Second,
		}
	}
	if o.rounds > 0 {
		e.rounds = o.rounds
	}
	return e
}

// newRig builds the programs.
func newRig(ctx context.Context, o options, stderr io.Writer) (*rig, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tt-bench-")
	if err != nil {
		return nil, err
	}
	r := &rig{options: o, dir: dir, bin: filepath.Join(dir, "bin"), self: self, effort: o.effort(), stderr: stderr}
	if err := r.build(ctx); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) build(ctx context.Context) error {
	r.say("building the programs")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", r.bin+string(filepath.Separator),
		"github.com/tintypehq/tintype/cmd/api", "github.com/tintypehq/tintype/cmd/worker", "github.com/tintypehq/tintype/cmd/tintype")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0") // as `make build` does
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

func (r *rig) close() { _ = os.RemoveAll(r.dir) } // a leftover in the temporary directory harms nobody

func (r *rig) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.stderr, "bench: "+format+"\n", args...)
}

// measure runs scenarios one after the other.
func (r *rig) measure(ctx context.Context, list []scenario) (*report, error) {
	out := newReport(r.short)
	for _, s := range list {
		r.say("%s: %s", s.name, s.about)
		began := time.Now()
		figures, err := s.run(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		out.Scenarios = append(out.Scenarios, outcome{s.name, s.about, s.target, roundTo(time.Since(began)), figures})
	}
	out.Took = roundTo(time.Since(out.At))
	return out, nil
}

func roundTo(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// program starts one of the programs, under a profile if that was asked for. addr is
// where it listens, if not where its settings say.
func (r *rig) program(ctx context.Context, name, config, addr string) (*proc.Process, error) {
	c := proc.Config{Name: name, Path: filepath.Join(r.bin, name), Args: []string{"--config", config}, Dir: r.dir}
	if addr != "" {
		c.Args = append(c.Args, "--addr", addr)
	}
	if r.profile != "" {
		dir, err := filepath.Abs(r.profile)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, fmt.Sprintf("%s-%s.pprof", name, time.Now().Format("150405.000")))
		c.Path, c.Args = r.self, append([]string{"stand", name, "-cpuprofile", file}, c.Args...)
	}
	return proc.Start(ctx, c)
}

// end ends a program: one under a profile has to write it.
func (r *rig) end(p *proc.Process) {
	if r.profile != "" {
		p.Stop(10 * time.Second)
		return
	}
	p.Kill()
}

// stand starts one of the things of package stand on a free port and waits
// until it listens.
func (r *rig) stand(ctx context.Context, role stand.Role, args ...string) (p *proc.Process, addr string, err error) {
	if addr, err = testserver.FreeAddr(ctx); err != nil {
		return nil, "", err
	}
	p, err = proc.Start(ctx, proc.Config{
		Name: string(role), Path: r.self, Args: append([]string{"stand", string(role), "-addr", addr}, args...), Dir: r.dir,
	})
	if err != nil {
		return nil, "", err
	}
	if err := p.AwaitListening(ctx, addr); err != nil {
		p.Kill()
		return nil, "", err
	}
	return p, addr, nil
}
