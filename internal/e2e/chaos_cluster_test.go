//go:build chaos

package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/crash"
)

// acts is where the programs of a cluster leave a mark when they meet the point
// for which they are armed.
type acts struct {
	dir   string
	point crash.Point
}

// mark is one act.
type mark struct {
	job string
	pid int
	at  time.Time
}

// arm gives the marks' directory and the variables that arm a program.
func arm(t *testing.T, p crash.Point, a crash.Action) (acts, []string) {
	t.Helper()
	dir := t.TempDir()
	return acts{dir, p}, []string{
		"CHAOS_CRASH_POINT=" + string(p), "CHAOS_CRASH_DIR=" + dir, "CHAOS_CRASH_ACTION=" + string(a),
	}
}

// all reads the marks, by job.
func (a acts) all() (map[string]mark, error) {
	files, err := os.ReadDir(a.dir)
	if err != nil {
		return nil, err
	}
	out := map[string]mark{}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".go") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(a.dir, f.Name()))
		if err != nil {
			return nil, err
		}
		info, err := f.Info()
		if err != nil {
			return nil, err
		}
		pid, err := strconv.Atoi(string(b))
		if err != nil {
			continue // it is being written
		}
		out[f.Name()] = mark{f.Name(), pid, info.ModTime()}
	}
	return out, nil
}

// await waits for the first mark.
func (c *cluster) awaitMark(a acts) mark {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), 30*time.Second)
	defer cancel()
	var first mark
	err := until(ctx, func() error {
		all, err := a.all()
		if err == nil && len(all) == 0 {
			err = fmt.Errorf("nothing has met %q", a.point)
		}
		for _, m := range all {
			first = m
		}
		return err
	})
	if err != nil {
		c.Fatal(err)
	}
	return first
}

// restartsMost bounds how often a supervisor starts one program again.
const restartsMost = 200

// supervise starts programs again that have crashed, as a deployment does. stop
// returns when all run and nobody looks after them any more.
func (c *cluster) supervise(programs ...*program) (stop func()) {
	ctx, cancel := context.WithCancel(c.ctx())
	var all sync.WaitGroup
	for _, p := range programs {
		all.Go(func() { c.revive(ctx, p) })
	}
	return func() {
		cancel()
		all.Wait()
		for _, p := range programs {
			if !p.alive() {
				c.run(p)
			}
		}
	}
}

func (c *cluster) revive(ctx context.Context, p *program) {
	for range restartsMost {
		select {
		case <-ctx.Done():
			return
		case <-p.done:
		}
		if code := p.cmd.ProcessState.ExitCode(); code != crash.ExitCode {
			c.Errorf("%s ended with exit code %d; it said:\n%s", p.name, code, p.log.Tail(40))
			return
		}
		if err := p.launch(c.ctx()); err != nil && p.alive() { // else it met the point again
			c.Errorf("%s does not start: %v", p.name, err)
			return
		}
	}
	c.Errorf("%s crashed %d times", p.name, restartsMost)
}

// settle is atRest for a row, which counts.
func (c *cluster) settle(r *row) (jobs []record, charges map[string]int) {
	c.Helper()
	jobs, charges = c.atRest()
	total := 0
	for _, n := range charges {
		total += n
	}
	r.count(len(jobs), total)
	return jobs, charges
}
