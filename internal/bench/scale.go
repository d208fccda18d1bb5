package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/bench/proc"
	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
	"github.com/tintypehq/tintype/internal/testserver"
)

const (
	scaleConns  = 32 // blocking callers, over all APIs
	scaleUnused = 4 * time.Second
)

// fleet is a number of the programs on the same stores.
type fleet struct {
	sv             *service
	apis, workers  []*proc.Process
	addrs          []string // of the APIs
	rates          []float64
	api, worker    []float64 // µs of a processor for one picture
	store          []float64 // the same of Redis
	memory         float64   // MiB, of all, at the end
	empty, kept    float64   // bytes that Redis holds, before the first job and at the end
	jobs           int
	unused         float64 // % of a core that Redis takes while nobody calls
	unusedPrograms float64 // the same of the programs
}

// measureScale makes pictures, from the request to the answer, with more and more
// processes. On one machine they share its processors: what shows is not what a
// second machine would bring, but what each process more costs.
func measureScale(ctx context.Context, r *rig) ([]figure, error) {
	var fleets []*fleet
	for _, size := range [][2]int{{1, 1}, {2, 1}, {1, 2}, {2, 2}} {
		f, err := r.newFleet(ctx, size[0], size[1])
		if err != nil {
			return nil, err
		}
		defer f.sv.close()
		fleets = append(fleets, f)
	}
	for round := range r.effort.rounds + 1 { // the first one warms up
		for i := range fleets {
			if err := fleets[(round+i)%len(fleets)].makePictures(ctx, r.effort.pictures, round > 0); err != nil {
				return nil, err
			}
		}
	}
	var out []figure
	for _, f := range fleets {
		if err := f.rest(ctx); err != nil {
			return nil, err
		}
		out = append(out, f.figures(fleets[0])...)
	}
	return out, nil
}

// newFleet starts so many APIs and workers, with stores of their own.
func (r *rig) newFleet(ctx context.Context, apis, workers int) (f *fleet, err error) {
	sv, err := r.newService(ctx, settings{accounts: 1}, stand.Simulator)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			sv.close()
		}
	}()
	f = &fleet{sv: sv}
	for range apis {
		p, addr, err := f.start(ctx, "api")
		if err != nil {
			return nil, err
		}
		f.apis, f.addrs = append(f.apis, p), append(f.addrs, addr)
	}
	for range workers {
		p, _, err := f.start(ctx, "worker")
		if err != nil {
			return nil, err
		}
		f.workers = append(f.workers, p)
	}
	f.empty, err = f.redisMemory(ctx)
	return f, err
}

// redisMemory is how many bytes Redis holds.
func (f *fleet) redisMemory(ctx context.Context) (float64, error) {
	rdb := redis.NewClient(&redis.Options{Addr: f.sv.redis.Addr})
	defer func() { _ = rdb.Close() }()
	info, err := rdb.InfoMap(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(info["Memory"]["used_memory"], 64)
}

func (f *fleet) start(ctx context.Context, name string) (*proc.Process, string, error) {
	addr, err := testserver.FreeAddr(ctx)
	if err != nil {
		return nil, "", err
	}
	p, err := f.sv.rig.program(ctx, name, f.sv.config, addr)
	if err != nil {
		return nil, "", err
	}
	f.sv.onClose(func() { f.sv.rig.end(p) })
	_, err = p.AwaitOK(ctx, "http://"+addr+"/readyz")
	return p, addr, err
}

// used is what processes have used of a processor since their start.
func used(list []*proc.Process) (cpu time.Duration, rss int64, err error) {
	for _, p := range list {
		u, err := p.Usage()
		if err != nil {
			return 0, 0, err
		}
		cpu, rss = cpu+u.CPU, rss+u.RSSBytes
	}
	return cpu, rss, nil
}

// spent is what everything has used since its start.
type spent struct{ api, worker, store time.Duration }

func (f *fleet) spent() (s spent, err error) {
	if s.api, _, err = used(f.apis); err != nil {
		return s, err
	}
	if s.worker, _, err = used(f.workers); err != nil {
		return s, err
	}
	redis, err := proc.UsageOf(f.sv.redis.PID())
	s.store = redis.CPU
	return s, err
}

// makePictures has callers wait for pictures, spread over the APIs.
func (f *fleet) makePictures(ctx context.Context, n int, counts bool) error {
	before, err := f.spent()
	if err != nil {
		return err
	}
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for _, addr := range f.addrs {
		load := wire.Load{
			Addr: addr, Conns: scaleConns / len(f.addrs), Request: wire.Same(imageRequest(addr)), Status: http.StatusOK, Contains: `"url"`,
			Count: int64(n / len(f.addrs)),
		}
		group.Go(func() error {
			_, err := load.Run(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	took := time.Since(began)
	f.jobs += n
	after, err := f.spent()
	if err != nil || !counts {
		return err
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n) }
	f.rates = append(f.rates, float64(n)/took.Seconds())
	f.api, f.worker, f.store = append(f.api, each(after.api-before.api)), append(f.worker, each(after.worker-before.worker)), append(f.store, each(after.store-before.store))
	return nil
}

// rest looks at what is used while nobody calls.
func (f *fleet) rest(ctx context.Context) error {
	before, err := f.spent()
	if err != nil {
		return err
	}
	if err := pause(ctx, scaleUnused); err != nil {
		return err
	}
	after, err := f.spent()
	if err != nil {
		return err
	}
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / scaleUnused.Seconds() }
	f.unused, f.unusedPrograms = share(after.store-before.store), share(after.api-before.api+after.worker-before.worker)
	_, apis, err := used(f.apis)
	if err != nil {
		return err
	}
	_, workers, err := used(f.workers)
	if err != nil {
		return err
	}
	f.memory = mib(apis + workers)
	f.kept, err = f.redisMemory(ctx)
	return err
}

func (f *fleet) figures(least *fleet) []figure {
	name := func(what string) string {
		return fmt.Sprintf("%d API, %d worker: %s", len(f.apis), len(f.workers), what)
	}
	const what = "one of each"
	list := []figure{
		compare(name("pictures"), perSecond, f.rates, least.rates, what),
		compare(name("APIs' processor time a picture"), micros, f.api, least.api, what),
		compare(name("workers' processor time a picture"), micros, f.worker, least.worker, what),
		compare(name("Redis' processor time a picture"), micros, f.store, least.store, what),
		figure{Name: name("memory of all"), Unit: mebibytes, Ours: f.memory}.against(least.memory, what),
		figure{Name: name("Redis unused, of a core"), Unit: percent, Ours: f.unused}.against(least.unused, what),
		figure{Name: name("programs unused, of a core"), Unit: percent, Ours: f.unusedPrograms}.against(least.unusedPrograms, what),
	}
	if f != least {
		return list
	}
	list = append(list, figure{
		Name: "Redis' memory for a finished picture", Unit: kibibytes, Ours: (f.kept - f.empty) / float64(f.jobs) / 1024,
		Note: fmt.Sprintf("as long as it is kept; of %d", f.jobs),
	})
	for i := range list { // nothing to hold it against but itself
		list[i].Floor, list[i].Ratio, list[i].FloorIs = nil, nil, ""
	}
	return list
}
