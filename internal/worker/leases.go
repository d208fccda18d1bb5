package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/redisstore"
)

// errLeaseLost ends the context of whoever acts on a job that is no longer
// this process's.
var errLeaseLost = errors.New("worker: the lease on the job is lost")

// leases keeps the leases of one process alive, all in one call, and tells
// their holders when one is lost. When Redis cannot be reached it gives a lease
// up by its own clock, in time before another worker may take it.
type leases struct {
	store   *redisstore.Store
	log     *slog.Logger
	metrics *metrics

	mu   sync.Mutex
	held map[redisstore.Lease]*held
}

// held is one lease.
type held struct {
	until  time.Time // by this process's monotonic clock; never later than the store's
	cancel context.CancelCauseFunc
}

func newLeases(store *redisstore.Store, log *slog.Logger, m *metrics) *leases {
	return &leases{store: store, log: log, metrics: m, held: map[redisstore.Lease]*held{}}
}

// hold keeps a lease that was claimed by a call begun at a time. The context
// that it gives ends with errLeaseLost when the lease is lost; done must be
// called, and does not give the lease back.
func (l *leases) hold(ctx context.Context, lease redisstore.Lease, claimed time.Time) (held context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	l.add(lease, claimed, cancel)
	return ctx, func() {
		l.drop(lease)
		cancel(context.Canceled)
	}
}

func (l *leases) add(lease redisstore.Lease, claimed time.Time, cancel context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[lease] = &held{until: claimed.Add(l.store.Lease()), cancel: cancel}
	l.metrics.leases.Set(float64(len(l.held)))
}

func (l *leases) drop(lease redisstore.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, lease)
	l.metrics.leases.Set(float64(len(l.held)))
}

// extend notes that a call begun at a time has prolonged a lease.
func (l *leases) extend(lease redisstore.Lease, begun time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.held[lease]; h != nil {
		h.until = begun.Add(l.store.Lease())
	}
}

// fresh tells whether more than half of a lease is left. Right before a paid
// request that is asked, since a process may have been stopped for any time
// since it took the lease.
func (l *leases) fresh(lease redisstore.Lease) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[lease]
	return h != nil && time.Until(h.until) > l.store.Lease()/2
}

// run renews until ctx ends. The clock is watched beside that, so that a Redis
// that does not answer cannot keep us from giving up in time.
func (l *leases) run(ctx context.Context) {
	look := l.store.Lease() / 15
	var loops sync.WaitGroup
	// One look ahead: a lease that lapses before the next look is given up now, and
	// not when another worker has it already.
	loops.Go(func() { every(ctx, look, func() { l.expire(time.Now().Add(look)) }) })
	loops.Go(func() { every(ctx, l.store.Lease()/3, func() { l.renew(ctx) }) })
	loops.Wait()
}

// every calls f in an interval until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	tick := time.NewTicker(max(d, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}

// renew prolongs all leases. The call gets a third of a lease, so that the next
// one is in time.
func (l *leases) renew(ctx context.Context) {
	all := l.where(func(*held) bool { return true })
	if len(all) == 0 {
		return
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, l.store.Lease()/3)
	defer cancel()
	lost, err := l.store.Renew(ctx, all)
	if err != nil {
		l.log.WarnContext(ctx, "leases could not be renewed", "leases", len(all), "err", err)
		return
	}
	for _, lease := range lost {
		l.lose(lease)
	}
	for _, lease := range all {
		l.extend(lease, begun) // those lost are no longer held
	}
}

// expire gives up the leases that may have lapsed.
func (l *leases) expire(now time.Time) {
	for _, lease := range l.where(func(h *held) bool { return now.After(h.until) }) {
		l.lose(lease)
	}
}

func (l *leases) lose(lease redisstore.Lease) {
	l.mu.Lock()
	h := l.held[lease]
	delete(l.held, lease)
	l.metrics.leases.Set(float64(len(l.held)))
	l.mu.Unlock()
	if h != nil {
		l.metrics.leasesLost.Inc()
		h.cancel(errLeaseLost)
	}
}

func (l *leases) where(holds func(*held) bool) []redisstore.Lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []redisstore.Lease
	for lease, h := range l.held {
		if holds(h) {
			out = append(out, lease)
		}
	}
	return out
}
