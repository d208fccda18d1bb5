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
// would hide by sending less. An endpoint in memory is asked at the same times: what
// is late there was sent late.
func measureOpenLoop(ctx context.Context, r *rig) ([]figure, error) {
	count := int64(r.effort.open / openEvery)
	jobs := int(count) * (r.effort.rounds + 1)
	sv, ours, floor, err := r.newDoors(ctx, settings{accounts: jobs/mostInFlight + 1, tenants: openTenants})
	if err != nil {
		return nil, err
	}
	defer sv.close()
	memory := &door{addr: sv.upstream, status: http.StatusOK}
	err = sv.handIn(ctx, []*door{ours, floor, memory}, func(d *door, round int) wire.Load {
		request := func(n int64) wire.Request { return mixedRequest(d.addr, int(n)+round*int(count)) }
		return wire.Load{Conns: openConns, Request: request, Every: openEvery, Count: count}
	})
	return openFigures(ours, floor, memory, count), err
}

func openFigures(ours, floor, memory *door, count int64) []figure {
	const what = "bare Echo and asynq Enqueue at the same rate"
	answer := func(name string, ours, floor, memory []float64) figure {
		f := compare(name, millis, ours, floor, what)
		f.Note = fmt.Sprintf("an endpoint in memory %s ms", number(median(memory)))
		return f
	}
	p99 := answer("answer, p99", ours.p99, floor.p99, memory.p99)
	rate := compare("rate", perSecond, ours.rates, memory.rates, "an endpoint in memory, asked at the same times")
	rate.Note = fmt.Sprintf("asked for %s a second, %d jobs of %d tenants in a round", number(float64(time.Second/openEvery)), count, openTenants)
	return []figure{
		answer("answer, p50", ours.p50, floor.p50, memory.p50),
		p99.aim(atMost(openRatio**p99.Floor + openSlack)),
		rate,
		compare("API's processor time a job", micros, ours.api, floor.api, what),
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
