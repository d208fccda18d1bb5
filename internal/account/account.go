// Package account holds what we know of one credential at one upstream: the
// secret itself, its limits, and why it may not be used for a while. It does
// no I/O; the state of accounts is kept by redisstore.
package account

import (
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Secret is a credential. It prints as "[secret]" wherever it is formatted,
// logged or marshaled; only a driver calls Reveal, right where the credential
// goes onto the wire.
type Secret struct{ value string }

// NewSecret wraps a credential.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal gives the credential itself.
func (s Secret) Reveal() string { return s.value }

// IsZero tells whether there is no credential at all.
func (s Secret) IsZero() bool { return s.value == "" }

const redacted = "[secret]"

// String hides the credential.
func (s Secret) String() string { return redacted }

// GoString hides the credential from %#v.
func (s Secret) GoString() string { return redacted }

// LogValue hides the credential from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the credential from JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText reads a credential, so that configuration can hold one.
func (s *Secret) UnmarshalText(b []byte) error {
	s.value = string(b)
	return nil
}

// Account is one credential at one upstream with its limits.
type Account struct {
	// ID is stable over restarts and configuration changes. A pooled account
	// has the id that its operator gave it; an ephemeral one, made from a
	// caller's own credential, has "own-" and an HMAC of that credential.
	ID string

	Upstream string // name of the upstream in the configuration
	Secret   Secret

	// MaxInFlight is how many jobs may hold a slot at once; at least 1.
	MaxInFlight int

	// Models are the upstream's model ids that this account may use. Empty
	// means all.
	Models []string

	// Disabled accounts keep the jobs that they have and get no new ones.
	Disabled bool

	// Weight is the account's share of the work beside the others of its
	// upstream. Zero counts as 1.
	Weight int

	// PerMinute is how many jobs may begin in any minute, Gap the least time
	// between two. Zero: no limit.
	PerMinute int
	Gap       time.Duration

	// Kinds are limits for the jobs of one kind ("image", "video").
	Kinds map[string]KindLimits

	// Reset is when the daily quotas begin anew.
	Reset Reset

	// Note is the operator's own.
	Note string

	// Ephemeral accounts carry a caller's own credential: no other caller's
	// job runs on them.
	Ephemeral bool
}

// KindLimits bound an account's jobs of one kind. Zero: no limit.
type KindLimits struct {
	MaxInFlight int
	Daily       int // jobs that may begin until the next reset
}

// Reset is the time of day at which a daily quota begins anew.
type Reset struct {
	At   time.Duration // since midnight, by the clock on the wall
	Zone *time.Location
}

// Next gives the first reset after a time. A day on which the clock is changed
// has the reset at the same time of the clock as any other.
func (r Reset) Next(now time.Time) time.Time {
	zone := r.Zone
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := now.In(zone).Date()
	for day := d; ; day++ {
		at := time.Date(y, m, day, int(r.At.Hours()), int(r.At.Minutes())%60, 0, 0, zone)
		if at.After(now) {
			return at
		}
	}
}

// ownPrefix begins the id of every ephemeral account, and of no pooled one.
const ownPrefix = "own-"

// OwnID makes the id of the account of a caller's own credential from a digest
// of it.
func OwnID(digest string) string { return ownPrefix + digest }

// IsOwn tells whether an account id is that of a caller's own credential.
func IsOwn(id string) bool { return strings.HasPrefix(id, ownPrefix) }

// Serves tells whether the account may use a model of its upstream.
func (a Account) Serves(model string) bool {
	return len(a.Models) == 0 || slices.Contains(a.Models, model)
}

// Cause is why an account is not used for a while.
type Cause string

// The causes of a cooldown. Auth and RiskControl hold until an operator acts
// or the credential changes; the others end by themselves.
const (
	Auth        Cause = "auth"         // the upstream does not accept the credential
	RiskControl Cause = "risk_control" // the upstream wants a human
	RateLimit   Cause = "rate_limited"
	Quota       Cause = "quota"
	Overload    Cause = "overloaded"
	NotServed   Cause = "not_served" // the account has not the model
)

// How long an account is left alone when the upstream has not said until when: the
// first time, and at most. Each further time is three times as long.
const (
	ShortestCooldown = 5 * time.Second
	LongestCooldown  = 45 * time.Second
)

// Cooldown takes an account, or one model of it, out of use until a time.
type Cooldown struct {
	Account string
	Model   string // empty: the whole account
	Cause   Cause
	For     time.Duration // from now, by the store's clock; zero: the store decides by how often it failed

	// Evidence is what the upstream said, for the operator. It holds no secret.
	Evidence string
}

// Parks tells whether a cause holds until somebody acts.
func (c Cause) Parks() bool {
	switch c {
	case Auth, RiskControl:
		return true
	case RateLimit, Quota, Overload, NotServed:
	}
	return false
}

// Alike tells whether a cause points at the upstream, or the way to it, when many
// accounts meet it at once.
func (c Cause) Alike() bool {
	switch c {
	case Auth, RiskControl, Overload:
		return true
	case RateLimit, Quota, NotServed:
	}
	return false
}
