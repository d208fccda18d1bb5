package server

import (
	"cmp"
	"context"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
)

// mostAttempts is how many pooled accounts one chat call tries.
const mostAttempts = 3

// standingWithin bounds the store's part in a chat: while the store is away, chats
// are answered with what was known of the accounts last.
const standingWithin = time.Second

// judge tells what an error of a chat call means: whether another account could mend
// it, and whether the one that met it was refused, so that nothing was made and it is
// to be left alone.
func judge(e *upstream.Error) (elsewhere, refused bool) {
	switch e.Class {
	case upstream.Auth, upstream.RiskControl, upstream.Quota, upstream.NotServed, upstream.RateLimited, upstream.Overloaded:
		return true, true
	case upstream.Transient, upstream.Timeout, upstream.Empty:
		// Sent again it might be paid twice, unless it surely never arrived.
		return e.Outcome == upstream.NotSent || e.Outcome == upstream.Rejected, e.Outcome == upstream.Rejected
	case upstream.ContentRejected, upstream.InvalidInput, upstream.Lost, upstream.Unknown:
	}
	return false, false
}

// lookAtAccounts reads how an upstream's accounts stand, if that was not done just
// now. One call in a second pays for it with a round trip; the others go by.
func (s *Server) lookAtAccounts(ctx context.Context, name string, pool *chatPool) {
	if !pool.look() {
		return
	}
	defer pool.looked()
	s.learn(ctx, pool, "the accounts' state cannot be read: chat goes by what was known last", func(ctx context.Context) (redisstore.Standing, error) {
		return s.cfg.Store.Standing(ctx, name)
	})
}

// noteRefusal writes down that an account is to be left alone, for everybody who
// uses it.
func (s *Server) noteRefusal(ctx context.Context, call *chatCall, pool *chatPool, id string, e *upstream.Error) {
	c, ours := e.Cooldown(id, call.request.Model)
	if !ours {
		return
	}
	s.metrics.cooldowns.WithLabelValues(call.name, string(c.Cause)).Inc()
	if c.Cause.Parks() {
		s.cfg.Log.ErrorContext(ctx, "an account is parked until somebody acts: a new credential in the settings, or `tintype accounts clear`",
			"account", id, "upstream", call.name, "cause", c.Cause, "evidence", c.Evidence)
	} else {
		s.cfg.Log.WarnContext(ctx, "an account failed a chat call", "account", id, "upstream", call.name, "class", string(e.Class), "err", e)
	}
	known := s.learn(ctx, pool, "an account's cooldown cannot be written down: this process alone knows it", func(ctx context.Context) (redisstore.Standing, error) {
		return s.cfg.Store.Cool(ctx, call.name, c)
	})
	if !known[id] {
		pool.rest(c)
	}
}

// noteWorks writes down that an account which was in doubt has answered.
func (s *Server) noteWorks(ctx context.Context, name string, pool *chatPool, id string) {
	s.learn(ctx, pool, "an account's recovery cannot be written down", func(ctx context.Context) (redisstore.Standing, error) {
		return s.cfg.Store.Works(ctx, name, id)
	})
}

// learn asks the store and keeps what it says, and tells which accounts it knows.
func (s *Server) learn(ctx context.Context, pool *chatPool, otherwise string, ask func(context.Context) (redisstore.Standing, error)) (known map[string]bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standingWithin)
	defer cancel()
	asked := time.Now()
	got, err := ask(ctx)
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "what is known of accounts is not shared", "why", otherwise, "err", err)
		return nil
	}
	pool.learn(got, asked)
	known = map[string]bool{}
	for id := range got.Accounts {
		known[id] = true
	}
	return known
}

// tryAccounts makes the call with the caller's own credential, or with pooled
// accounts until one answers or none could.
func (s *Server) tryAccounts(ctx context.Context, call *chatCall, do func(account.Account) error) error {
	if call.own != nil {
		return s.chatFault(call, do(*call.own))
	}
	pool, tried := s.pooled.chatOf(call.name), map[string]bool{}
	s.lookAtAccounts(ctx, call.name, pool)
	var last *upstream.Error
	for range mostAttempts {
		a, soon := pool.take(call.request.Model, tried)
		if a.chatAccount == nil {
			return noAccount(last, soon)
		}
		tried[a.ID] = true
		elsewhere, err := s.tryAccount(ctx, call, pool, a, do)
		if err == nil || !elsewhere {
			return err
		}
		last = upstream.AsError(err)
	}
	return noAccount(last, pool.soonest(call.request.Model))
}

// tryAccount makes the call with one pooled account, and tells whether another one
// could mend its error.
func (s *Server) tryAccount(ctx context.Context, call *chatCall, pool *chatPool, a taken, do func(account.Account) error) (elsewhere bool, err error) {
	defer pool.done(a)
	if err = do(a.Account); err == nil {
		s.count(call, "answered")
		if a.doubted {
			s.noteWorks(ctx, call.name, pool, a.ID)
		}
		return false, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	e := upstream.AsError(err)
	s.count(call, string(e.Class))
	elsewhere, refused := judge(e)
	if refused {
		s.noteRefusal(ctx, call, pool, a.ID, e)
	}
	return elsewhere, err
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
