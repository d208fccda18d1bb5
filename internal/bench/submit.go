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
	process *proc.Process // whose time counts; nil: nobody's
	status  int           // of its answers

	rates, p50, p99 []float64 // of the rounds
	api, redisTime  []float64 // µs of a processor for one job
}

// measureSubmit compares the rate at which jobs are accepted. There are slots
// for all of them and no worker: each job is written, admitted, given a slot and
// its bell is rung, and nothing is done about it.
func measureSubmit(ctx context.Context, r *rig) ([]figure, error) {
	jobs := r.effort.submits * int64(r.effort.rounds+1)
	sv, ours, floor, err := r.newDoors(ctx, settings{accounts: int(jobs/mostInFlight) + 1})
	if err != nil {
		return nil, err
	}
	defer sv.close()
	counts := map[*door]int64{ours: r.effort.submits, floor: floorJobs * r.effort.submits}
	err = sv.handIn(ctx, []*door{ours, floor}, func(d *door, _ int) wire.Load {
		return wire.Load{Conns: submitConns, Request: wire.Same(imageRequest(d.addr, "Prefer: respond-async")), Count: counts[d]}
	})
	return submitFigures(ours, floor), err
}

// newDoors starts an API without a worker, and the floor that hands jobs in at the
// same Redis. Close the service afterwards.
func (r *rig) newDoors(ctx context.Context, s settings) (sv *service, ours, floor *door, err error) {
	if sv, err = r.newService(ctx, s, stand.Upstream); err != nil {
		return nil, nil, nil, err
	}
	floor = &door{status: http.StatusAccepted}
	if _, err = sv.startAPI(ctx); err == nil {
		floor.process, floor.addr, err = r.stand(ctx, stand.Enqueue, "-redis", sv.redis.Addr)
	}
	if err != nil {
		sv.close()
		return nil, nil, nil, err
	}
	sv.onClose(floor.process.Kill)
	return sv, &door{addr: sv.apiAddr, process: sv.api, status: http.StatusAccepted}, floor, nil
}

// handIn hands jobs in at each door in turn, after a round that only warms up. load is
// what comes to a door in a round; where it comes and what is answered is the door's.
func (s *service) handIn(ctx context.Context, doors []*door, load func(d *door, round int) wire.Load) error {
	for round := range s.rig.effort.rounds + 1 {
		for _, d := range inTurn(doors, round) {
			l := load(d, round)
			l.Addr, l.Status, l.Contains = d.addr, d.status, `"id"`
			if err := d.take(ctx, l, s.redis.PID(), round > 0); err != nil {
				return err
			}
		}
	}
	return nil
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

// take lets a round's jobs come.
func (d *door) take(ctx context.Context, load wire.Load, redis int, counts bool) error {
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
	cost := func(t time.Duration) float64 { return float64(t.Microseconds()) / float64(result.Answers) }
	latencies := inMillis(result.Latencies)
	d.rates, d.p50, d.p99 = append(d.rates, result.Rate()), append(d.p50, median(latencies)), append(d.p99, quantile(latencies, 0.99))
	d.api, d.redisTime = append(d.api, cost(apiAfter-api)), append(d.redisTime, cost(storeAfter-store))
	return nil
}

func (d *door) usage(redis int) (api, store time.Duration, err error) {
	if api, err = cpuOf(d.process); err != nil {
		return 0, 0, err
	}
	s, err := proc.UsageOf(redis)
	return api, s.CPU, err
}
