// Package fault holds the errors that cross package boundaries.
//
// A fault has three readers. The program acts on its Code. The caller of the
// API reads its Message and Param, so they never hold a URL of an upstream, an
// account name, a credential or another package's error text. The operator
// reads Error, which adds the cause and goes only to the log.
//
// An error that is not a fault counts as Internal: forgetting to classify one
// is safe, it only costs the caller a less helpful answer.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Code is the class of a fault, and the "code" of the API's error envelope.
// The set is closed: a switch over Code names every value.
type Code string

// The comment after each code says what the caller should do.
const (
	Invalid            Code = "invalid_request"              // fix the field that Param names
	ContentPolicy      Code = "content_policy_violation"     // the prompt or image was refused: change it
	InvalidImage       Code = "invalid_image"                // send another image: unreadable, unreachable or of a wrong kind
	ImageTooLarge      Code = "image_too_large"              // send a smaller image
	Unauthenticated    Code = "authentication_error"         // send a credential that we know
	CredentialRejected Code = "upstream_credential_rejected" // the upstream does not know the credential: send another
	PermissionDenied   Code = "permission_denied"            // this credential may not do that
	NotFound           Code = "not_found"                    // unknown, expired or someone else's
	Gone               Code = "gone"                         // it was there, and has expired or was deleted
	ModelNotFound      Code = "model_not_found"              // choose a model of GET /v1/models
	MethodNotAllowed   Code = "method_not_allowed"           // use another HTTP method
	TooLarge           Code = "request_too_large"            // send a smaller body
	KeyReuse           Code = "idempotency_key_reuse"        // the key was used with another body
	RateLimited        Code = "rate_limit_exceeded"          // come back after RetryAfter
	Upstream           Code = "upstream_error"               // the upstream failed; nothing was made
	PoolExhausted      Code = "pool_exhausted"               // no usable account; come back after RetryAfter
	QueueFull          Code = "queue_full"                   // the line is full; come back after RetryAfter
	WaitTimeout        Code = "wait_timeout"                 // the wait ended, the job lives: ask for it by id
	GenerationTimeout  Code = "generation_timeout"           // the job's deadline passed
	GenerationFailed   Code = "generation_failed"            // the upstream accepted and could not make it
	OutcomeUnknown     Code = "submit_outcome_unknown"       // the submit may have been billed; its outcome is not known
	MediaInvalid       Code = "media_invalid"                // what the upstream made is not usable media
	Canceled           Code = "canceled"                     // the caller canceled
	CredentialGone     Code = "credential_unavailable"       // the job's own credential can no longer be opened
	Unavailable        Code = "service_unavailable"          // one of our stores is down: try again
	Internal           Code = "internal_error"               // our bug; the log has the cause
)

// Error is a fault. Make one with [New] or [Wrap].
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"` // for the caller: one or two sentences that name the way out; no secrets

	// Param names the request field at fault, as the caller wrote it
	// ("image", "messages[0].content"). Empty if no field is.
	Param string `json:"param,omitempty"`

	// RetryAfter is how long the caller should wait before it tries again.
	// Zero means that nothing is known.
	RetryAfter time.Duration `json:"retry_after_ns,omitempty"`

	Cause error `json:"-"` // for the log; may be nil; stays in this process
}

// New makes a fault without a cause.
func New(code Code, message string) *Error {
	return &Error{Code: code, Message: message}
}

// Newf is New with a format. Its arguments reach the caller.
func Newf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault with a cause that only the log will show.
func Wrap(code Code, message string, cause error) *Error {
	return &Error{Code: code, Message: message, Cause: cause}
}

// WithParam returns a copy of e that names a request field.
func (e *Error) WithParam(param string) *Error {
	c := *e
	c.Param = param
	return &c
}

// WithRetryAfter returns a copy of e with a waiting time.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error is for the log: code, message and cause.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Param != "" {
		s += " (param " + e.Param + ")"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// From returns the first fault in err's chain. A context error becomes
// Canceled or WaitTimeout; any other error becomes Internal. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Wrap(Canceled, "The request was canceled.", err)
	case errors.Is(err, context.DeadlineExceeded):
		return Wrap(WaitTimeout, "The request took too long.", err)
	default:
		return Wrap(Internal, "Internal error. The service's log has the cause under this request's id.", err)
	}
}

// Is reports whether err carries a fault of this code.
func Is(err error, code Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}
