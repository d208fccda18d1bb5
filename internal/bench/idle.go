package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/tintypehq/tintype/internal/bench/proc"
	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/testserver"
)

const (
	mostIdle  = 40.0  // MiB
	mostReady = 150.0 // ms

	// calm is how long after its start a program's memory is read.
	calm = 1500 * time.Millisecond
)

// idler is one program, over several starts.
type idler struct {
	name   string
	start  func(context.Context) (*proc.Process, time.Duration, error)
	ready  []float64 // ms
	memory []float64 // MiB
}

// measureIdle starts the programs again and again.
func measureIdle(ctx context.Context, r *rig) ([]figure, error) {
	sv, err := r.newService(ctx, settings{}, stand.Simulator)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	floor := &idler{name: "floor", start: r.startBare}
	list := []*idler{
		{name: "api", start: func(ctx context.Context) (*proc.Process, time.Duration, error) {
			ready, err := sv.startAPI(ctx)
			return sv.api, ready, err
		}},
		{name: "worker", start: func(ctx context.Context) (*proc.Process, time.Duration, error) {
			ready, err := sv.startWorker(ctx)
			return sv.worker, ready, err
		}},
		{name: "tintype run", start: r.startRun},
	}
	for range r.effort.starts {
		if err := startAll(ctx, append(list, floor)); err != nil {
			return nil, err
		}
	}
	const what = "an Echo server with one route, linked into the bench program"
	var out []figure
	for _, i := range list {
		out = append(out,
			figure{Name: i.name + ", ready", Unit: millis, Ours: median(i.ready)}.against(median(floor.ready), what).aim(atMost(mostReady)),
			figure{Name: i.name + ", memory", Unit: mebibytes, Ours: median(i.memory)}.against(median(floor.memory), what).aim(atMost(mostIdle)))
	}
	return out, nil
}

// startAll starts each program once, one after the other, and reads their
// memory when they have calmed down.
func startAll(ctx context.Context, list []*idler) error {
	var running []*proc.Process
	defer func() {
		for _, p := range running {
			p.Kill()
		}
	}()
	for _, i := range list {
		p, ready, err := i.start(ctx)
		if p != nil {
			running = append(running, p)
		}
		if err != nil {
			return err
		}
		i.ready = append(i.ready, ms(ready))
	}
	if err := pause(ctx, calm); err != nil {
		return err
	}
	for n, i := range list {
		u, err := running[n].Usage()
		if err != nil {
			return err
		}
		i.memory = append(i.memory, mib(u.RSSBytes))
	}
	return nil
}

// startRun starts `tintype run`.
func (r *rig) startRun(ctx context.Context) (*proc.Process, time.Duration, error) {
	addr, err := testserver.FreeAddr(ctx)
	if err != nil {
		return nil, 0, err
	}
	data, err := os.MkdirTemp(r.dir, "data-")
	if err != nil {
		return nil, 0, err
	}
	return r.startAt(ctx, addr, proc.Config{
		Name: "run", Path: filepath.Join(r.bin, "tintype"), Args: []string{"run", "--addr", addr, "--data", data}, Dir: r.dir,
	})
}

// startBare starts the bare proxy, which has a /readyz too.
func (r *rig) startBare(ctx context.Context) (*proc.Process, time.Duration, error) {
	addr, err := testserver.FreeAddr(ctx)
	if err != nil {
		return nil, 0, err
	}
	return r.startAt(ctx, addr, proc.Config{
		Name: "bare", Path: r.self, Args: []string{"stand", string(stand.Passthrough), "-addr", addr}, Dir: r.dir,
	})
}

func (r *rig) startAt(ctx context.Context, addr string, c proc.Config) (*proc.Process, time.Duration, error) {
	p, err := proc.Start(ctx, c)
	if err != nil {
		return nil, 0, err
	}
	ready, err := p.AwaitOK(ctx, "http://"+addr+"/readyz")
	return p, ready, err
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
