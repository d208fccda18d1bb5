package server

import (
	"cmp"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// Fairness is how tenants share the accounts that they wait for.
type Fairness struct {
	// What a job takes of its tenant's share. Zero: 1 and 4.
	ImageCost, VideoCost int

	// Limits are those of a tenant of whom nothing else is said. Zero: none.
	Limits redisstore.TenantLimits
}

func (f Fairness) cost(kind job.Kind) int {
	if kind == job.Video {
		return cmp.Or(f.VideoCost, 4)
	}
	return cmp.Or(f.ImageCost, 1)
}

// rank orders the priorities, the lowest first.
func rank(p job.Priority) int {
	return map[job.Priority]int{job.Low: -1, job.High: 1}[p]
}

// shareOf reads "priority" and tells what a job means to others that wait. A
// caller may ask for less than its key gives it, and not for more.
func (s *Server) shareOf(who caller, spec job.Spec, body fields) (redisstore.Share, error) {
	most := cmp.Or(who.priority, job.Normal)
	asked, err := body.text("priority")
	if err != nil {
		return redisstore.Share{}, err
	}
	p := job.Priority(cmp.Or(asked, string(most)))
	switch p {
	case job.High, job.Normal, job.Low:
	default:
		return redisstore.Share{}, fault.New(fault.Invalid, `priority: must be "high", "normal" or "low".`).WithParam("priority")
	}
	if rank(p) > rank(most) {
		return redisstore.Share{}, fault.Newf(fault.Invalid, "priority: this key's jobs have %q at most (setting auth.keys[].priority).", most).WithParam("priority")
	}
	general := s.cfg.Fairness.Limits
	return redisstore.Share{
		Cost: s.cfg.Fairness.cost(spec.Kind) * max(spec.Count, 1), Priority: p,
		Limits: redisstore.TenantLimits{
			Running:   cmp.Or(who.limits.Running, general.Running),
			PerMinute: cmp.Or(who.limits.PerMinute, general.PerMinute),
			Waiting:   cmp.Or(who.limits.Waiting, general.Waiting),
		},
	}, nil
}
