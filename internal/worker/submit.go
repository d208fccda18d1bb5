package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/telemetry"
	"github.com/tintypehq/tintype/internal/upstream"
)

// How often a submission that created nothing is tried again. Five tries with
// these delays last 15 s, eight with these cooldowns about two minutes. A busy
// pool is waited for as long as the deadline allows.
var (
	retryNotSent  = redisstore.Retry{Floor: time.Second, Cap: 30 * time.Second, Tries: 5}
	retryRejected = redisstore.Retry{Floor: account.ShortestCooldown, Cap: account.LongestCooldown, Tries: 8}
	retryBusyPool = redisstore.Retry{Floor: account.ShortestCooldown, Cap: account.LongestCooldown}
)

// persistFor is how long an answer that was paid for is tried to be written
// down, should Redis be away.
const persistFor = 15 * time.Minute

// submission is one handler's attempt at one job.
type submission struct {
	*Worker

	job   *job.Job
	lease redisstore.Lease
	fence int64
	told  bool // that its outcome is not known
}

// Submit is the handler of [job.StageSubmit].
func (w *Worker) Submit(ctx context.Context, id job.ID) error {
	lease := redisstore.Lease{Job: id, Token: w.token()}
	claimed := time.Now()
	ok, err := w.Store.Claim(ctx, id, job.StageSubmit, lease.Token)
	if err != nil || !ok {
		return err
	}
	_, done := w.leases.hold(ctx, lease, claimed)
	defer done()
	j, err := w.Store.Get(ctx, id)
	if err != nil {
		return err
	}
	s := &submission{Worker: w, job: j, lease: lease, fence: j.Fence}
	ctx = telemetry.Resume(ctx, j.Spec.Trace)
	switch j.Doing() {
	case job.Queued:
		return s.run(ctx)
	case job.Submitting:
		s.told = j.DoubtTold
		return s.settle(ctx, errGoneWorker)
	case job.Running, job.Mirroring, job.Succeeded, job.Failed, job.Canceled:
	}
	return nil
}

// run prepares everything that can fail for free, writes the fence and sends
// the request.
func (s *submission) run(ctx context.Context) error {
	up, request, acct, err := s.prepare(ctx)
	if err != nil {
		return s.unprepared(ctx, err)
	}
	if s.stopping.Load() {
		return s.Store.Release(ctx, []redisstore.Lease{s.lease})
	}
	crash.At(crash.Taken, string(s.job.ID))
	begun := time.Now()
	if err := s.begin(ctx); err != nil {
		return s.notSent(ctx, unsent(err)) // the fence may be written, but nothing was sent
	}
	if s.fence == 0 {
		s.metrics.refusals.Inc()
		return nil
	}
	crash.At(crash.Fenced, string(s.job.ID))
	s.Log.InfoContext(ctx, "a submission begins", "job_id", s.job.ID, "upstream", s.job.Spec.Upstream, "account", s.job.Account, "fence", s.fence,
		"waited", max(0, s.job.AdmittedAt.Sub(s.job.CreatedAt)))
	if ok, err := s.deposit(ctx); !ok {
		return err
	}
	request.Fence, s.job.Fence = s.fence, s.fence
	if !s.leases.fresh(s.lease) {
		s.metrics.refusals.Inc()
		return s.notSent(ctx, unsent(errLeaseLost))
	}
	crash.At(crash.Guarded, string(s.job.ID))
	// From here on the lease does not matter: what the upstream answers to
	// this fence is written down whoever holds the job by then.
	got, err := s.send(ctx, begun, up.Driver, acct, request)
	if err == nil {
		return s.accepted(ctx, got)
	}
	return s.refused(ctx, upstream.AsError(err))
}

