package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
)

// How a submission goes on that was not sent because of its fence. None of it
// counts as a try: the caller and the upstream have no part in it, and the
// deadline ends it.
var (
	retryFence     = redisstore.Retry{Floor: 5 * time.Second}        // the bucket is away
	retryNextFence = redisstore.Retry{Floor: 100 * time.Millisecond} // the next number is free
)

const (
	fenceMost = 256 // bytes that are read of a fence's object; a token is shorter

	// closedFence is the object of a fence that was settled without one: nobody
	// may send under it any more.
	closedFence = "closed"
)

var (
	errFenceUsed = errors.New("worker: the fence was used in a time that Redis has forgotten")
	errFenceLeft = errors.New("worker: the fence is left from a try that was not sent")
)

// deposit writes the fence a second time, into the bucket, where a Redis that
// goes back in time cannot take it away: the object jobs/<id>/fence-<n>, which
// is written once, with the token of this claim in it. Only who has written it
// may send; ok says so. Otherwise the job has been dealt with.
//
// What a crash, or a Redis that was rolled back, finds afterwards:
//
//	neither fence    the job is queued, as if nothing had been begun
//	Redis' alone     the next worker finds a submission begun, waits for its
//	                 answer and settles it, as it does without fences in the
//	                 bucket. That nothing was sent cannot be told from the next
//	both             the same: the request may be on the wire
//	the object alone Redis has lost the fence and gives its number again. The
//	                 object has another's token in it: nothing is sent, and the
//	                 submission is settled like that of a worker that is gone,
//	                 whose answer is taken should it still come
//
// For that no number may be left behind without its object, or a Redis that
// was rolled back to before it would find it free and send, though the job was
// paid for under a later one. A number whose object could not be written is
// given back to Redis and given again: who comes next and finds the object
// after all sees that its writer gave the number back, and goes on to the next.
// A number that is settled without a look at the bucket is closed there first.
func (s *submission) deposit(ctx context.Context) (ok bool, err error) {
	if !s.FenceObjects {
		return true, nil
	}
	err = s.writeFence(ctx)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, errFenceUsed):
		s.metrics.conflicts.Inc()
		s.metrics.refusals.Inc()
		s.Log.ErrorContext(ctx, "Redis has gone back in time: a submission was begun before, and is not sent again",
			"job_id", s.job.ID, "account", s.job.Account, "fence", s.fence, "err", err)
		return false, s.settle(ctx, err)
	case errors.Is(err, errFenceLeft):
		s.metrics.refusals.Inc()
		return false, s.unfenced(ctx, s.fence, retryNextFence, err)
	}
	return false, s.unfenced(ctx, 0, retryFence, err)
}

// writeFence takes a third of a lease at most, so that enough of it is left for
// the request, and of the request's own time, which has begun to run.
func (s *submission) writeFence(ctx context.Context) error {
	most := min(s.Store.Lease(), s.Kinds[s.job.Spec.Kind].SubmitTimeout) / 3
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if err := s.fences.prove(ctx, s.Blobs); err != nil {
		return err
	}
	return retry(ctx, most, func() error {
		err := s.Blobs.PutNew(ctx, s.fenceKey(), []byte(s.lease.Token))
		if errors.Is(err, blob.ErrExists) {
			return s.whoseFence(ctx)
		}
		return err
	})
}

func (s *submission) fenceKey() string { return fmt.Sprintf("%sfence-%d", s.job.ID.Dir(), s.fence) }

// whoseFence reads an object that was there already. Our own token in it comes
// from an earlier try of this very claim, whose reply was lost.
func (s *submission) whoseFence(ctx context.Context) error {
	held, err := blob.ReadSmall(ctx, s.Blobs, s.fenceKey(), fenceMost)
	if err != nil || string(held) == s.lease.Token {
		return err
	}
	gaveBack, err := s.Store.Unused(ctx, s.job.ID)
	switch {
	case err != nil:
		return err
	case string(held) == closedFence, slices.Contains(gaveBack, string(held)):
		return backoff.Permanent(errFenceLeft)
	}
	return backoff.Permanent(fmt.Errorf("%w, by %q", errFenceUsed, held))
}

// unfenced takes back what was not sent for want of its object. A fence of zero
// gives the number back.
func (s *submission) unfenced(ctx context.Context, fence int64, again redisstore.Retry, why error) error {
	return s.takeBack(ctx, &upstream.Error{
		Class: upstream.Transient, Outcome: upstream.NotSent, Cause: why,
		Fault: fault.Wrap(fault.Unavailable, "The media store cannot be reached. Nothing was sent to the upstream.", why),
	}, fence, again)
}

// closeFence sees to it that the number of a submission that is settled without
// an answer has its object, so that whoever was about to send under it does not.
func (s *submission) closeFence(ctx context.Context) error {
	if !s.FenceObjects {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.Store.Lease()/3)
	defer cancel()
	err := s.Blobs.PutNew(ctx, s.fenceKey(), []byte(closedFence))
	if errors.Is(err, blob.ErrExists) {
		return nil
	}
	return err
}
