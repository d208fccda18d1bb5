package wire

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// SmallAnswer is the most that is read of an answer that holds no media.
const SmallAnswer = 1 << 20

// Operation is what a call is for; it decides how the caller's fields are named
// and what an error may be called.
type Operation string

// The operations.
const (
	Image  Operation = "image"
	Video  Operation = "video"
	Status Operation = "status" // of one task, also the wish to cancel it
	List   Operation = "list"
	Chat   Operation = "chat"
	Check  Operation = "check"
)

// Call is one HTTP request to the upstream. It is sent once.
type Call struct {
	Op     Operation
	Method string
	URL    string
	Secret account.Secret
	Accept string
	Header http.Header // further headers, also in place of ours; one without a value is not sent; may be nil
	Trace  string      // X-Client-Request-Id; means nothing to the upstream
	Via    *http.Transport

	Body        []byte // nil for GET
	ContentType string // of Body; empty means JSON

	Written func() // called once the request has been written; may be nil

	// Rewind lets net/http send the request on another connection when a reused
	// one turns out to be dead before one byte was written to it.
	Rewind bool
}

// Answer is a response whose head has come.
type Answer struct {
	*http.Response
	Call Call
}

// errNotOpened marks a call that never had a connection: no byte of it left.
var errNotOpened = errors.New("no connection")

// Send sends the call and waits for the head of the answer. Its error wraps
// errNotOpened if not one byte can have left this process.
//
// It asks the transport itself and not a client: there is nothing here that
// could follow a redirect.
func (c Call) Send(ctx context.Context) (Answer, error) {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
		WroteRequest: func(httptrace.WroteRequestInfo) {
			if c.Written != nil {
				c.Written()
			}
		},
	})
	req, err := c.request(ctx)
	if err != nil {
		return Answer{}, errors.Join(errNotOpened, err)
	}
	res, err := c.Via.RoundTrip(req) //nolint:bodyclose // by whoever gets the answer
	if err != nil && !connected.Load() {
		return Answer{}, errors.Join(errNotOpened, err)
	}
	return Answer{res, c}, err
}

// request builds the request. Without rewind the body's reader hides its type,
// so that net/http cannot find out how to start it again: GetBody stays nil.
func (c Call) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	switch {
	case c.Rewind:
		body = bytes.NewReader(c.Body)
	case c.Body != nil:
		body = struct{ io.Reader }{bytes.NewReader(c.Body)}
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, c.URL, body)
	if err != nil {
		return nil, err
	}
	h := req.Header
	h["Authorization"] = []string{"Bearer " + c.Secret.Reveal()}
	h["User-Agent"] = []string{"tintype"}
	maps.Copy(h, c.Header)
	h["Accept"] = []string{c.Accept}
	if c.Body != nil {
		req.ContentLength = int64(len(c.Body))
		h["Content-Type"] = []string{cmp.Or(c.ContentType, "application/json")}
	}
	if c.Trace != "" {
		h["X-Client-Request-Id"] = []string{c.Trace}
	}
	return req, nil
}

// Failure makes the driver's error of a call that got no whole answer.
func (c Call) Failure(ctx context.Context, err error) *upstream.Error {
	e := &upstream.Error{Class: upstream.Transient, Outcome: upstream.Ambiguous, Cause: c.redacted(Unexpected(err))}
	message := SaysBrokeOff
	switch {
	case errors.Is(err, errNotOpened):
		e.Outcome, message = upstream.NotSent, SaysUnreachable
	case errors.Is(err, ErrTooBig):
		e.Class, message = upstream.Unknown, SaysGarbled
	}
	if IsTimeout(ctx, err) {
		e.Class, message = upstream.Timeout, SaysNoAnswer
	}
	e.Fault = fault.New(fault.Upstream, message)
	return e
}

// IsTimeout tells whether a call failed because its time was up.
func IsTimeout(ctx context.Context, err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}

// ErrTooBig is why an answer was not read to its end.
var ErrTooBig = errors.New("the answer is over the limit")

// Whole reads an answer's body to its end. A body that is shorter than announced
// is an error, as is one over the limit.
func (a Answer) Whole(limit int64) ([]byte, error) {
	if a.ContentLength > limit {
		return nil, ErrTooBig
	}
	if a.ContentLength >= 0 {
		b := make([]byte, a.ContentLength)
		if _, err := io.ReadFull(a.Body, b); err != nil {
			return nil, err
		}
		_, _ = a.Body.Read(make([]byte, 1)) // its end, so that the connection can be used again
		return b, nil
	}
	const usual = 4 << 10
	buf := bytes.NewBuffer(make([]byte, 0, usual))
	n, err := buf.ReadFrom(io.LimitReader(a.Body, limit+1))
	if err == nil && n > limit {
		err = ErrTooBig
	}
	return buf.Bytes(), err
}

// Unexpected keeps an end that came too early from looking like a proper one to
// whoever asks the driver's error whether it is io.EOF.
func Unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Do sends the call and reads the whole answer, all within a time.
func (c Call) Do(ctx context.Context, timeout time.Duration, limit int64) (a Answer, body []byte, failure *upstream.Error) {
	a, failure = c.Read(ctx, timeout, func(a Answer) (err error) {
		body, err = a.Whole(limit)
		return err
	})
	if failure != nil {
		return a, nil, failure
	}
	return a, body, nil
}

// Read sends the call and has the answer's body read, all within a time. The
// body is closed when it returns.
func (c Call) Read(ctx context.Context, timeout time.Duration, read func(Answer) error) (Answer, *upstream.Error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a, err := c.Send(ctx)
	if err != nil {
		return Answer{}, c.Failure(ctx, err)
	}
	defer func() { _ = a.Body.Close() }()
	if err := read(a); err != nil {
		return a, c.Failure(ctx, fmt.Errorf("status %d: %w", a.StatusCode, err))
	}
	return a, nil
}
