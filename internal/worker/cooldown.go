package worker

import (
	"context"
	"slices"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
)

// noteCooldown counts that an account is left alone, and says aloud that one waits
// for its operator.
func (s *submission) noteCooldown(ctx context.Context, c account.Cooldown) {
	if account.IsOwn(c.Account) {
		return
	}
	s.metrics.cooldowns.WithLabelValues(s.job.Spec.Upstream, string(c.Cause)).Inc()
	if c.Cause.Parks() {
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
