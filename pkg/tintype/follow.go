package tintype

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// How a stream of events is taken up again.
const (
	defaultRetry = 2 * time.Second  // before the first attempt, if the server does not say
	maxRetry     = 30 * time.Second // between two attempts
	maxFailures  = 10               // in a row; then the caller has to know
	goodAge      = 10 * time.Second // a connection that lived so long was no failure
	maxSilence   = time.Minute      // six heartbeats of a server; then the connection counts as lost
)

// follower reads one job's log, in either dialect, over as many connections as it
// takes.
type follower struct {
	// open makes a connection that goes on after the event seq.
	open func(ctx context.Context) (*http.Response, error)

	// take gives one event to the caller. It keeps seq and final, and ends the loop
	// by errDone.
	take func(*http.Response, sseEvent) error

	patient bool // goes on as long as its context does, however often it fails
	uploads bool // open has much to send, and may take as long as it likes

	id       string        // the job; empty: not known yet
	seq      int64         // the last event that the caller has seen
	final    bool          // that event was a last one
	opened   bool          // there was a stream before
	retry    time.Duration // the server's wish
	failures int           // attempts in a row that brought nothing
}

// errDone ends a loop well: the log is complete, or the caller has left.
var errDone = errors.New("done")

// errSilent ends a connection that brings not even heartbeats any more.
var errSilent = errors.New("the connection went silent")

// errMalformed is a fault of the stream that another attempt would meet again.
var errMalformed = errors.New("tintype: an event of the stream is not the API's")

func (f *follower) run(ctx context.Context) error {
	f.retry = defaultRetry
	for {
		err := f.connect(ctx)
		if errors.Is(err, errDone) {
			return nil
		}
		f.failures++
		if ctx.Err() != nil || !f.mayResume(err) {
			return f.verdict(err)
		}
		if err := pause(ctx, f.delay(err)); err != nil {
			return f.verdict(err)
		}
	}
}

// connect reads one connection to its end and says why it ended. Time that the
// caller spends on an event is no silence of the server's, nor is the time that a
// request takes on its way there.
func (f *follower) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(maxSilence, func() { cancel(errSilent) })
	defer alarm.Stop()
	err := f.follow(ctx, alarm)
	if !errors.Is(err, errDone) && errors.Is(context.Cause(ctx), errSilent) {
		return errSilent // the caller's own context did not end
	}
	return err
}

func (f *follower) follow(ctx context.Context, alarm *time.Timer) error {
	if f.uploads {
		alarm.Stop() // reading sets it
	}
	resp, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusNoContent {
		return errDone // the log is complete and we have it
	}
	f.opened = true
	begin := time.Now()
	err = f.read(resp, newSSEReader(guardedReader{resp.Body, alarm}))
	if time.Since(begin) >= goodAge {
		f.failures = 0
	}
	return err
}

// read takes the events of one stream.
func (f *follower) read(resp *http.Response, in *sseReader) error {
	for {
		event, err := in.next()
		f.retry = cmp.Or(in.retry, f.retry)
		if err != nil {
			return f.end(err)
		}
		if err := f.take(resp, event); err != nil {
			return err
		}
		f.failures = 0
	}
}

// guardedReader sets the alarm while it waits for bytes.
type guardedReader struct {
	io.Reader
	alarm *time.Timer
}

func (g guardedReader) Read(b []byte) (int, error) {
	g.alarm.Reset(maxSilence)
	defer g.alarm.Stop()
	return g.Reader.Read(b)
}

// end judges how a stream ended: after a last event it is complete, and the
// server closes it.
func (f *follower) end(err error) error {
	if f.final {
		return errDone
	}
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// mayResume tells whether another attempt makes sense after an error.
func (f *follower) mayResume(err error) bool {
	if !f.patient && (!f.opened || f.failures >= maxFailures) {
		return false
	}
	if e, ok := errors.AsType[*APIError](err); ok {
		return e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
	}
	return !errors.Is(err, errMalformed) && !errors.Is(err, ErrTooLarge)
}

// verdict is the error that the caller gets.
func (f *follower) verdict(err error) error {
	_, refused := errors.AsType[*APIError](err)
	if refused || errors.Is(err, errMalformed) || errors.Is(err, ErrTooLarge) {
		return err
	}
	return &IncompleteError{JobID: f.id, Seq: f.seq, Err: err}
}

// delay is how long to wait before the next attempt: what the server asks for,
// or a time that doubles, drawn at random from its upper half, so that the many
// callers of a server that was restarted do not come back at once.
func (f *follower) delay(err error) time.Duration {
	if e, ok := errors.AsType[*APIError](err); ok && e.RetryAfter > 0 {
		return min(e.RetryAfter, maxRetry)
	}
	d := min(f.retry, maxRetry)
	for range f.failures - 1 {
		d = min(2*d, maxRetry)
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // spreads load, guards nothing
}
