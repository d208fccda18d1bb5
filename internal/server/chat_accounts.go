package server

import (
	"cmp"
	"context"
	"maps"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// mostAttempts is how many pooled accounts one chat call tries.
const mostAttempts = 3

// How long an account that failed is passed over, where the upstream did not
// say. Short: this is one process's own memory, so that a call does not run
// into the same wall twice.
const (
	restRefused = time.Minute     // it needs an operator
	restLimited = 5 * time.Second // it was asked too much
	restBroken  = 2 * time.Second // it may be a moment's trouble
	longestRest = 10 * time.Minute
)

// chatPool is an upstream's pooled accounts, least recently used first. Safe
// for concurrent use.
type chatPool struct {
	mu   sync.Mutex
	turn int64
	all  []*chatAccount
}

type chatAccount struct {
	account.Account
	used  int64                // the turn in which it was used last
	rests map[string]time.Time // until when, by the upstream's model; "" is every model
}

// with gives a pool of the enabled ones of some accounts. One whose credential is
// the same keeps what is known of it.
func (p *chatPool) with(all []account.Account) *chatPool {
	next, known := &chatPool{}, map[string]*chatAccount{}
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		next.turn = p.turn
		for _, a := range p.all {
			known[a.ID] = a
		}
	}
	for _, a := range all {
		if a.Disabled {
			continue
		}
		one := &chatAccount{Account: a, rests: map[string]time.Time{}}
		if old := known[a.ID]; old != nil && old.Secret == a.Secret {
			one.used = old.used
			maps.Copy(one.rests, old.rests)
		}
		next.all = append(next.all, one)
	}
	return next
}

// take gives the account whose turn it is and that was not tried, or tells how
// soon the first that rests will be back; zero: none rests.
func (p *chatPool) take(model string, tried map[string]bool) (a *chatAccount, soon time.Duration) {
	if p == nil {
		return nil, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, one := range p.all {
		if !one.Serves(model) {
			continue
		}
		if rest := one.restsUntil(model).Sub(now); rest > 0 {
			if soon == 0 || rest < soon {
				soon = rest
			}
			continue
		}
		if !tried[one.ID] && (a == nil || one.used < a.used) {
			a = one
		}
	}
	if a != nil {
		p.turn++
		a.used = p.turn
	}
	return a, soon
}

// soonest is how soon a caller may come again: when the first account is back,
// or in a moment if one does not rest. Zero: none serves the model.
func (p *chatPool) soonest(model string) (soon time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.all {
		if !one.Serves(model) {
			continue
		}
		if rest := max(time.Until(one.restsUntil(model)), time.Second); soon == 0 || rest < soon {
			soon = rest
		}
	}
	return soon
}

func (a *chatAccount) restsUntil(model string) time.Time {
	whole, one := a.rests[""], a.rests[model]
	if one.After(whole) {
		return one
	}
	return whole
}

// rest takes an account out of use for a while. An account of which another
// call succeeded in the meantime is not spared: the wall is still there.
func (p *chatPool) rest(a *chatAccount, model string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.rests[model] = time.Now().Add(min(d, longestRest))
}

// verdict is what an error of a chat call means for its account.
type verdict struct {
	elsewhere bool          // another account could mend it
	rest      time.Duration // zero: none
	model     bool          // the rest is for this model alone
}

func judge(e *upstream.Error) verdict {
	after := func(d time.Duration) time.Duration { return cmp.Or(e.RetryAfter, d) }
	switch e.Class {
	case upstream.Auth, upstream.RiskControl:
		return verdict{elsewhere: true, rest: restRefused}
	case upstream.Quota:
		return verdict{elsewhere: true, rest: after(restRefused), model: true}
	case upstream.NotServed:
		return verdict{elsewhere: true, rest: restRefused, model: true}
	case upstream.RateLimited:
		return verdict{elsewhere: true, rest: after(restLimited), model: true}
	case upstream.Overloaded:
		return verdict{elsewhere: true, rest: after(restBroken), model: true}
	case upstream.Transient, upstream.Timeout, upstream.Empty:
		// Sent again it might be paid twice, unless it surely never arrived.
		return verdict{elsewhere: e.Outcome == upstream.NotSent || e.Outcome == upstream.Rejected}
	case upstream.ContentRejected, upstream.InvalidInput, upstream.Lost, upstream.Unknown:
	}
	return verdict{}
}

// tryAccounts makes the call with the caller's own credential, or with pooled
// accounts until one answers or none could.
func (s *Server) tryAccounts(ctx context.Context, call *chatCall, do func(account.Account) error) error {
	if call.own != nil {
		return s.chatFault(call, do(*call.own))
	}
	pool, tried := s.pooled.chatOf(call.name), map[string]bool{}
	var last *upstream.Error
	for range mostAttempts {
		a, soon := pool.take(call.request.Model, tried)
		if a == nil {
			return noAccount(last, soon)
		}
		tried[a.ID] = true
		err := do(a.Account)
		if err == nil {
			s.count(call, "answered")
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		last = upstream.AsError(err)
		s.count(call, string(last.Class))
		v := judge(last)
		if v.rest > 0 {
			model := ""
			if v.model {
				model = call.request.Model
			}
			pool.rest(a, model, v.rest)
			s.cfg.Log.WarnContext(ctx, "an account failed a chat call", "account", a.ID, "class", string(last.Class), "rest", v.rest.String(), "err", err)
		}
		if !v.elsewhere {
			return err
		}
	}
	return noAccount(last, pool.soonest(call.request.Model))
}

func (s *Server) count(call *chatCall, outcome string) {
	s.metrics.attempts.WithLabelValues(call.name, outcome).Inc()
}

// chatFault is what a caller with its own credential reads.
func (s *Server) chatFault(call *chatCall, err error) error {
	if err == nil {
		s.count(call, "answered")
		return nil
	}
	e := upstream.AsError(err)
	s.count(call, string(e.Class))
	if e.Class == upstream.Auth {
		return errDeadCredential(err)
	}
	if e.Fault != nil && e.RetryAfter > 0 && e.Fault.RetryAfter == 0 {
		return fault.Wrap(e.Fault.Code, e.Fault.Message, err).WithParam(e.Fault.Param).WithRetryAfter(e.RetryAfter)
	}
	return err
}

// noAccount is what a caller of the pool reads when no account could answer.
// What is wrong with an account is not its business.
func noAccount(last *upstream.Error, soon time.Duration) error {
	if last == nil {
		return fault.New(fault.PoolExhausted, "No account of this service can serve the model at the moment.").WithParam("model").WithRetryAfter(soon)
	}
	switch last.Class {
	case upstream.Transient, upstream.Timeout, upstream.Empty:
		return last
	case upstream.Auth, upstream.RiskControl, upstream.RateLimited, upstream.Quota, upstream.NotServed, upstream.Overloaded,
		upstream.ContentRejected, upstream.InvalidInput, upstream.Lost, upstream.Unknown:
	}
	after := cmp.Or(soon, last.RetryAfter)
	return fault.Wrap(fault.PoolExhausted, "No account of this service can serve the model at the moment.", last).WithParam("model").WithRetryAfter(after)
}
