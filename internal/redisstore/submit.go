package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// Begin writes the fence of a submission and gives it: from here on the job
// may have been paid for. Zero means that the job is not this token's to
// submit. It also renews the lease.
func (s *Store) Begin(ctx context.Context, id job.ID, token string) (fence int64, err error) {
	fence, err = s.run(ctx, s.lua.begin, string(id), token, s.lease.Milliseconds()).Int64()
	return fence, unavailable(err)
}

// Settled is what became of a write under a fence.
type Settled string

// The ways in which a write may settle.
const (
	Written  Settled = "ok"       // written now, or by an earlier try
	Late     Settled = "late"     // the job was given up meanwhile; what came is harvested
	Noted    Settled = "noted"    // the job was final and stays what it is; the upstream works on, and it is harvested
	Over     Settled = "over"     // the job was final and stays what it is; its harvest has ended
	Canceled Settled = "canceled" // the job was to be canceled, and is now
	Known    Settled = "known"    // somebody else has written it before
	Stale    Settled = "stale"    // the job has moved on without this worker
	Spent    Settled = "spent"    // no further try is allowed: the caller fails the job
)

// settled reads the first word of a script's reply.
func settled(word string) Settled {
	if word == "done" {
		return Written
	}
	return Settled(word)
}

// Accepted writes what the upstream answered to the submission of a fence,
// whoever holds the lease by now; token is the writer's own. With sources the job goes on to the mirror,
// without them it is polled.
func (s *Store) Accepted(ctx context.Context, id job.ID, token string, fence int64, upstreamID string, sources []job.Source, usage *job.Usage) (Settled, []job.Bell, error) {
	links, counted, err := encodeResult(sources, usage)
	if err != nil {
		return "", nil, err
	}
	r, err := readReply(s.run(ctx, s.lua.accepted, string(id), fence, upstreamID, links, counted, s.grace(), token))
	return settled(r.word), r.bells, err
}

func encodeResult(sources []job.Source, usage *job.Usage) (links, counted string, err error) {
	if len(sources) > 0 {
		if links, err = encode(sources); err != nil {
			return "", "", err
		}
	}
	if usage != nil {
		counted, err = encode(usage)
	}
	return links, counted, err
}

// Retry bounds the tries of a job whose submission created nothing.
type Retry struct {
	Floor time.Duration // the first delay or cooldown; doubles with each further one
	Cap   time.Duration // the longest
	Tries int           // the last try fails the job; zero: none is counted, the deadline ends them
}

// NotSent takes a submission back that has created nothing, for the token that
// began it or that holds the lease. A fence of zero means whichever it began, and
// that nothing was done under it: the next Begin gives the same number. The
// job keeps its slot and is rung for again after a while; Spent after the last
// try, Canceled or Over if it is not to be tried again. rest is [job.HarvestBlind]
// if it may have been paid for all the same, as with an unknown outcome that the
// operator wants tried again.
func (s *Store) NotSent(ctx context.Context, id job.ID, token string, fence int64, r Retry, rest Rest) (Settled, []job.Bell, error) {
	hold := ""
	if rest.Stage == job.HarvestBlind {
		hold = strconv.FormatInt(rest.Blind.Milliseconds(), 10)
	}
	rep, err := readReply(s.run(ctx, s.lua.notSent, string(id), token, fence, r.Floor.Milliseconds(), r.Tries, s.grace(), hold))
	return settled(rep.word), rep.bells, err
}

// Unused gives the tokens that were given the job's present fence before and
// gave it back.
func (s *Store) Unused(ctx context.Context, id job.ID) ([]string, error) {
	tokens, err := s.rdb.HGet(ctx, s.key("job:", string(id)), "unused").Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return strings.Fields(tokens), unavailable(err)
}

// Rejected takes a submission back that created nothing because of its account,
// which cools, for the token that began it. The job returns to its place in the
// line. Spent: after the last try, or when no account is left that could serve
// the job. Canceled and Over as with NotSent.
func (s *Store) Rejected(ctx context.Context, id job.ID, token string, fence int64, c account.Cooldown, r Retry) (Settled, []job.Bell, error) {
	scope := "account"
	if c.Model != "" {
		scope = "model"
	}
	rep, err := readReply(s.run(ctx, s.lua.rejected, string(id), token, fence, string(c.Cause), scope, coolMS(c),
		r.Floor.Milliseconds(), r.Cap.Milliseconds(), r.Tries, s.grace(), c.Evidence, flag(c.Cause.Alike())))
	return settled(rep.word), rep.bells, err
}

// Rest is what the upstream may still be doing for a job that ends.
type Rest struct {
	Stage job.Harvest

	// Blind is for [job.HarvestBlind]: how long after its submission the upstream
	// may be at work on it.
	Blind time.Duration

	// Unsure: nobody knows whether the upstream has made anything.
	Unsure bool
}

// Fail ends a job with a failure. The token must hold its lease, or have begun
// the submission that is under way. A job that is final stays what it is: its
// harvest ends, or goes on as rest says (Over).
func (s *Store) Fail(ctx context.Context, id job.ID, token string, f *fault.Error, rest Rest) (Settled, []job.Bell, error) {
	why, err := encode(f)
	if err != nil {
		return "", nil, err
	}
	return s.finish(ctx, id, token, job.Failed, why, rest)
}

// Succeed ends a job whose media are all stored. The token must hold its lease.
// A job that had failed succeeds after all; one that was canceled stays so
// (Over).
func (s *Store) Succeed(ctx context.Context, id job.ID, token string) (Settled, []job.Bell, error) {
	return s.finish(ctx, id, token, job.Succeeded, "", Rest{})
}

func (s *Store) finish(ctx context.Context, id job.ID, token string, state job.State, why string, rest Rest) (Settled, []job.Bell, error) {
	r, err := readReply(s.run(ctx, s.lua.finish, string(id), token, string(state), why, string(rest.Stage), s.grace(),
		rest.Blind.Milliseconds(), flag(rest.Unsure)))
	return settled(r.word), r.bells, err
}
