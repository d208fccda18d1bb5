package server

import (
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// viewAccount is an account as an operator sees it.
func viewAccount(a redisstore.AccountState) tintype.AdminAccount {
	v := tintype.AdminAccount{
		ID: a.ID, Upstream: a.Upstream, Note: a.Note, Models: a.Models, State: accountWord(a), Cause: string(a.Cause),
		Evidence: a.Evidence, Since: moment(a.Since), CoolsUntil: moment(a.Cools), Canary: string(a.Canary),
		InFlight: a.InFlight, MaxInFlight: a.MaxInFlight, Kinds: map[string]tintype.AdminKind{}, PerMinute: a.PerMinute,
		GapMS: a.Gap.Milliseconds(), Weight: a.Weight, Failures: a.Failures, Cooling: a.ModelCools,
	}
	for kind, k := range a.Kinds {
		one := tintype.AdminKind{InFlight: k.InFlight}
		if k.MaxInFlight > 0 {
			one.MaxInFlight = &k.MaxInFlight
		}
		if k.Daily > 0 {
			left := max(k.Daily-k.Used, 0)
			one.Daily, one.Left, v.QuotaReset = &k.Daily, &left, moment(a.Reset)
		}
		v.Kinds[string(kind)] = one
	}
	return v
}

// accountWord is the one word for how an account stands: what an operator has said
// first, then what hinders it most.
func accountWord(a redisstore.AccountState) string {
	switch {
	case !a.Enabled || a.Off == redisstore.Disable:
		return "disabled"
	case a.Off == redisstore.Drain && a.InFlight > 0:
		return "draining"
	case a.Off == redisstore.Drain:
		return "drained"
	case a.Parked:
		return "parked"
	case !a.Cools.IsZero():
		return "cooling"
	case a.HalfOpen:
		return "canary"
	case a.InFlight >= a.MaxInFlight:
		return "busy"
	}
	return "healthy"
}
