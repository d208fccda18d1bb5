package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/bench/wire"
)

const (
	openTenants = 20
	openConns   = 128
	openEvery   = 2 * time.Millisecond // 500 a second
	openRatio   = 3.0
	openSlack   = 5.0 // ms
)

// measureOpenLoop has many tenants hand in jobs at a rate that does not wait for the
// service: what queues up inside of it shows in the answers, which a closed loop
// would hide by sending less.
func measureOpenLoop(ctx context.Context, r *rig) ([]figure, error) {
	jobs := int64(r.effort.open/openEvery) + 1
	sv, _, addr, err := r.newDoors(ctx, settings{accounts: int(jobs)/mostInFlight + 1, tenants: openTenants})
	if err != nil {
		return nil, err
	}
	defer sv.close()
	floor, err := openLoad(addr, r.effort.open).Run(ctx)
	if err != nil {
		return nil, err
	}
	before, err := sv.api.Usage()
	if err != nil {
		return nil, err
	}
	ours, err := openLoad(sv.apiAddr, r.effort.open).Run(ctx)
	if err != nil {
		return nil, err
	}
	after, err := sv.api.Usage()
	if err != nil {
		return nil, err
	}
	return openFigures(ours, floor, after.CPU-before.CPU), nil
}

func openFigures(ours, floor wire.Result, cpu time.Duration) []figure {
	const what = "bare Echo and asynq Enqueue at the same rate"
	at := func(r wire.Result, q float64) float64 { return quantile(inMillis(r.Latencies), q) }
	p99 := at(floor, 0.99)
	return []figure{
		figure{Name: "answer, p50", Unit: millis, Ours: at(ours, 0.5)}.against(at(floor, 0.5), what),
		figure{Name: "answer, p99", Unit: millis, Ours: at(ours, 0.99)}.against(p99, what).aim(atMost(openRatio*p99 + openSlack)),
		{Name: "rate", Unit: perSecond, Ours: ours.Rate(), Note: fmt.Sprintf("%d jobs of %d tenants", ours.Answers, openTenants)},
		{Name: "API, of a core", Unit: percent, Ours: 100 * cpu.Seconds() / ours.Took.Seconds()},
	}
}

func openLoad(addr string, during time.Duration) wire.Load {
	return wire.Load{
		Addr: addr, Conns: openConns, Request: func(n int64) wire.Request { return mixedRequest(addr, int(n)) },
		Status: http.StatusAccepted, Contains: `"id"`, Every: openEvery, Count: int64(during / openEvery),
	}
}

// mixedRequest is the n-th of many tenants' requests.
func mixedRequest(addr string, n int) wire.Request {
	path, body := "/v1/images/generations", `{"model":"Seedream 4.0","prompt":"A red fox in the snow, watercolour","ratio":"16:9","priority":%q}`
	if n%4 == 0 {
		path, body = "/v1/video/generations", `{"model":"doubao-video","prompt":"Waves on a beach at night","priority":%q}`
	}
	priority := []string{"normal", "low", "normal"}[n%3]
	return wire.NewRequest(http.MethodPost, path, addr, fmt.Sprintf(body, priority),
		"Authorization: Bearer "+tenantKey(n%openTenants), "Prefer: respond-async", fmt.Sprintf("Idempotency-Key: open-%s-%d", addr, n))
}
