package worker

import (
	"context"
	"errors"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
)

// Between two looks for a submission whose answer was lost. The pause grows with
// the job's age.
const (
	firstLook  = 3 * time.Second
	latestLook = time.Minute
)

// lookAgain is the pause before the next look.
func (s *submission) lookAgain() time.Duration {
	const share = 8
	return min(max(firstLook, time.Since(s.job.CreatedAt)/share), latestLook)
}

// Why the answer to a submission is not known, or that it has turned out that
// there was nothing to answer.
var (
	errGoneWorker = errors.New("worker: the submitting worker is gone")
	errNotCreated = errors.New("worker: the upstream has nothing of the submission")
)

// ambiguous handles a submission that may have been paid: it is looked for where
// the upstream can tell, and never sent again unless it surely created nothing
// or the operator has allowed that.
func (s *submission) ambiguous(ctx context.Context, e *upstream.Error) error {
	s.doubtful(ctx, e)
	if s.recovery().ByLookup {
		return s.settle(ctx, e)
	}
	return s.unknown(ctx, e)
}

// doubtful tells of a submission of unknown outcome, once. Of one whose worker is gone
// nobody tells but who took it over, and only when the worker's own answer has not come
// until then: it may only have lost its lease, and tells of a later answer itself.
func (s *submission) doubtful(ctx context.Context, e *upstream.Error) {
	if s.told {
		return
	}
	s.told = true
	s.countSubmit(string(upstream.Ambiguous))
	s.logSubmit(ctx, "the outcome of a submission is not known", redisstore.Written, e)
}

// recovery is what the job's driver can find out later.
func (s *submission) recovery() upstream.Recovery {
	return s.Upstreams[s.job.Spec.Upstream].Driver.Recovery(s.job.Spec)
}

// settle decides about a submission whose answer was lost, or whose worker is
// gone. What the upstream shows of it is adopted at once. That it shows nothing
// counts only when the request has timed out, whoever sent it, and what it may
// have created has had the time to appear; until then the answer may still come
// and is waited for.
func (s *submission) settle(ctx context.Context, why error) error {
	if _, ok := s.Upstreams[s.job.Spec.Upstream]; !ok {
		return s.unprepared(ctx, errNoDriver(s.job.Spec.Upstream)) // another process knows more
	}
	recovery := s.recovery()
	look, learned := time.Duration(0), true
	if recovery.ByLookup {
		look = s.lookAgain()
		found, err := s.find(ctx, why)
		if found {
			return err
		}
		learned = err == nil
		if fault.Is(err, fault.CredentialGone) {
			return s.unknown(ctx, why) // nobody can look for it any more
		}
	}
	patience := s.Kinds[s.job.Spec.Kind].SubmitTimeout + recovery.VisibleWithin
	wait, over, err := s.Store.Unsettled(ctx, s.job.ID, s.lease.Token, patience, look, s.told)
	switch {
	case err != nil || wait || !over:
		return err
	case recovery.ByLookup:
		return s.conclude(ctx, learned, why)
	}
	return s.unknown(ctx, why)
}

// conclude is for the time when a look proves something either way. As long as
// nothing is learned the deadline bounds the tries, and after it the harvest.
func (s *submission) conclude(ctx context.Context, learns bool, why error) error {
	found, err := false, error(nil)
	if learns { // the look before may have been too early to prove anything
		found, err = s.find(ctx, why)
	}
	if learns && !found && err == nil {
		err = s.closeFence(ctx)
	}
	switch {
	case found:
		return err
	case err != nil || !learns:
		return s.Store.Defer(ctx, s.job.ID, s.lease.Token, s.lookAgain())
	}
	s.doubtful(ctx, notKnown(why))
	return s.notSent(ctx, unsent(errNotCreated))
}

// find looks for the submission at the upstream and adopts what it finds. Its
// error means that nothing was learned, or could not be written down.
func (s *submission) find(ctx context.Context, why error) (found bool, err error) {
	up := s.Upstreams[s.job.Spec.Upstream] // there is one: it has a recovery
	acct, err := s.account(ctx, s.job.ID, s.job.Account, s.job.Spec.Upstream)
	if err != nil {
		return false, err
	}
	look, cancel := context.WithTimeout(ctx, s.Kinds[s.job.Spec.Kind].SubmitTimeout) // it may be many calls
	defer cancel()
	id, err := up.Driver.Lookup(look, acct, upstream.Submission{Job: s.job.ID, Fence: s.fence, Spec: s.job.Spec})
	s.metrics.lookups.WithLabelValues(s.job.Spec.Upstream, lookupWord(id, err)).Inc()
	if err != nil {
		s.Log.WarnContext(ctx, "a submission could not be looked up", "job_id", s.job.ID, "err", err)
	}
	if id == "" || err != nil {
		return false, err
	}
	return true, s.adopt(ctx, id, why)
}

func lookupWord(id string, err error) string {
	switch {
	case err != nil:
		return "error"
	case id == "":
		return "nothing"
	}
	return "found"
}

// adopt goes on with what a lost submission has created.
func (s *submission) adopt(ctx context.Context, upstreamID string, why error) error {
	settled, bells, err := s.persist(ctx, func() (redisstore.Settled, []job.Bell, error) {
		return s.Store.Accepted(ctx, s.job.ID, s.lease.Token, s.fence, upstreamID, nil, nil)
	})
	if err != nil {
		return err
	}
	if settled == redisstore.Written || settled == redisstore.Late {
		s.doubtful(ctx, notKnown(why))
	}
	s.tellAccepted(ctx, "a submission whose answer was lost was found", upstreamID, settled)
	s.ring(ctx, bells)
	s.poller.wake()
	return nil
}

// unknown ends a job of which nobody can tell whether it was made. The operator
// may have it sent again.
func (s *submission) unknown(ctx context.Context, why error) error {
	e := notKnown(why)
	s.doubtful(ctx, e)
	if s.Upstreams[s.job.Spec.Upstream].Resubmit[s.job.Spec.Kind] {
		return s.notSent(ctx, e) // should no further try be allowed, the fault says what is unknown
	}
	return s.fail(ctx, e.Fault)
}

func notKnown(why error) *upstream.Error {
	return &upstream.Error{Class: upstream.Unknown, Outcome: upstream.Ambiguous, Cause: why, Fault: outcomeUnknown(why)}
}

func outcomeUnknown(cause error) *fault.Error {
	return fault.Wrap(fault.OutcomeUnknown, "The upstream did not answer the submission, so it is not known whether it was made. "+
		"It may have been billed, and was not sent again for that reason.", cause)
}

// rest is what the upstream may still be doing for a job that fails like this.
func (s *submission) rest(f *fault.Error) redisstore.Rest {
	if f.Code != fault.OutcomeUnknown {
		return redisstore.Rest{}
	}
	return redisstore.Rest{Stage: job.HarvestBlind, Blind: s.Kinds[s.job.Spec.Kind].UnknownHold}
}
