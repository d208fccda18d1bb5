package wire

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// The sentences that callers read. None has a word of the upstream's own text.
const (
	SaysUnreachable = "The upstream cannot be reached. Try again later."
	SaysNoAnswer    = "The upstream did not answer in time. Try again later."
	SaysBrokeOff    = "The upstream's answer broke off."
	SaysGarbled     = "The upstream's answer could not be understood."
	SaysEmpty       = "The upstream answered without any content."
	SaysServerError = "The upstream failed. Try again later."
	SaysOutcome     = "The upstream's answer to the submission was lost. It may have been accepted and billed, so it is not sent again."
	SaysCredential  = "The upstream does not accept this credential."
	SaysStanding    = "The upstream has closed the account behind this credential, for instance for overdue payment. Its owner has to settle that with the upstream."
	SaysNotServed   = "This credential may not use this model at the upstream. Activate the model there, or choose another."
	SaysRate        = "The upstream takes no more requests with this credential for now. Try again later."
	SaysQuota       = "The allowance of this credential at the upstream is used up."
	SaysCapacity    = "The upstream is short of capacity. Try again later."
	SaysContext     = "The input is too long for this model. Shorten it."
	SaysImage       = "The upstream cannot read the image. Send it in another format or size."
	SaysTextPolicy  = "The upstream refused the text by its content policy. Change it and send the request again."
	SaysImagePolicy = "The upstream refused the image by its content policy. Send another one."
	SaysOutPolicy   = "The upstream withheld the result by its content policy. Change the request and send it again."
	SaysPolicy      = "The upstream refused the request by its content policy. Change it and send it again."
	SaysRequest     = "The upstream does not accept this request for this model."
	SaysTooLarge    = "The request is too large for the upstream. Send a smaller image."
	SaysLost        = "The upstream does not know this job any more."
	SaysFailed      = "The upstream accepted the job and could not make it."
)

// Refused is an error of ours: the request cannot be sent as it is, and nothing
// was.
func Refused(f *fault.Error) *upstream.Error {
	return &upstream.Error{Class: upstream.InvalidInput, Outcome: upstream.Rejected, Fault: f, Cause: errors.New("refused by the driver itself")}
}

// Usable tells whether a credential can be a header's value at all.
func Usable(s account.Secret) bool {
	return !s.IsZero() && strings.IndexFunc(s.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// BadCredential is the error of what cannot even be put into a header.
func BadCredential() *upstream.Error {
	return &upstream.Error{
		Class: upstream.Auth, Outcome: upstream.Rejected,
		Fault: fault.New(fault.CredentialRejected, SaysCredential),
	}
}

// Askable refuses what no answer about a job could be got for.
func Askable(a account.Account, upstreamID string) *upstream.Error {
	switch {
	case !Usable(a.Secret):
		return BadCredential()
	case upstreamID == "":
		return &upstream.Error{Class: upstream.Lost, Fault: fault.New(fault.GenerationFailed, SaysLost)}
	}
	return nil
}

// Lost makes an ambiguous error speak of money: the caller must not take it for
// one that can be tried again for free.
func Lost(e *upstream.Error) *upstream.Error {
	if e.Outcome == upstream.Ambiguous {
		e.Fault = fault.New(fault.OutcomeUnknown, SaysOutcome)
	}
	return e
}

// Free makes the error of a call that submits nothing, and so has no outcome;
// nil of nil.
func Free(e *upstream.Error) error {
	if e == nil {
		return nil // and not an error that holds a nil pointer
	}
	e.Outcome = ""
	return e
}

// Ambiguous is an answer that came and does not say what was created.
func Ambiguous(class upstream.Class, message string, cause error) *upstream.Error {
	return &upstream.Error{
		Class: class, Outcome: upstream.Ambiguous,
		Fault: fault.New(fault.Upstream, message), Cause: cause,
	}
}

// OutcomeOf tells what a complete answer outside of 2xx says about a submission.
// Without the upstream's envelope it may come from a server in between: only
// statuses that no server gives after it has handed a request on count as a no.
func OutcomeOf(status int, envelope bool) upstream.Outcome {
	switch status {
	case 400, 401, 403, 404, 405, 411, 413, 414, 415, 422, 429, 431:
		return upstream.Rejected
	}
	if status >= 400 && status < 500 && envelope {
		return upstream.Rejected
	}
	return upstream.Ambiguous
}

// OutcomeOfClass tells what an error inside a 200 says about the request: a
// refusal is one wherever it stands, a failure on the way may have been paid.
func OutcomeOfClass(c upstream.Class) upstream.Outcome {
	switch c {
	case upstream.Auth, upstream.RiskControl, upstream.RateLimited, upstream.Quota, upstream.ContentRejected,
		upstream.InvalidInput, upstream.NotServed, upstream.Overloaded:
		return upstream.Rejected
	case upstream.Transient, upstream.Empty, upstream.Timeout, upstream.Lost, upstream.Unknown:
	}
	return upstream.Ambiguous
}

// MayWait tells whether an upstream's word on when to come back counts for a
// class of errors.
func MayWait(class upstream.Class) bool {
	switch class {
	case upstream.RateLimited, upstream.Quota, upstream.Overloaded:
		return true
	case upstream.Auth, upstream.RiskControl, upstream.ContentRejected, upstream.InvalidInput, upstream.NotServed,
		upstream.Transient, upstream.Empty, upstream.Timeout, upstream.Lost, upstream.Unknown:
	}
	return false
}

// RetryAfter reads the header of that name, up to a minute. Zero if it says
// nothing.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	const most = time.Minute
	s := h.Get("Retry-After")
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, most)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(at.Sub(now), 0), most)
	}
	return 0
}

// RequestID gives the upstream's name for an answer, for its support.
func RequestID(h http.Header) string {
	const most = 128
	id := h.Get("X-Request-Id")
	if len(id) > most || strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return ""
	}
	return id
}

// Cut shortens a text for the log.
func Cut(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