// send sends the request. Its time runs from before the fence, and not from when
// the driver gets to it: whoever takes the job over counts from the fence on, and
// a worker that was stopped after its last look at the lease must not wake with
// all of the time before it.
func (s *submission) send(ctx context.Context, begun time.Time, d upstream.Driver, acct account.Account, request upstream.Submission) (upstream.Submitted, error) {
	s.waited(ctx, s.job, begun)
	span := s.span(ctx, s.job, "submit", trace.SpanKindClient, begun)
	ctx, cancel := context.WithDeadline(ctx, begun.Add(s.Kinds[s.job.Spec.Kind].SubmitTimeout))
	defer cancel()
	got, err := d.Submit(ctx, acct, request)
	outcome, trouble := "accepted", ""
	if err != nil {
		e := upstream.AsError(err)
		outcome, trouble = string(e.Outcome), string(e.Class)
	}
	endSpan(span, trouble, attribute.String("tintype.outcome", outcome), attribute.String("tintype.account", acct.ID))
	return got, err
}

// unsent is a submission that our own side stopped before it left.
func unsent(cause error) *upstream.Error {
	return &upstream.Error{
		Class: upstream.Transient, Outcome: upstream.NotSent, Cause: cause,
		Fault: fault.Wrap(fault.Upstream, "The upstream could not be reached. Nothing was made; try again later.", cause),
	}
}

// begin writes the fence. It insists for a while, since a fence that was
// written and whose reply was lost would end the job without a submission.
func (s *submission) begin(ctx context.Context) error {
	s.fence = 0
	return retry(ctx, s.Store.Lease()/3, func() error {
		begun := time.Now()
		fence, err := s.Store.Begin(ctx, s.job.ID, s.lease.Token)
		if err == nil && fence != 0 {
			s.fence = fence
			s.leases.extend(s.lease, begun)
		}
		return err
	})
}

func (s *submission) prepare(ctx context.Context) (Upstream, upstream.Submission, account.Account, error) {
	request := upstream.Submission{Job: s.job.ID, Spec: s.job.Spec}
	up, ok := s.Upstreams[s.job.Spec.Upstream]
	if !ok {
		return up, request, account.Account{}, errNoDriver(s.job.Spec.Upstream)
	}
	acct, err := s.account(ctx, s.job.ID, s.job.Account, s.job.Spec.Upstream)
	if err != nil {
		return up, request, acct, err
	}
	err = s.readInputs(ctx, &request)
	return up, request, acct, err
}

// readInputs reads the input images.
func (s *submission) readInputs(ctx context.Context, request *upstream.Submission) (err error) {
	read := func(in *job.Input, param string) (b []byte) {
		if err == nil && in != nil {
			b, err = readInput(ctx, s.Blobs, in, param)
		}
		return b
	}
	spec := s.job.Spec
	request.Image, request.LastFrame = read(spec.Input, "image"), read(spec.LastFrame, "last_frame")
	for i := range spec.References {
		request.References = append(request.References, read(&spec.References[i], "images"))
	}
	return err
}

// readInput reads an image that the door has put into the bucket, and names its
// field if it is gone.
func readInput(ctx context.Context, blobs blob.Store, in *job.Input, param string) ([]byte, error) {
	r, err := blobs.Open(ctx, in.Key, 0, -1)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, fault.Wrap(fault.InvalidImage, "An input image is no longer stored. Post the job again.", err).WithParam(param)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, in.SizeBytes+1))
	if err == nil && int64(len(b)) != in.SizeBytes {
		err = fmt.Errorf("worker: input of %d bytes has %d", in.SizeBytes, len(b))
	}
	return b, err
}

// unprepared ends a job whose input or credential is gone for good; anything
// else is tried again when the lease has lapsed, perhaps by another worker.
func (s *submission) unprepared(ctx context.Context, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if ok && f.Code != fault.Unavailable {
		return s.fail(ctx, f)
	}
	s.Log.WarnContext(ctx, "a submission could not be prepared", "job_id", s.job.ID, "err", err)
	return s.Store.Defer(ctx, s.job.ID, s.lease.Token, retryNotSent.Floor*5)
}

