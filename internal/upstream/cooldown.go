package upstream

import (
	"time"

	"github.com/tintypehq/tintype/internal/account"
)

// notServedFor is how long an account is not asked again for a model that it
// does not have.
const notServedFor = 10 * time.Minute

// Cooldown says for what the account of a call that created nothing is to be left
// alone; ours is false if the caller's request is at fault. It is the one table from
// classes to cooldowns.
func (e *Error) Cooldown(acct, model string) (c account.Cooldown, ours bool) {
	c = account.Cooldown{Account: acct, For: e.RetryAfter, Evidence: e.evidence()}
	switch e.Class {
	case ContentRejected, InvalidInput:
		return c, false
	case Auth:
		c.Cause = account.Auth
	case RiskControl:
		c.Cause = account.RiskControl
	case Quota:
		c.Cause, c.Model = account.Quota, model
	case NotServed:
		c.Cause, c.Model, c.For = account.NotServed, model, notServedFor
	case RateLimited:
		c.Cause = account.RateLimit
	case Overloaded, Transient, Empty, Timeout, Lost, Unknown:
		c.Cause = account.Overload
	}
	return c, true
}

// evidence is what an operator reads of a refusal, short. Drivers keep credentials
// out of it.
func (e *Error) evidence() string {
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
