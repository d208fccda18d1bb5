package server

import (
	"maps"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/redisstore"
)

const (
	// standingFresh is how long what was read of the accounts' state counts.
	standingFresh = time.Second

	// doubtRest is how soon a caller may come again while somebody finds out
	// whether an account works.
	doubtRest = time.Second
)

// chatPool is an upstream's pooled accounts, least recently used first, with what
// the store said of them last. Safe for concurrent use; nil has no accounts.
type chatPool struct {
	looking sync.Mutex // held while somebody asks the store

	mu    sync.Mutex
	turn  int64
	all   []*chatAccount
	next  time.Time // when to ask the store again; zero: it was never asked
	asked time.Time // when what is known was asked for
	whole resting   // of the upstream as a whole
}

type chatAccount struct {
	account.Account
	used int64 // the turn in which it was used last
	off  bool
	resting
	models map[string]time.Time // until when a model of the upstream is left alone
}

// resting is how something is left alone: until a time, and then in doubt until a
// call has found out.
type resting struct {
	parked  bool
	until   time.Time
	doubt   redisstore.Doubt
	probing bool // a chat of this process finds out
}

// left is for how much longer to leave it alone; zero: a call may come.
func (r resting) left(now time.Time) time.Duration {
	if d := r.until.Sub(now); d > 0 {
		return d
	}
	if r.doubt == redisstore.DoubtTaken || r.doubt == redisstore.DoubtOpen && r.probing {
		return doubtRest
	}
	return 0
}

// taken is an account for one call; it must be given to done.
type taken struct {
	*chatAccount
	doubted bool // it may not work: its success is news
}

// with gives a pool of the enabled ones of some accounts. One whose credential is
// the same keeps what is known of it.
func (p *chatPool) with(all []account.Account) *chatPool {
	next, known := &chatPool{}, map[string]*chatAccount{}
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		next.turn, next.whole = p.turn, p.whole
		next.whole.probing = false
		for _, a := range p.all {
			known[a.ID] = a
		}
	}
	for _, a := range all {
		if a.Disabled {
			continue
		}
		one := &chatAccount{Account: a}
		if old := known[a.ID]; old != nil && old.Secret == a.Secret {
			one.used, one.off, one.resting, one.models = old.used, old.off, old.resting, maps.Clone(old.models)
			one.probing = false
		}
		next.all = append(next.all, one)
	}
	return next
}

// look tells whether to ask the store now, and then to call looked. Whoever comes
// while another one asks goes on with what is known, if anything is.
func (p *chatPool) look() bool {
	if p == nil {
		return false
	}
	due := func() (due, ever bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return time.Now().After(p.next), !p.next.IsZero()
	}
	now, ever := due()
	switch {
	case !now || ever && !p.looking.TryLock():
		return false
	case !ever:
		p.looking.Lock()
	}
	if now, _ = due(); !now {
		p.looking.Unlock()
	}
	return now
}

func (p *chatPool) looked() {
	p.mu.Lock()
	p.next = time.Now().Add(standingFresh)
	p.mu.Unlock()
	p.looking.Unlock()
}

// learn takes in what the store has said, unless something newer is known. Accounts
// that the store does not know keep what this process has met.
func (p *chatPool) learn(got redisstore.Standing, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if asked.Before(p.asked) {
		return
	}
	p.asked = asked
	now := time.Now()
	p.whole = resting{until: now.Add(got.Rest), doubt: got.Doubt, probing: p.whole.probing}
	for _, one := range p.all {
		a, ok := got.Accounts[one.ID]
		if !ok {
			continue
		}
		one.off = a.Off
		one.resting = resting{parked: a.Parked, until: now.Add(a.Rest), doubt: a.Doubt, probing: one.probing}
		one.models = make(map[string]time.Time, len(a.Models))
		for model, left := range a.Models {
			one.models[model] = now.Add(left)
		}
	}
}

// take gives the account whose turn it is and that was not tried, or tells how
// soon the first that rests will be back; zero: none does by itself.
func (p *chatPool) take(model string, tried map[string]bool) (a taken, soon time.Duration) {
	if p == nil {
		return taken{}, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	best, soon := p.choose(model, tried, now)
	if best == nil {
		return taken{}, soon
	}
	p.turn++
	best.used = p.turn
	a = taken{best, p.whole.doubt != redisstore.NoDoubt || best.doubt != redisstore.NoDoubt}
	if a.doubted {
		best.probing = best.doubt != redisstore.NoDoubt
		p.whole.probing = p.whole.probing || p.whole.doubt != redisstore.NoDoubt
	}
	return a, soon
}

func (p *chatPool) choose(model string, tried map[string]bool, now time.Time) (best *chatAccount, soon time.Duration) {
	whole := p.whole.left(now)
	for _, one := range p.all {
		if one.off || one.parked || !one.Serves(model) {
			continue
		}
		if rest := max(whole, one.left(now), one.models[model].Sub(now)); rest > 0 {
			if soon == 0 || rest < soon {
				soon = rest
			}
			continue
		}
		if !tried[one.ID] && (best == nil || one.used < best.used) {
			best = one
		}
	}
	return best, soon
}

// done ends a call with an account.
func (p *chatPool) done(a taken) {
	if !a.doubted {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a.probing, p.whole.probing = false, false
}

// soonest is how soon a caller may come again: when the first account is back,
// or in a moment if one does not rest. Zero: none comes back by itself.
func (p *chatPool) soonest(model string) (soon time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	best, soon := p.choose(model, nil, time.Now())
	if best != nil || soon > 0 && soon < time.Second {
		return time.Second
	}
	return soon
}

// rest leaves an account alone of which the store does not know: it is away, or has
// lost it. Then this process is the only one that remembers.
func (p *chatPool) rest(c account.Cooldown) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until := time.Now().Add(max(c.For, account.ShortestCooldown))
	for _, one := range p.all {
		switch {
		case one.ID != c.Account:
		case c.Model == "":
			one.until = until
		default:
			if one.models == nil {
				one.models = map[string]time.Time{}
			}
			one.models[c.Model] = until
		}
	}
}
