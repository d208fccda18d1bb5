package main

import (
	"context"
	"net/http"

	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
)

const (
	submitConns     = 64
	leastSubmitRate = 0.4 // of the floor's
)

// measureSubmit compares the rate at which jobs are accepted. There are slots
// for all of them and no worker: each job is written, admitted, given a slot and
// its bell is rung, and nothing is done about it.
func measureSubmit(ctx context.Context, r *rig) ([]figure, error) {
	jobs := r.effort.submits * int64(r.effort.rounds+1)
	sv, err := r.newService(ctx, settings{accounts: int(jobs/mostInFlight) + 1}, stand.Upstream)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	if _, err := sv.startAPI(ctx); err != nil {
		return nil, err
	}
	floor, addr, err := r.stand(ctx, stand.Enqueue, "-redis", sv.redis.Addr)
	if err != nil {
		return nil, err
	}
	sv.onClose(floor.Kill)
	var ours, bare, p50 []float64
	for round := range r.effort.rounds + 1 {
		mine, err := submitTo(ctx, sv.apiAddr, r.effort.submits)
		if err != nil {
			return nil, err
		}
		other, err := submitTo(ctx, addr, r.effort.submits)
		if err != nil {
			return nil, err
		}
		if round > 0 {
			ours, bare = append(ours, mine.Rate()), append(bare, other.Rate())
			p50 = append(p50, median(inMillis(mine.Latencies)))
		}
	}
	f := compare("jobs accepted", perSecond, ours, bare, "bare Echo and asynq Enqueue on the same Redis").aim(ratioAtLeast(leastSubmitRate))
	return []figure{f, {Name: "answer at that load, p50", Unit: millis, Ours: median(p50)}}, nil
}

func submitTo(ctx context.Context, addr string, jobs int64) (wire.Result, error) {
	request := wire.NewRequest(http.MethodPost, "/v1/images/generations", addr,
		`{"model":"Seedream 4.0","prompt":"A red fox in the snow, watercolour","ratio":"16:9"}`,
		"Authorization: Bearer pooled", "Prefer: respond-async")
	return wire.Load{
		Addr: addr, Conns: submitConns, Request: wire.Same(request), Status: http.StatusAccepted, Contains: `"id"`, Count: jobs,
	}.Run(ctx)
}
