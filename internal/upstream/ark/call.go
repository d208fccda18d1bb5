package ark

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// The most that is read of an answer. Images may come inside of one.
const (
	imageAnswerBytes = 64 << 20
	chatAnswerBytes  = 32 << 20
	smallAnswerBytes = 1 << 20
)

// call is one HTTP request to the upstream. It is sent once.
type call struct {
	op     operation
	method string
	url    string
	secret account.Secret
	body   []byte // nil for GET
	accept string
	trace  string // X-Client-Request-Id; means nothing to the upstream
	via    *http.Transport

	written func() // called once the request has been written; may be nil

	// rewind lets net/http send the request on another connection when a reused
	// one turns out to be dead before one byte was written to it.
	rewind bool
}

// answer is a response whose head has come.
type answer struct {
	*http.Response
	call call
}

// errNotOpened marks a call that never had a connection: no byte of it left.
var errNotOpened = errors.New("no connection")

// send sends the call and waits for the head of the answer. Its error wraps
// errNotOpened if not one byte can have left this process.
//
// It asks the transport itself and not a client: there is nothing here that
// could follow a redirect.
func (c call) send(ctx context.Context) (answer, error) {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
		WroteRequest: func(httptrace.WroteRequestInfo) {
			if c.written != nil {
				c.written()
			}
		},
	})
	req, err := c.request(ctx)
	if err != nil {
		return answer{}, errors.Join(errNotOpened, err)
	}
	res, err := c.via.RoundTrip(req) //nolint:bodyclose // by whoever gets the answer
	if err != nil && !connected.Load() {
		return answer{}, errors.Join(errNotOpened, err)
	}
	return answer{res, c}, err
}

// request builds the request. Without rewind the body's reader hides its type,
// so that net/http cannot find out how to start it again: GetBody stays nil.
func (c call) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	switch {
	case c.rewind:
		body = bytes.NewReader(c.body)
	case c.body != nil:
		body = struct{ io.Reader }{bytes.NewReader(c.body)}
	}
	req, err := http.NewRequestWithContext(ctx, c.method, c.url, body)
	if err != nil {
		return nil, err
	}
	h := req.Header
	h["Authorization"] = []string{"Bearer " + c.secret.Reveal()}
	h["User-Agent"] = []string{"tintype"}
	h["Accept"] = []string{c.accept}
	if c.body != nil {
		req.ContentLength = int64(len(c.body))
		h["Content-Type"] = []string{"application/json"}
	}
	if c.trace != "" {
		h["X-Client-Request-Id"] = []string{c.trace}
	}
	return req, nil
}

// failure makes the driver's error of a call that got no whole answer.
func (c call) failure(ctx context.Context, err error) *upstream.Error {
	e := &upstream.Error{Class: upstream.Transient, Outcome: upstream.Ambiguous, Cause: c.redacted(unexpected(err))}
	message := saysBrokeOff
	switch {
	case errors.Is(err, errNotOpened):
		e.Outcome, message = upstream.NotSent, saysUnreachable
	case errors.Is(err, errTooBig):
		e.Class, message = upstream.Unknown, saysGarbled
	}
	if isTimeout(ctx, err) {
		e.Class, message = upstream.Timeout, saysNoAnswer
	}
	e.Fault = fault.New(fault.Upstream, message)
	return e
}

func isTimeout(ctx context.Context, err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout() || errors.Is(err, context.DeadlineExceeded) || errors.Is(context.Cause(ctx), context.DeadlineExceeded)
}

var errTooBig = errors.New("the answer is over the limit")

// whole reads an answer's body to its end. A body that is shorter than announced
// is an error, as is one over the limit.
func (a answer) whole(limit int64) ([]byte, error) {
	if a.ContentLength > limit {
		return nil, errTooBig
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
		err = errTooBig
	}
	return buf.Bytes(), err
}

// unexpected keeps an end that came too early from looking like a proper one to
// whoever asks the driver's error whether it is io.EOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// do sends the call and reads the whole answer, all within a time.
func (c call) do(ctx context.Context, timeout time.Duration, limit int64) (answer, []byte, *upstream.Error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	a, err := c.send(ctx)
	if err != nil {
		return answer{}, nil, c.failure(ctx, err)
	}
	defer func() { _ = a.Body.Close() }()
	body, err := a.whole(limit)
	if err != nil {
		return a, nil, c.failure(ctx, fmt.Errorf("status %d: %w", a.StatusCode, err))
	}
	return a, body, nil
}

// refusal is the error that an answer outside of 2xx is. Its outcome is
// Rejected where the answer means that nothing was created, else Ambiguous.
func (d *Driver) refusal(a answer, body []byte) *upstream.Error {
	env, ok := parseEnvelope(body)
	if !ok {
		env = apiError{Message: cut(a.call.redact(string(body)), 200)}
	}
	e := d.classify(a.call, a.StatusCode, a.Header, env)
	e.Outcome = outcomeOf(a.StatusCode, ok)
	return e
}

// outcomeOf tells what a complete answer outside of 2xx says about a submission.
// Without the upstream's envelope it may come from a server in between: only
// statuses that no server gives after it has handed a request on count as a no.
func outcomeOf(status int, envelope bool) upstream.Outcome {
	switch status {
	case 400, 401, 403, 404, 405, 411, 413, 414, 415, 422, 429, 431:
		return upstream.Rejected
	}
	if status >= 400 && status < 500 && envelope {
		return upstream.Rejected
	}
	return upstream.Ambiguous
}
