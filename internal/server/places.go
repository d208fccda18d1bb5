package server

import (
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
)

// places are where callers wait in this process: so many in all, and so many for
// one tenant, so that none takes all of them. Safe for concurrent use.
type places struct {
	most, mostOfOne int

	mu    sync.Mutex
	taken int
	of    map[string]int // by tenant
}

func newPlaces(most, mostOfOne int) *places {
	return &places{most: most, mostOfOne: mostOfOne, of: map[string]int{}}
}

// free says why there is no place for one more of a tenant at the moment; nil if
// there is one.
func (p *places) free(tenant string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.full(tenant)
}

func (p *places) full(tenant string) error {
	const soon = 5 * time.Second
	switch {
	case p.taken >= p.most:
		return fault.New(fault.QueueFull, "Too many calls are waiting on this server. Try again in a moment, or ask with \"Prefer: respond-async\".").WithRetryAfter(soon)
	case p.of[tenant] >= p.mostOfOne:
		return fault.Newf(fault.RateLimited, "This credential has %d calls and streams waiting on this server, which is all that it may have (setting limits.waiting_per_tenant). End some, or ask with \"Prefer: respond-async\" and poll.", p.mostOfOne).WithRetryAfter(soon)
	}
	return nil
}

// take takes a place, to be given back by leave.
func (p *places) take(tenant string) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.full(tenant); err != nil {
		return nil, err
	}
	p.taken++
	p.of[tenant]++
	return func() { p.leave(tenant) }, nil
}

func (p *places) leave(tenant string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken--
	if p.of[tenant]--; p.of[tenant] == 0 {
		delete(p.of, tenant)
	}
}