// accepted writes down what was paid for.
func (s *submission) accepted(ctx context.Context, got upstream.Submitted) error {
	s.countSubmit("accepted")
	crash.At(crash.Answered, string(s.job.ID))
	if err := s.stage(ctx, got.Sources); err != nil {
		return err
	}
	settled, bells, err := s.persist(ctx, func() (redisstore.Settled, []job.Bell, error) {
		return s.Store.Accepted(ctx, s.job.ID, s.lease.Token, s.fence, got.UpstreamID, got.Sources, got.Usage)
	})
	if err != nil {
		s.Log.ErrorContext(ctx, "an accepted submission could not be written down", "job_id", s.job.ID, "upstream_id", got.UpstreamID, "err", err)
		return err
	}
	s.tellAccepted(ctx, "the upstream accepted a submission", got.UpstreamID, settled)
	if settled == redisstore.Stale { // paid for beside the one that the job has
		s.metrics.charges.WithLabelValues(s.job.Spec.Upstream, string(s.job.Spec.Kind)).Inc()
	}
	if settled == redisstore.Late { // the archiver may have taken the bytes for nobody's before
		if err := s.stage(ctx, got.Sources); err != nil {
			return err
		}
	}
	crash.At(crash.Committed, string(s.job.ID))
	s.ring(ctx, bells)
	s.poller.wake()
	return nil
}

// stage puts media that came as bytes into the bucket, since the job's record
// carries none.
func (s *submission) stage(ctx context.Context, sources []job.Source) error {
	for i := range sources {
		src := &sources[i]
		if src.Data == nil {
			continue
		}
		src.Key = stagedKey(s.job.ID, i)
		err := retry(ctx, persistFor, func() error { return putBytes(ctx, s.Blobs, src.Key, src.Data) })
		if err != nil {
			return fmt.Errorf("worker: media of job %s that was paid for could not be put into the bucket: %w", s.job.ID, err)
		}
	}
	return nil
}

// stagedKey is where media that came as bytes waits.
func stagedKey(id job.ID, i int) string { return fmt.Sprintf("%sstaged-%d", id.Dir(), i) }

// refused handles a submission that was not accepted.
func (s *submission) refused(ctx context.Context, e *upstream.Error) error {
	switch e.Outcome {
	case upstream.NotSent:
		s.countSubmit(string(e.Outcome))
		return s.notSent(ctx, e)
	case upstream.Rejected:
		s.countSubmit(string(e.Outcome))
		return s.rejected(ctx, e)
	case upstream.Ambiguous:
	}
	return s.ambiguous(ctx, e)
}

func (s *submission) notSent(ctx context.Context, e *upstream.Error) error {
	return s.takeBack(ctx, e, s.fence, retryNotSent)
}

// takeBack takes a submission of a fence back, to be tried again.
func (s *submission) takeBack(ctx context.Context, e *upstream.Error, fence int64, again redisstore.Retry) error {
	rest := redisstore.Rest{}
	if e.Outcome == upstream.Ambiguous {
		rest = s.rest(fault.From(e))
	}
	settled, bells, err := s.persist(ctx, func() (redisstore.Settled, []job.Bell, error) {
		return s.Store.NotSent(ctx, s.job.ID, s.lease.Token, fence, again, rest)
	})
	s.logSubmit(ctx, "the submission was not sent", settled, e)
	return s.takenBack(ctx, settled, bells, fault.From(e), err)
}

// takenBack sees to what follows when a submission that created nothing is
// written down.
func (s *submission) takenBack(ctx context.Context, settled redisstore.Settled, bells []job.Bell, f *fault.Error, err error) error {
	s.ring(ctx, bells)
	switch settled {
	case redisstore.Spent:
		return s.fail(ctx, f)
	case redisstore.Canceled:
		s.finished(ctx, s.job.ID, nil)
	case redisstore.Over:
		s.harvested(ctx, s.job.ID, f)
	case redisstore.Written, redisstore.Late, redisstore.Noted, redisstore.Known, redisstore.Stale:
	}
	return err
}

