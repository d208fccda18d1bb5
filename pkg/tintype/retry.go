package tintype

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// How requests are made again.
const (
	firstBackoff = 500 * time.Millisecond // it doubles
	maxBackoff   = 15 * time.Second
	maxPatience  = time.Minute // a server that wants longer than this to pass is left to the caller
)

// lostError is a connection that failed before the head of an answer came.
type lostError struct {
	err  error
	sent bool // the request was on its way: the server may have it
}

// Error names the request and the cause.
func (e *lostError) Error() string { return "tintype: " + e.err.Error() }

// Unwrap gives the cause.
func (e *lostError) Unwrap() error { return e.err }

// isHopeless tells of errors of net/http that another try would meet again: it is
// no HTTP server, or not the one whose certificate it should have.
func isHopeless(err error) bool {
	_, stranger := errors.AsType[*tls.CertificateVerificationError](err)
	return stranger || strings.Contains(err.Error(), "malformed HTTP") // net/http has no name for it
}

// isBroken tells of an error that is the connection's, and whether the server may
// have got the request.
func isBroken(err error) (broken, sent bool) {
	if e, ok := errors.AsType[*lostError](err); ok {
		return true, e.sent
	}
	_, ok := errors.AsType[*IncompleteError](err)
	return ok, ok
}

// tries decides whether a request is made again.
type tries struct {
	left     int       // of those that the server refused, or that did not reach it
	keyed    bool      // a POST with its key: a connection that breaks may be made anew as long as the key is good
	until    time.Time // no try begins later; zero: there is no such time
	failures int       // in a row
	sent     bool      // the server may have got the request
}

// persist calls try until it succeeds, fails for good, or ctx ends. The error is
// the last try's, and ctx's if that ended the wait for another one.
func (t *tries) persist(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		_, sent := isBroken(err)
		t.sent = t.sent || sent
		delay, again := t.after(err)
		if ctx.Err() != nil || !again || !t.fits(ctx, delay, err) {
			return err
		}
		if ended := pause(ctx, delay); ended != nil {
			return fmt.Errorf("tintype: %w; before that: %w", ended, err)
		}
	}
}

// after tells whether another try makes sense after an error, and when.
func (t *tries) after(err error) (delay time.Duration, again bool) {
	t.failures++
	refusal, refused := errors.AsType[*APIError](err)
	broken, sent := isBroken(err)
	switch {
	case refused && refusal.mayRetry():
		delay = refusal.RetryAfter
	case refused || !broken:
		return 0, false
	case t.keyed && sent:
		return t.backoff(), true
	}
	t.left--
	return cmp.Or(delay, t.backoff()), t.left >= 0
}

// fits tells whether a try after a delay would still be in time. Whoever is told
// to come back too late learns at once why.
func (t *tries) fits(ctx context.Context, delay time.Duration, err error) bool {
	at := time.Now().Add(delay)
	if !t.until.IsZero() && at.After(t.until) {
		return false
	}
	end, limited := ctx.Deadline()
	_, refused := errors.AsType[*APIError](err)
	return !limited || !refused || at.Before(end)
}

// backoff is drawn at random from the upper half of a time that doubles, so that
// the many callers of a server that was restarted do not come back at once.
func (t *tries) backoff() time.Duration {
	d := min(firstBackoff<<min(t.failures-1, 10), maxBackoff)
	return d/2 + rand.N(d/2+1) //nolint:gosec // spreads load, guards nothing
}

// mayRetry tells whether the same request may fare better later. A failure of a
// job is its end, whatever its status.
func (e *APIError) mayRetry() bool {
	switch {
	case e.NoRetry || e.JobID != "" || e.RetryAfter > maxPatience:
		return false
	case e.Status == http.StatusConflict:
		return e.RetryAfter > 0
	}
	return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
