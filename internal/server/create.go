package server

import (
	"context"
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/telemetry"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// create serves POST /v1/images/generations and POST /v1/video/generations.
func (s *Server) create(kind job.Kind) echo.HandlerFunc { return s.createBy(s.original(kind)) }

// createBy serves a path on which requests for media come in.
func (s *Server) createBy(d door) echo.HandlerFunc {
	return func(c echo.Context) error {
		call, err := s.take(c, d)
		if err != nil {
			return err
		}
		if d.answer != nil {
			err = d.answer(c, call.job, call.wish)
		} else {
			err = s.answerCreate(c, call)
		}
		s.see(c, call, err)
		return err
	}
}

// take turns a request into the job of its call. What is done before the waiting and
// after it is apart from the waiting, so that whoever waits keeps no room for it:
// ten thousand stacks of half the size are what an API process is made of.
func (s *Server) take(c echo.Context, d door) (*callJob, error) {
	who, err := s.authenticate(c, ScopeGenerate)
	if err != nil {
		return nil, err
	}
	wish, err := readPreference(c.Request().Header, s.cfg.Wait.MaxPrefer)
	if err != nil {
		return nil, err
	}
	// Looked at before anything is paid, taken only once the waiting begins:
	// a slow body must not hold a place.
	wish = d.wish(wish)
	if d.waits(wish) {
		if err := s.places.free(who.tenant); err != nil {
			return nil, err
		}
	}
	call, err := s.submit(c, who, d)
	if err != nil {
		return nil, err
	}
	call.wish, call.mode = wish, who.mode
	markAccepted(c, call.job.ID)
	if !call.attached {
		s.metrics.accepted.WithLabelValues(string(d.kind)).Inc()
		s.metrics.acceptance.Observe(time.Since(began(c)).Seconds())
	}
	return call, nil
}

// see sees a call off.
func (s *Server) see(c echo.Context, call *callJob, err error) {
	// Looked at now: whoever goes once it has its answer has not left early.
	cancels := call.style.cancelIfLeft && hasLeft(c.Request().Context(), err)
	if alone := s.leave(c, call, err, cancels); alone && cancels {
		s.cancelLeft(c.Request().Context(), call.job)
	}
}

// answerCreate keeps a caller company in the way that it asked for. Whoever
// waits needs a place; when the last one was taken since the job was made, the
// caller gets the job to come back to.
func (s *Server) answerCreate(c echo.Context, call *callJob) error {
	if call.wish.async && call.wish.wait == 0 && !call.style.stream {
		return s.answerAsWished(c, call)
	}
	leave, err := s.enter("create", call.job.Tenant)
	if err != nil {
		return s.noPlace(c, call)
	}
	defer leave()
	switch {
	case call.style.stream:
		return s.streamChunks(c, call.job)
	case call.wish.given():
		return s.answerAsWished(c, call)
	}
	return s.answerBlocking(c, call)
}

// noPlace answers a call that cannot wait here.
func (s *Server) noPlace(c echo.Context, call *callJob) error {
	if call.wish.given() && !call.style.stream {
		return s.handle(c, call.job, call.job.FirstEvents())
	}
	return errStillRuns(call.job)
}

// answerStyle is what the answer needs to know of the request. The request itself,
// which may hold megabytes of image, is let go before the waiting begins.
type answerStyle struct {
	stream       bool
	format       tintype.ResponseFormat
	cancelIfLeft bool // the caller wants no job that it does not wait for
}

// readStyle reads what of a request is about its answer.
func readStyle(kind job.Kind, f fields) (a answerStyle, err error) {
	if a.format, err = responseFormat(kind, f); err != nil {
		return a, err
	}
	if a.cancelIfLeft, err = onDisconnect(f); err != nil {
		return a, err
	}
	if a.stream, err = f.flag("stream"); err != nil {
		return a, err
	}
	if a.stream && a.format == tintype.FormatBase64 {
		return a, fault.New(fault.Invalid, `response_format: "b64_json" is not for streams, which tell links. Leave out either response_format or stream.`).WithParam("response_format")
	}
	return a, nil
}

// callJob is the job of a call that is to be answered.
type callJob struct {
	job      *job.Job
	style    answerStyle
	wish     preference
	mode     WaitMode // of the caller's key; "": the server's
	attached bool     // an earlier call made it
	turn     int64    // of this call among the job's callers
	noted    bool     // the caller may retry by itself: how the call ends is to be noted
}

// submit turns a request into a job, or finds the one that it has. Whatever is
// wrong with the request shows here, before anything is queued or paid.
func (s *Server) submit(c echo.Context, who caller, d door) (*callJob, error) {
	kind, came, names := d.kind, time.Now(), map[string]string{}
	repeat, err := readAgain(c.Request().Header)
	if err != nil {
		return nil, err
	}
	cancelAfter, err := readCancelAfter(c.Request().Header)
	if err != nil {
		return nil, err
	}
	body, free, err := d.read(c, names)
	defer free()
	if err != nil {
		return nil, err
	}
	style, err := readStyle(kind, body)
	if err != nil {
		return nil, err
	}
	keep, err := s.keepFor(body)
	if err != nil {
		return nil, err
	}
	n := redisstore.NewJob{
		ID: job.NewID(time.Now()), Tenant: who.tenant, Secret: job.NewSecret(),
		Deadline: s.cfg.Jobs.deadline(kind), Harvest: s.cfg.Jobs.harvest(kind), Retention: keep,
		CancelAfter: cancelAfter, Repeat: s.repeatOf(c, who, repeat, body),
	}
	if repeat.counts {
		n.Repeat.Came = came
	}
	call, err := s.findOrMake(c, who, kind, n, body)
	if err != nil {
		return nil, blame(err, names)
	}
	call.style, call.noted = d.style(style), repeat.counts && repeat.key == "" && n.Repeat.Absorb > 0
	return call, nil
}

// findOrMake looks for the request's job first: a repeat must not depend on a
// link that has expired since, nor on a model that is no longer served.
func (s *Server) findOrMake(c echo.Context, who caller, kind job.Kind, n redisstore.NewJob, body fields) (*callJob, error) {
	if n.Repeat.Asks() {
		if call, err := s.attach(c, who, n.Repeat); call != nil || err != nil {
			return call, err
		}
	}
	req, err := s.readMediaRequest(kind, body)
	if err != nil {
		return nil, err
	}
	n.Spec, n.Own = req.spec, s.ownAccount(who, req.spec.Upstream)
	if n.Share, err = s.shareOf(who, n.Spec, body); err != nil {
		return nil, err
	}
	if n.Spec.Webhook, err = s.readWebhook(c, body); err != nil {
		return nil, err
	}
	ctx := c.Request().Context()
	n.Spec.Trace = telemetry.Carry(ctx)
	if err := s.checkCredential(ctx, n.Own); err != nil {
		return nil, err
	}
	j, err := s.accept(ctx, n, req)
	if !errors.Is(err, redisstore.ErrEarlier) {
		return &callJob{job: j}, err
	}
	call, err := s.attach(c, who, n.Repeat) // another call was quicker
	if call == nil && err == nil {
		err = errLostRace
	}
	return call, err
}

// accept stores the input images, then the job, and rings the bells.
func (s *Server) accept(ctx context.Context, n redisstore.NewJob, req mediaRequest) (*job.Job, error) {
	err := s.takeImages(ctx, &n, req)
	if err == nil {
		err = ctx.Err() // the caller went away in time: nothing to make
	}
	if err != nil {
		s.dropImages(ctx, n)
		return nil, err
	}
	// From here on the request goes through, or a caller that goes away now
	// would leave behind a job that nobody has heard of.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	j, bells, err := s.cfg.Store.Accept(ctx, n)
	if errors.Is(err, redisstore.ErrEarlier) {
		s.dropImages(ctx, n)
		return nil, err
	}
	if err != nil {
		if j = s.acceptedAfterAll(ctx, n); j == nil {
			return nil, err
		}
	}
	crash.At(crash.Accepted, string(n.ID))
	if err := s.cfg.Ring(ctx, bells...); err != nil {
		s.cfg.Log.WarnContext(ctx, "cannot ring, the sweeper will", "job_id", n.ID, "err", err)
	}
	return j, nil
}

// takeImages checks and stores the input images. After an error some of them may be
// stored.
func (s *Server) takeImages(ctx context.Context, n *redisstore.NewJob, req mediaRequest) error {
	all := req.images()
	if len(all) == 0 {
		return nil
	}
	m, err := s.cfg.Models.Find(upstream.ModelKind(n.Spec.Kind), n.Spec.Model)
	if err != nil {
		return err
	}
	var stored []job.Input
	total := int64(0)
	err = s.readImages(ctx, n.Tenant, m, all, func(i int, pic picture) error {
		in, err := s.keepImage(ctx, n.ID, i, pic)
		if err != nil {
			return err
		}
		stored = append(stored, *in)
		if total += in.SizeBytes; m.Input.MaxTotalBytes > 0 && total > m.Input.MaxTotalBytes {
			return tooLarge(all[i].param, "with the images before it, the files are over the limit of %s in all.", humanBytes(m.Input.MaxTotalBytes))
		}
		return nil
	})
	if err != nil {
		n.Spec.References = stored // to be dropped
		return err
	}
	req.keep(&n.Spec, stored)
	return nil
}

// storePatience bounds what is done for a request whose caller may be gone.
const storePatience = 10 * time.Second

// acceptedAfterAll looks whether a job is there although Accept failed: its
// reply may have been lost. If surely not, the input images are taken back.
func (s *Server) acceptedAfterAll(ctx context.Context, n redisstore.NewJob) *job.Job {
	j, err := s.cfg.Store.Get(ctx, n.ID)
	if fault.Is(err, fault.NotFound) {
		s.dropImages(ctx, n)
	}
	if err != nil {
		return nil
	}
	return j
}

// dropImages takes back the input images of a job that was not accepted.
func (s *Server) dropImages(ctx context.Context, n redisstore.NewJob) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	for _, in := range n.Spec.Inputs() {
		if err := s.cfg.Blobs.Delete(ctx, in.Key); err != nil {
			s.cfg.Log.WarnContext(ctx, "cannot delete an input image of a job that was not accepted", "job_id", n.ID, "err", err)
		}
	}
}

// deadline is what a kind of job is given.
func (t JobTimes) deadline(k job.Kind) time.Duration {
	switch k {
	case job.Image:
		return t.ImageDeadline
	case job.Video:
		return t.VideoDeadline
	}
	return t.VideoDeadline
}

// harvest is how long after its deadline late media of a kind is waited for.
func (t JobTimes) harvest(k job.Kind) time.Duration {
	switch k {
	case job.Image:
		return t.ImageHarvest
	case job.Video:
		return t.VideoHarvest
	}
	return t.VideoHarvest
}
