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

	// Share is what the job means to the others that wait.
	Share Share

	// Own is the account of the caller's own credential. Nil: one of the
	// upstream's pooled accounts is chosen.
	Own *account.Account

	// Repeat is what the request is known by when it comes again.
	Repeat Repeat
}

// Share is what a job means to the others that wait for the same accounts.
type Share struct {
	// Cost is how much of its tenant's share the job takes: of two tenants that
	// wait, the one whose jobs cost twice as much is served half as often. Zero
	// counts as 1.
	Cost int

	// Priority moves the job before or behind its turn.
	Priority job.Priority

	// Limits of the tenant.
	Limits TenantLimits
}

// TenantLimits bound what one tenant may have at once. Zero: no limit. Jobs over
// Running and PerMinute wait; one over Waiting is refused.
type TenantLimits struct {
	Running   int // jobs that stand in front of the accounts or run on them
	PerMinute int // jobs that get there in a minute
	Waiting   int // jobs that wait
}

// head is how many turns a high priority is ahead of a normal one, and a low one
// behind it. So none waits for ever: that many turns later it is first.
const head = 16

func (s Share) args() []any {
	bias := map[job.Priority]int{job.High: -head, job.Low: head}[s.Priority]
	return []any{max(s.Cost, 1), bias, s.Limits.Running, s.Limits.PerMinute, s.Limits.Waiting}
}

// pool names the accounts that a job may run on.
func (n NewJob) pool() string {
	if n.Own != nil {
		return "own/" + n.Own.ID
	}
	return poolOf(n.Spec.Upstream)
}

func poolOf(upstream string) string { return "up/" + upstream }

// also gives the other pools in which the job may run, for the scripts; "" for none.
// A caller's own credential is good at one upstream alone.
func (n NewJob) also() (string, error) {
	if n.Own != nil || len(n.Spec.Fallbacks) == 0 {
		return "", nil
	}
	type place struct {
		Pool     string `json:"pool"`
		Model    string `json:"model"`
		Upstream string `json:"upstream"`
	}
	list := []place{{n.pool(), n.Spec.UpstreamModel, n.Spec.Upstream}}
	for _, f := range n.Spec.Fallbacks {
		list = append(list, place{poolOf(f.Upstream), f.UpstreamModel, f.Upstream})
	}
	return encode(list)
}

// Accept saves a job with its first event, puts it into its line and admits
// what can be admitted. The caller rings the bells, which may be those of other
// jobs too; if it dies before, the sweeper does. A fault of PoolExhausted means
// that no account can serve the job in time, one of QueueFull that its tenant has
// as many waiting as it may; then nothing is saved. [ErrEarlier] means that an earlier request made the job, and nothing is saved either.
func (s *Store) Accept(ctx context.Context, n NewJob) (*job.Job, []job.Bell, error) {
	spec, err := json.Marshal(n.Spec)
	if err != nil {
		return nil, nil, err
	}
	also, err := n.also()
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
	args = append(append(append(args, n.Repeat.args(n.Deadline)...), n.Share.args()...), n.Spec.Class(), also, n.Spec.Trace)
	parts, err := s.run(ctx, s.lua.accept, args...).Slice()
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
		return nil, nil, errUnusable(parts)
	case r.word == "full":
		return nil, nil, errLineFull
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
	if acct == "" || len(n.Spec.Fallbacks) > 0 { // it has stood in line, or is elsewhere than was asked first
		j, err := s.Get(ctx, n.ID)
		return j, r.bells, err
	}
	at := time.UnixMilli(now).UTC()
	return &job.Job{
		ID: n.ID, Tenant: n.Tenant, Spec: n.Spec, Secret: n.Secret, State: job.Queued, Account: acct, Version: 2,
		CreatedAt: at, AdmittedAt: at, Deadline: at.Add(n.Deadline), ExpiresAt: at.Add(n.Deadline + n.Retention),
		HarvestUntil: at.Add(n.Deadline + n.Harvest),
	}, r.bells, nil
}

// lineFullFor is when a caller whose line is full may try again: a job of its has
// ended by then, if things go as usual.
const lineFullFor = 10 * time.Second

var errLineFull = fault.New(fault.QueueFull, "This key has as many jobs waiting as it may have. Try again when some of them have ended.").WithRetryAfter(lineFullFor)

// errUnusable tells until when no account can serve a job, if anybody knows.
func errUnusable(parts []any) error {
	f := fault.New(fault.PoolExhausted, "No account of this service can serve the model at the moment.").WithParam("model")
	if len(parts) == 3 {
		if ms, ok := parts[2].(int64); ok && ms >= 0 {
			return f.WithRetryAfter(time.Duration(ms) * time.Millisecond)
		}
	}
	return f
}

// grace is how long after a ring the sweeper waits before it rings again, in
// milliseconds.
func (s *Store) grace() int64 { return s.lease.Milliseconds() / 3 }
