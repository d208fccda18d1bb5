package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// observe is around every handler: it names the request, turns panics and
// errors into answers, and writes the one line of log that a request has.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		c.Set(beganKey, began)
		if c.Request().Body != http.NoBody {
			// Also a body that nobody reads is waited for, after the answer.
			_ = http.NewResponseController(c.Response()).SetReadDeadline(began.Add(s.cfg.Limits.ReadStall)) // not every test's writer can
		}
		h := c.Response().Header()
		// What a stopping server keeps open it closes soon, and a call that a proxy is just
		// sending then would be cut: so each answer is the last one on its connection.
		if s.stopping.Load() || lengthUnsure(c.Request()) {
			h.Set(echo.HeaderConnection, "close")
		}
		h.Set(headerRequestID, requestID(c.Request().Header.Get(headerRequestID)))
		h.Set(echo.HeaderXContentTypeOptions, "nosniff")
		end := s.trace(c)
		err := s.contain(next, c)
		cut := errors.Is(err, errCut)
		if err != nil && !cut {
			cut = s.refuse(err, c)
		}
		took := time.Since(began)
		s.metrics.observe(c, statusFor(c, err), took)
		s.logRequest(c, took, err)
		end(err)
		if cut {
			panic(http.ErrAbortHandler) // net/http's way to end a connection without an end of the body
		}
		return nil
	}
}

// lengthUnsure tells whether a proxy in front may have another idea than we have
// of where a request ends. It can bring a Content-Length beside its chunks, which
// net/http passes over without a word, or chunks in HTTP/1.0, which it does not
// read. What came behind on the same connection would be taken for a request of
// its own, with somebody else's credential: so nothing more is read of it.
func lengthUnsure(r *http.Request) bool {
	return len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) && r.Body != http.NoBody
}

// errCut marks an answer that broke off: the connection must be cut, so that
// nobody takes the part for the whole.
var errCut = errors.New("server: the answer broke off")

// contain turns a panic into an error. The stack is logged here, once.
func (s *Server) contain(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		s.cfg.Log.ErrorContext(c.Request().Context(), "panic in a handler",
			"route", c.Path(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()),
			"request_id", c.Response().Header().Get(headerRequestID))
		err = fault.New(fault.Internal, "Internal error. The service's log has the cause under this request's id.")
	}()
	return next(c)
}

// logRequest writes one line. Bodies, queries and credentials are not in it.
func (s *Server) logRequest(c echo.Context, took time.Duration, err error) {
	r, w := c.Request(), c.Response()
	level := levelOf(c, err)
	ctx := context.WithoutCancel(r.Context())
	if !s.cfg.Log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 9)
	attrs = append(attrs,
		slog.String("method", knownMethod(r.Method)), slog.String("route", c.Path()), slog.Int("status", statusFor(c, err)),
		slog.String("took", took.Round(10*time.Microsecond).String()), slog.Int64("sent_bytes", w.Size),
		slog.String("request_id", w.Header().Get(headerRequestID)))
	if id := w.Header().Get(headerJobID); id != "" {
		attrs = append(attrs, slog.String("job_id", id))
	}
	if err != nil {
		attrs = append(attrs, slog.Any("err", err))
	}
	s.cfg.Log.LogAttrs(ctx, level, "request", attrs...)
}

// statusFor is the status that the caller saw, or would have seen had it stayed.
func statusFor(c echo.Context, err error) int {
	if err != nil && !c.Response().Committed || errors.Is(err, context.Canceled) && !fault.Is(err, fault.Canceled) {
		return statusClientGone
	}
	return c.Response().Status
}

// levelOf: what an operator must look at is an error, what an upstream or a
// caller did is not, and probes are noise.
func levelOf(c echo.Context, err error) slog.Level {
	if err == nil {
		if strings.HasPrefix(c.Request().URL.Path, apiPrefix) {
			return slog.LevelInfo
		}
		return slog.LevelDebug
	}
	if isGone(c, err) {
		return slog.LevelInfo
	}
	switch code := toFault(err).Code; {
	case code == fault.Internal || code == fault.Unavailable:
		return slog.LevelError
	case statusOf(code) >= http.StatusInternalServerError:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// requestID is the caller's own name for the request, letter by letter, if it is
// harmless in a header and a log, else a new one: a changed name would be found
// by nobody.
func requestID(sent string) string {
	const longest = 128
	odd := func(r rune) bool { return r < ' ' || r > '~' }
	if sent == "" || len(sent) > longest || strings.ContainsFunc(sent, odd) {
		return "req_" + strings.ToLower(rand.Text())
	}
	return sent
}

// beganKey holds when a request came.
const beganKey = "tintype.began"

// began is when a request came.
func began(c echo.Context) time.Time {
	if t, ok := c.Get(beganKey).(time.Time); ok {
		return t
	}
	return time.Now()
}

// acceptedKey holds the id of the job that this request has created.
const acceptedKey = "tintype.accepted"

// markAccepted marks a request as one whose job exists from now on, whatever happens
// to the answer.
func markAccepted(c echo.Context, id job.ID) {
	c.Set(acceptedKey, id)
	c.Response().Header().Set(headerJobID, string(id))
}

// acceptedJob is the id of the job that this request has created, or "".
func acceptedJob(c echo.Context) job.ID {
	id, _ := c.Get(acceptedKey).(job.ID)
	return id
}
