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
	Harvest   time.Duration // from the deadline: how long late media is waited for
	Retention time.Duration // from the final state

	// CancelAfter cancels the job if it is not final by then. Zero: never.
	CancelAfter time.Duration

	// Own is the account of the caller's own credential. Nil: one of the
	// upstream's pooled accounts is chosen.
	Own *account.Account

	// Repeat is what the request is known by when it comes again.
	Repeat Repeat
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
// that no account could ever serve the job; then nothing is saved. [ErrEarlier]
// means that an earlier request made the job, and nothing is saved either.
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
	args := []any{
		string(n.ID), n.pool(), n.Spec.UpstreamModel, n.Tenant, spec, n.Secret,
		n.Deadline.Milliseconds(), n.Retention.Milliseconds(), s.grace(), string(n.Spec.Kind), own, limit, sealed, n.Spec.Upstream,
		n.Harvest.Milliseconds(), n.CancelAfter.Milliseconds(),
	}
	parts, err := s.run(ctx, s.lua.accept, append(args, n.Repeat.args(n.Deadline)...)...).Slice()
	if err != nil {
		return nil, nil, unavailable(err)
	}
	return s.accepted(ctx, n, parts)
}

// accepted reads the script's reply. The record of a job that was just written
// is known without reading it.
func (s *Store) accepted(ctx context.Context, n NewJob, parts []any) (*job.Job, []job.Bell, error) {
	r, err := readParts(parts[:min(2, len(parts))])
	switch {
	case err != nil:
		return nil, nil, err
	case r.word == "unusable":
		return nil, nil, fault.New(fault.PoolExhausted, "No account of this service can serve the model at the moment.").WithParam("model")
	case r.word == "earlier":
		return nil, nil, ErrEarlier
	case r.word == "exists":
		j, err := s.Get(ctx, n.ID)
		return j, r.bells, err
	case len(parts) != 4:
		return nil, nil, errReply
	}
	now, ok1 := parts[2].(int64)
	acct, ok2 := parts[3].(string)
	if !ok1 || !ok2 {
		return nil, nil, errReply
	}
	if acct == "" { // it has stood in line, and may have been admitted behind others
		j, err := s.Get(ctx, n.ID)
		return j, r.bells, err
	}
	at := time.UnixMilli(now).UTC()
	return &job.Job{
		ID: n.ID, Tenant: n.Tenant, Spec: n.Spec, Secret: n.Secret, State: job.Queued, Account: acct, Version: 2,
		CreatedAt: at, Deadline: at.Add(n.Deadline), ExpiresAt: at.Add(n.Deadline + n.Retention),
		HarvestUntil: at.Add(n.Deadline + n.Harvest),
	}, r.bells, nil
}

// grace is how long after a ring the sweeper waits before it rings again, in
// milliseconds.
func (s *Store) grace() int64 { return s.lease.Milliseconds() / 3 }