// rejected handles an answer that says that nothing was created: the caller's
// fault ends the job, an account's fault gives it to another.
func (s *submission) rejected(ctx context.Context, e *upstream.Error) error {
	cool, ours := e.Cooldown(s.job.Account, s.job.Spec.UpstreamModel)
	if !ours {
		s.logSubmit(ctx, "the upstream refused", redisstore.Written, e)
		return s.fail(ctx, fault.From(e))
	}
	settled, bells, err := s.persist(ctx, func() (redisstore.Settled, []job.Bell, error) {
		return s.Store.Rejected(ctx, s.job.ID, s.lease.Token, s.fence, cool, patience(cool.Cause, s.job.Account))
	})
	s.logSubmit(ctx, "the account was refused", settled, e)
	if err == nil && settled != redisstore.Stale {
		s.noteCooldown(ctx, cool)
	}
	return s.takenBack(ctx, settled, bells, spentFault(e, s.job.Account), err)
}

// fail ends the job.
func (s *submission) fail(ctx context.Context, f *fault.Error) error {
	settled, bells, err := s.persist(ctx, func() (redisstore.Settled, []job.Bell, error) {
		return s.Store.Fail(ctx, s.job.ID, s.lease.Token, f, s.rest(f))
	})
	s.ring(ctx, bells)
	switch settled {
	case redisstore.Written:
		s.finished(ctx, s.job.ID, f)
	case redisstore.Over:
		s.harvested(ctx, s.job.ID, f)
	case redisstore.Late, redisstore.Noted, redisstore.Canceled, redisstore.Known, redisstore.Stale, redisstore.Spent:
	}
	return err
}

// persist repeats a write until Redis has taken it.
func (s *submission) persist(ctx context.Context, write func() (redisstore.Settled, []job.Bell, error)) (settled redisstore.Settled, bells []job.Bell, err error) {
	err = retry(ctx, persistFor, func() error {
		settled, bells, err = write()
		return err
	})
	return settled, bells, err
}

// retry repeats an operation for a while, with growing pauses.
func retry(ctx context.Context, most time.Duration, op func() error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 100*time.Millisecond, time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, op() },
		backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(most))
	return err
}

func (s *submission) countSubmit(outcome string) {
	s.metrics.submits.WithLabelValues(s.job.Spec.Upstream, string(s.job.Spec.Kind), outcome).Inc()
}

// tellAccepted counts something that was paid for and writes one line about it. When
// the job could not take it, an operator must be able to find it at the upstream.
func (s *submission) tellAccepted(ctx context.Context, what, upstreamID string, settled redisstore.Settled) {
	level := slog.LevelInfo
	switch settled {
	case redisstore.Known: // who wrote it has counted it
	case redisstore.Written, redisstore.Late:
		s.metrics.charges.WithLabelValues(s.job.Spec.Upstream, string(s.job.Spec.Kind)).Inc()
	case redisstore.Stale, redisstore.Noted, redisstore.Over, redisstore.Canceled, redisstore.Spent:
		level = slog.LevelError
	}
	s.Log.LogAttrs(ctx, level, what, //nolint:sloglint // one of two constants
		slog.Any("job_id", s.job.ID), slog.String("upstream", s.job.Spec.Upstream), slog.String("account", s.job.Account),
		slog.Int64("fence", s.fence), slog.String("upstream_id", upstreamID), slog.String("settled", string(settled)))
}

// logSubmit writes one line about a submission that was not accepted.
func (s *submission) logSubmit(ctx context.Context, how string, settled redisstore.Settled, e *upstream.Error) {
	s.Log.LogAttrs(ctx, slog.LevelWarn, "a submission was not accepted",
		slog.Any("job_id", s.job.ID), slog.String("upstream", s.job.Spec.Upstream), slog.String("account", s.job.Account),
		slog.Int64("fence", s.fence), slog.String("how", how), slog.String("settled", string(settled)), slog.Any("err", e))
}
