package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// Claim takes the lease of a job for a stage, under a token that is used for
// this claim alone. False means that there is nothing to do: another worker has
// it, or it needs another stage, or it is gone. Claiming again with the same
// token is fine.
func (s *Store) Claim(ctx context.Context, id job.ID, stage job.Stage, token string) (bool, error) {
	states := ""
	switch stage {
	case job.StageSubmit:
		states = ",queued,submitting,"
	case job.StageMirror:
		states = ",mirroring,"
	case job.StageWebhook: // has claims of its own: see ClaimDeliveries
	}
	word, err := s.run(ctx, s.lua.claim, string(id), token, s.lease.Milliseconds(), states).Text()
	return word == "ok", unavailable(err)
}

// ClaimPolls takes up to most running jobs that nobody polls.
func (s *Store) ClaimPolls(ctx context.Context, token string, most int) ([]job.ID, error) {
	ids, err := s.run(ctx, s.lua.claimPolls, token, s.lease.Milliseconds(), most).StringSlice()
	return jobIDs(ids), unavailable(err)
}

// Lease is the right to act on a job, as long as it is renewed.
type Lease struct {
	Job   job.ID
	Token string
}

// chunk bounds how many leases one script renews, so that none holds Redis for
// more than about a millisecond.
const chunk = 250

// Renew prolongs leases and gives those that are lost: the job is final, or
// another worker took it over. The holder must stop acting on these.
func (s *Store) Renew(ctx context.Context, leases []Lease) (lost []Lease, err error) {
	for len(leases) > 0 {
		n := min(chunk, len(leases))
		args := append([]any{s.lease.Milliseconds()}, leaseArgs(leases[:n])...)
		places, err := s.run(ctx, s.lua.renew, args...).Int64Slice()
		if err != nil {
			return lost, unavailable(err)
		}
		for _, i := range places {
			lost = append(lost, leases[i])
		}
		leases = leases[n:]
	}
	return lost, nil
}

// Release gives leases back, so that another worker may act at once. Those
// that are lost already are passed over.
func (s *Store) Release(ctx context.Context, leases []Lease) error {
	for len(leases) > 0 {
		n := min(chunk, len(leases))
		if err := s.run(ctx, s.lua.release, leaseArgs(leases[:n])...).Err(); err != nil {
			return unavailable(err)
		}
		leases = leases[n:]
	}
	return nil
}

// Defer gives a lease back for a while: after d its stage is rung again, or a
// poller takes the job.
func (s *Store) Defer(ctx context.Context, id job.ID, token string, d time.Duration) error {
	return unavailable(s.run(ctx, s.lua.postpone, string(id), token, d.Milliseconds(), "").Err())
}

// Damaged is Defer for media that did not arrive whole.
func (s *Store) Damaged(ctx context.Context, id job.ID, token string, d time.Duration) error {
	return unavailable(s.run(ctx, s.lua.postpone, string(id), token, d.Milliseconds(), "damaged").Err())
}

// DamagedTimes is how often Damaged was called for a job.
func (s *Store) DamagedTimes(ctx context.Context, id job.ID) (int64, error) {
	n, err := s.rdb.HGet(ctx, s.key("job:", string(id)), "damaged").Int64()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return n, unavailable(err)
}

// Unsettled asks what to do with a job whose submission was begun by another
// worker, which may be alive and write its answer late. Until patience has
// passed since the submission began, and a lease since it was first asked here,
// the lease is given back and wait is true; the stage is rung again then, and
// sooner if look is not zero. Afterwards over is true and the lease is kept.
// Neither: the job is settled. told is remembered as [job.Job.DoubtTold].
func (s *Store) Unsettled(ctx context.Context, id job.ID, token string, patience, look time.Duration, told bool) (wait, over bool, err error) {
	left, err := s.run(ctx, s.lua.unsettled, string(id), token, patience.Milliseconds(), s.lease.Milliseconds(), look.Milliseconds(), flag(told)).Int64()
	return left > 0, left == 0 && err == nil, unavailable(err)
}

func leaseArgs(leases []Lease) []any {
	args := make([]any, 0, 2*len(leases))
	for _, l := range leases {
		args = append(args, string(l.Job), l.Token)
	}
	return args
}

func jobIDs(ids []string) []job.ID {
	out := make([]job.ID, len(ids))
	for i, id := range ids {
		out[i] = job.ID(id)
	}
	return out
}

// Credential opens the caller's own credential of a job; a fault of
// CredentialGone if it expired or none of our keys opens it.
func (s *Store) Credential(ctx context.Context, id job.ID) (account.Secret, error) {
	gone := fault.New(fault.CredentialGone, "The credential that this job was posted with can no longer be opened. Post the job again.")
	sealed, err := s.rdb.Get(ctx, s.key("cred:", string(id))).Result()
	switch {
	case errors.Is(err, redis.Nil), err == nil && s.keys == nil:
		return account.Secret{}, gone
	case err != nil:
		return account.Secret{}, unavailable(err)
	}
	secret, err := s.keys.Open(sealed, string(id))
	if err != nil {
		gone.Cause = err
		return account.Secret{}, gone
	}
	return secret, nil
}
