package fetch

import (
	"errors"
	"fmt"
	"time"
)

// The kinds of failure, for errors.Is.
var (
	// ErrForbidden: the URL, its address or that of a redirect is not allowed.
	// Trying again cannot help.
	ErrForbidden = errors.New("forbidden")

	// ErrPort is beside ErrForbidden where the address is allowed and its port is
	// not: it belongs to another service.
	ErrPort = errors.New("the port belongs to another service")

	// ErrUnreachable: no answer. The name, the connection, TLS, or the time
	// until the header failed, or the answer was not HTTP.
	ErrUnreachable = errors.New("unreachable")

	// ErrStatus: an answer with a status that is not a file; see Error.Status.
	ErrStatus = errors.New("unexpected status")

	// ErrTooLarge: the file has more bytes than allowed.
	ErrTooLarge = errors.New("too large")

	// ErrInterrupted: the file's bytes began and stopped before the end: the
	// connection broke, no byte came for too long, or the time was up. Asking
	// for the rest from Error.Bytes on may help.
	ErrInterrupted = errors.New("interrupted")
)

// Error is a failed fetch. Its Error text is for the log: it may name
// addresses, never the URL. Message is for a caller of the API.
type Error struct {
	Kind       error         // one of the Err values of this package
	Status     int           // of ErrStatus
	RetryAfter time.Duration // of ErrStatus, if the server said so
	Bytes      int64         // of ErrInterrupted: how many came in this answer
	Limit      int64         // of ErrTooLarge, in bytes
	Cause      error         // may be nil
}

// Error implements error.
func (e *Error) Error() string {
	s := "fetch: " + e.Kind.Error()
	switch {
	case e.Status != 0:
		s += fmt.Sprintf(" %d", e.Status)
	case e.Limit != 0:
		s += fmt.Sprintf(": more than %d bytes", e.Limit)
	case errors.Is(e.Kind, ErrInterrupted):
		s += fmt.Sprintf(" after %d bytes", e.Bytes)
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives kind and cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// Message says what went wrong in words that may be shown to anybody: nothing
// of the URL, of addresses or of other packages' errors is in it.
func (e *Error) Message() string {
	switch {
	case errors.Is(e.Cause, ErrPort):
		return "The port is not allowed: it must be 80, 443 or from 1024 on."
	case errors.Is(e.Kind, ErrForbidden):
		return "The address is not allowed: it must be a public http(s) URL without credentials."
	case errors.Is(e.Kind, ErrStatus):
		return fmt.Sprintf("The server answered with status %d.", e.Status)
	case errors.Is(e.Kind, ErrTooLarge):
		return fmt.Sprintf("The file is larger than %d bytes.", e.Limit)
	case errors.Is(e.Kind, ErrInterrupted):
		return fmt.Sprintf("The server stopped sending after %d bytes.", e.Bytes)
	}
	return "The server could not be reached."
}

func forbidden(why string) *Error {
	return &Error{Kind: ErrForbidden, Cause: errors.New(why)}
}
