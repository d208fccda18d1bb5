package redisstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// NewJob is a job to be accepted.
type NewJob struct {
	ID     job.ID
	Tenant string
	Spec   job.Spec
	Secret string // of its media links; see job.NewSecret

	Deadline  time.Duration // from acceptance
	Retention time.Duration // from the final state

	// Own is the account of the caller's own credential. Nil: one of the
	// upstream's pooled accounts is chosen.
	Own *account.Account
}

// pool names the accounts that a job may run on.
func (n NewJob) pool() string {
	if n.Own != nil {
		return "own/" + n.Own.ID
	}
	return poolOf(n.Spec.Upstream)
}

func poolOf(upstream string) string { return "up/" + upstream }

// Accept saves a job with its first event, puts it into its line and admits
// what can be admitted. The caller rings the bells, which may be those of other
// jobs too; if it dies before, the sweeper does. A fault of PoolExhausted means
// that no account could ever serve the job; then nothing is saved.
func (s *Store) Accept(ctx context.Context, n NewJob) (*job.Job, []job.Bell, error) {
	spec, err := json.Marshal(n.Spec)
	if err != nil {
		return nil, nil, err
	}
	own, limit, sealed := "", 0, ""
	if n.Own != nil {
		if own, limit = n.Own.ID, n.Own.MaxInFlight; s.keys == nil {
			return nil, nil, fault.New(fault.PermissionDenied, "This service takes no credentials of callers; use a gateway key.").WithParam("Authorization")
		}
		if sealed, err = s.keys.Seal(n.Own.Secret, string(n.ID)); err != nil {
			return nil, nil, err
		}
	}
	r, err := readReply(s.run(ctx, s.lua.accept, string(n.ID), n.pool(), n.Spec.UpstreamModel, n.Tenant, spec, n.Secret,
		n.Deadline.Milliseconds(), n.Retention.Milliseconds(), s.grace(), string(n.Spec.Kind), own, limit, sealed, n.Spec.Upstream))
	if err != nil {
		return nil, nil, err
	}
	if r.word == "unusable" {
		return nil, nil, fault.New(fault.PoolExhausted, "No account of this service can serve the model at the moment.").WithParam("model")
	}
	j, err := s.Get(ctx, n.ID)
	return j, r.bells, err
}

// grace is how long after a ring the sweeper waits before it rings again, in
// milliseconds.
func (s *Store) grace() int64 { return s.lease.Milliseconds() / 3 }
