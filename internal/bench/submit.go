package main

import (
	"context"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/bench/proc"
	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
)

const (
	submitConns     = 64
	leastSubmitRate = 0.4 // of the floor's

	// floorJobs is how many times our jobs the floor is given in a round, so
	// that both take about as long.
	floorJobs = 4
)

// door is a way of handing a job in.
type door struct {
	addr    string
	process *proc.Process
	jobs    int64 // in one round

	rates, p50     []float64
	api, redisTime []float64 // µs of a processor for one job
}

// measureSubmit compares the rate at which jobs are accepted. There are slots
// for all of them and no worker: each job is written, admitted, given a slot and
// its bell is rung, and nothing is done about it.
func measureSubmit(ctx context.Context, r *rig) ([]figure, error) {
	jobs := r.effort.submits * int64(r.effort.rounds+1)
	sv, bare, addr, err := r.newDoors(ctx, settings{accounts: int(jobs/mostInFlight) + 1})
	if err != nil {
		return nil, err
	}
	defer sv.close()
	ours, floor := &door{addr: sv.apiAddr, process: sv.api, jobs: r.effort.submits}, &door{addr: addr, process: bare, jobs: floorJobs * r.effort.submits}
	for round := range r.effort.rounds + 1 {
		for _, one := range inTurn([]*door{ours, floor}, round) {
			if err := one.submit(ctx, sv.redis.PID(), round > 0); err != nil {
				return nil, err
			}
		}
	}
	return submitFigures(ours, floor), nil
}

// newDoors starts an API without a worker, and the floor that hands jobs in at the
// same Redis. Close the service afterwards.
func (r *rig) newDoors(ctx context.Context, s settings) (sv *service, bare *proc.Process, addr string, err error) {
	if sv, err = r.newService(ctx, s, stand.Upstream); err != nil {
		return nil, nil, "", err
	}
	if _, err = sv.startAPI(ctx); err == nil {
		bare, addr, err = r.stand(ctx, stand.Enqueue, "-redis", sv.redis.Addr)
	}
	if err != nil {
		sv.close()
		return nil, nil, "", err
	}
	sv.onClose(bare.Kill)
	return sv, bare, addr, nil
}

func submitFigures(ours, floor *door) []figure {
	const what = "bare Echo and asynq Enqueue on the same Redis"
	return []figure{
		compare("jobs accepted", perSecond, ours.rates, floor.rates, what).aim(ratioAtLeast(leastSubmitRate)),
		compare("answer at that load, p50", millis, ours.p50, floor.p50, what),
		compare("API's processor time a job", micros, ours.api, floor.api, what),
		compare("Redis' processor time a job", micros, ours.redisTime, floor.redisTime, what),
	}
}

// submit hands jobs in, as fast as they are taken. The first round warms up and
// does not count.
func (d *door) submit(ctx context.Context, redis int, counts bool) error {
	load := wire.Load{
		Addr: d.addr, Conns: submitConns, Request: wire.Same(imageRequest(d.addr, "Prefer: respond-async")), Status: http.StatusAccepted, Contains: `"id"`, Count: d.jobs,
	}
	api, store, err := d.usage(redis)
	if err != nil {
		return err
	}
	result, err := load.Run(ctx)
	if err != nil {
		return err
	}
	apiAfter, storeAfter, err := d.usage(redis)
	if err != nil || !counts {
		return err
	}
	each := func(t time.Duration) float64 { return float64(t.Microseconds()) / float64(result.Answers) }
	d.rates, d.p50 = append(d.rates, result.Rate()), append(d.p50, median(inMillis(result.Latencies)))
	d.api, d.redisTime = append(d.api, each(apiAfter-api)), append(d.redisTime, each(storeAfter-store))
	return nil
}

func (d *door) usage(redis int) (api, store time.Duration, err error) {
	a, err := d.process.Usage()
	if err != nil {
		return 0, 0, err
	}
	s, err := proc.UsageOf(redis)
	return a.CPU, s.CPU, err
}
