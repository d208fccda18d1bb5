package worker

import (
	"context"
	"slices"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
)

// notServedFor is how long an account is not asked again for a model that it
// does not have.
const notServedFor = 10 * time.Minute

// cooldown says for what an account is to be left alone after a rejection;
// ours is false if the caller's request is at fault.
func cooldown(e *upstream.Error, j *job.Job) (c account.Cooldown, ours bool) {
	c = account.Cooldown{Account: j.Account, For: e.RetryAfter, Evidence: evidence(e)}
	switch e.Class {
	case upstream.ContentRejected, upstream.InvalidInput:
		return c, false
	case upstream.Auth:
		c.Cause = account.Auth
	case upstream.RiskControl:
		c.Cause = account.RiskControl
	case upstream.Quota:
		c.Cause, c.Model = account.Quota, j.Spec.UpstreamModel
	case upstream.NotServed:
		c.Cause, c.Model, c.For = account.NotServed, j.Spec.UpstreamModel, notServedFor
	case upstream.RateLimited:
		c.Cause = account.RateLimit
	case upstream.Overloaded, upstream.Transient, upstream.Empty, upstream.Timeout, upstream.Lost, upstream.Unknown:
		c.Cause = account.Overload
	}
	return c, true
}

// evidence is what an operator reads of a refusal, short. Drivers keep credentials
// out of it.
func evidence(e *upstream.Error) string {
	const most = 300
	text := string(e.Class)
	if e.Cause != nil {
		text = e.Cause.Error()
	}
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}

// noteCooldown counts that an account is left alone, and says aloud that one waits
// for its operator.
func (s *submission) noteCooldown(ctx context.Context, c account.Cooldown) {
	if account.IsOwn(c.Account) {
		return
	}
	s.metrics.cooldowns.WithLabelValues(s.job.Spec.Upstream, string(c.Cause)).Inc()
	if c.Cause == account.Auth || c.Cause == account.RiskControl {
		s.Log.ErrorContext(ctx, "an account is parked until somebody acts: a new credential in the settings, or `tintype accounts clear`",
			"account", c.Account, "upstream", s.job.Spec.Upstream, "cause", c.Cause, "evidence", c.Evidence)
	}
}

// patience bounds the tries of a rejected submission. A pool that is busy is
// waited for; a caller whose own account is busy should hear of it.
func patience(why account.Cause, acct string) redisstore.Retry {
	switch why {
	case account.RateLimit, account.Quota, account.Overload:
		if !account.IsOwn(acct) {
			return retryBusyPool
		}
	case account.Auth, account.RiskControl, account.NotServed:
	}
	return retryRejected
}

// spentFault is what the caller reads when no account took the job. Faults of
// pooled accounts are the operator's and are not told.
func spentFault(e *upstream.Error, acct string) *fault.Error {
	f := fault.From(e)
	operators := []fault.Code{fault.CredentialRejected, fault.PermissionDenied, fault.ModelNotFound}
	if slices.Contains(operators, f.Code) && !account.IsOwn(acct) {
		return fault.Wrap(fault.PoolExhausted, "No account of this service can serve the request at the moment.", e)
	}
	return f
}
