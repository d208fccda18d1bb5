package app

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/telemetry"
)

// startMetrics shows what belongs to the program as a whole, until stop: a program that
// winds down still shows how it fares, and a Redis that is there is not away.
func (p *parts) startMetrics(ctx context.Context, program Program) (stop func()) {
	trips := p.registerMetrics(program)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var measuring sync.WaitGroup
	measuring.Go(func() { trips.Run(ctx) })
	return func() { cancel(); measuring.Wait() }
}

// registerMetrics registers it. What all processes share is shown by those that sweep:
// there is always one, or jobs are left lying.
func (p *parts) registerMetrics(program Program) *telemetry.RoundTrips {
	p.metrics.MustRegister(telemetry.BuildInfo(string(program), p.Version))
	if program == All || program == Worker && slices.Contains(p.Config.Worker.Roles, config.Sweep) {
		p.metrics.MustRegister(telemetry.NewFleet(p.log, p.readFleet))
	}
	return telemetry.NewRoundTrips(p.metrics, p.store.RoundTrip)
}

// readFleet counts what all processes together have to do.
func (p *parts) readFleet(ctx context.Context) (telemetry.Reading, error) {
	census, err := p.store.Census(ctx, slices.Sorted(maps.Keys(p.services.byName)))
	if err != nil {
		return telemetry.Reading{}, err
	}
	loads, err := p.monitor.Loads(ctx)
	if err != nil {
		return telemetry.Reading{}, err
	}
	var r telemetry.Reading
	for _, c := range census.Jobs {
		r.Jobs = append(r.Jobs, telemetry.JobCount{State: string(c.Stage), Kind: string(c.Kind), N: c.Jobs, Oldest: c.Oldest})
	}
	for _, u := range census.Upstreams {
		for _, kind := range []job.Kind{job.Image, job.Video} {
			r.Slots = append(r.Slots, telemetry.SlotCount{Upstream: u.Upstream, Kind: string(kind), Used: u.Used[kind], Limit: u.Slots[kind]})
		}
		r.Accounts = append(r.Accounts, countAccounts(u)...)
	}
	for _, l := range loads {
		r.Queues = append(r.Queues, telemetry.QueueCount{
			Queue: string(l.Stage), Pending: l.Pending, Active: l.Active, Scheduled: l.Scheduled, Retry: l.Retry, Archived: l.Archived,
			Orphans: l.Orphans, Oldest: l.Oldest,
		})
	}
	// A Redis that does not tell, as the embedded one and some managed ones do not, is no
	// failure: the rest is known, and one that is away has failed above.
	if m, err := p.store.Room(ctx); err == nil {
		r.Redis = &telemetry.RedisMemory{Used: m.Used, Limit: m.Limit}
	}
	return r, nil
}

// countAccounts gives an upstream's accounts by their labels. There is always a number
// of those that are ready: that there are none is worth knowing.
func countAccounts(u redisstore.UpstreamCount) (out []telemetry.AccountCount) {
	n := map[telemetry.AccountCount]int64{{Upstream: u.Upstream, State: string(redisstore.AccountReady)}: 0}
	for _, a := range u.Accounts {
		n[telemetry.AccountCount{Upstream: u.Upstream, State: string(a.Standing), Cause: causeLabel(a.Cause)}] += a.Accounts
	}
	for labels, count := range n {
		labels.N = count
		out = append(out, labels)
	}
	return out
}

// causeLabel keeps what another version may have written out of the labels.
func causeLabel(c account.Cause) string {
	switch c {
	case "", account.Auth, account.RiskControl, account.RateLimit, account.Quota, account.Overload, account.NotServed:
		return string(c)
	}
	return "other"
}
