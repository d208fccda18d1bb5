package server

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// Headers that are not in net/http's own spelling table.
const (
	headerJobID       = "X-Job-Id"
	headerRequestID   = "X-Request-Id"
	headerShouldRetry = "X-Should-Retry"
	headerRetryAfter  = "Retry-After"
)

// statusClientGone is nginx's number for a caller that went away. Nobody reads
// it but the log.
const statusClientGone = 499

// longestRetry is the longest Retry-After that the OpenAI SDKs are worth
// sending into: above it a retry by itself only makes a person wait.
const longestRetry = 30 * time.Second

// toFault turns what a handler or Echo's router returned into a fault.
func toFault(err error) *fault.Error {
	if routed, ok := errors.AsType[*echo.HTTPError](err); ok {
		return routerFault(routed)
	}
	return fault.From(err)
}

// routerFault is for the errors that Echo makes by itself.
func routerFault(e *echo.HTTPError) *fault.Error {
	switch e.Code {
	case http.StatusNotFound:
		return fault.New(fault.NotFound, "There is no such path here. GET /v1/models shows whether the base URL is right; it should end in /v1.")
	case http.StatusMethodNotAllowed:
		return fault.New(fault.MethodNotAllowed, "This path does not take that method. The Allow header lists the ones it takes.")
	case http.StatusRequestEntityTooLarge:
		return fault.New(fault.TooLarge, "The request body is too large.")
	}
	if e.Code < http.StatusInternalServerError {
		return fault.Wrap(fault.Invalid, "The request cannot be understood.", e)
	}
	return fault.Wrap(fault.Internal, "Internal error. The service's log has the cause under this request's id.", e)
}

// statusOf gives the HTTP status of a code.
func statusOf(code fault.Code) int {
	switch code {
	case fault.Invalid, fault.ContentPolicy, fault.InvalidImage, fault.ImageTooLarge:
		return http.StatusBadRequest
	case fault.Unauthenticated, fault.CredentialRejected:
		return http.StatusUnauthorized
	case fault.PermissionDenied:
		return http.StatusForbidden
	case fault.NotFound, fault.ModelNotFound:
		return http.StatusNotFound
	case fault.Gone:
		return http.StatusGone
	case fault.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case fault.Canceled:
		return http.StatusConflict
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.KeyReuse:
		return http.StatusUnprocessableEntity
	case fault.RateLimited:
		return http.StatusTooManyRequests
	case fault.Upstream, fault.GenerationFailed, fault.OutcomeUnknown, fault.MediaInvalid, fault.CredentialGone:
		return http.StatusBadGateway
	case fault.PoolExhausted, fault.QueueFull, fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.WaitTimeout, fault.GenerationTimeout:
		return http.StatusGatewayTimeout
	case fault.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// errorType is the coarse class that OpenAI's envelope carries beside the code.
func errorType(code fault.Code) string {
	switch code {
	case fault.Invalid, fault.ContentPolicy, fault.InvalidImage, fault.ImageTooLarge, fault.NotFound, fault.Gone,
		fault.ModelNotFound, fault.MethodNotAllowed, fault.TooLarge, fault.KeyReuse, fault.Canceled:
		return "invalid_request_error"
	case fault.Unauthenticated, fault.CredentialRejected:
		return "authentication_error"
	case fault.PermissionDenied:
		return "permission_error"
	case fault.RateLimited:
		return "rate_limit_error"
	case fault.Upstream, fault.GenerationFailed, fault.OutcomeUnknown, fault.MediaInvalid, fault.CredentialGone,
		fault.PoolExhausted, fault.QueueFull, fault.Unavailable, fault.WaitTimeout, fault.GenerationTimeout, fault.Internal:
		return "server_error"
	}
	return "server_error"
}

// mayRetry tells whether sending the same request again could help, for a
// request that was not accepted.
func mayRetry(f *fault.Error) bool {
	switch f.Code {
	case fault.RateLimited, fault.Upstream, fault.QueueFull, fault.Unavailable, fault.Internal:
		return true
	case fault.PoolExhausted:
		return f.RetryAfter > 0 && f.RetryAfter <= longestRetry
	case fault.Invalid, fault.ContentPolicy, fault.InvalidImage, fault.ImageTooLarge, fault.Unauthenticated,
		fault.CredentialRejected, fault.PermissionDenied, fault.NotFound, fault.Gone, fault.ModelNotFound, fault.MethodNotAllowed,
		fault.TooLarge, fault.KeyReuse, fault.WaitTimeout, fault.GenerationTimeout, fault.GenerationFailed,
		fault.OutcomeUnknown, fault.MediaInvalid, fault.Canceled, fault.CredentialGone:
	}
	return false
}

// maybeBilled tells whether the upstream may have done the work all the same:
// then a client that repeats by itself would pay twice.
func maybeBilled(err error) bool {
	e, ok := errors.AsType[*upstream.Error](err)
	return ok && e.Outcome == upstream.Ambiguous
}

// refuse answers an error, and then takes in what is left of the request's body:
// a caller that sends all of it before it reads would otherwise meet a reset
// connection instead of the answer, however long that takes at a fair pace. It
// tells whether the connection must be cut because the body did not end.
func (s *Server) refuse(err error, c echo.Context) (cut bool) {
	r := c.Request()
	if r.Body == http.NoBody || c.Response().Committed {
		s.answerError(err, c)
		return false
	}
	const patience = 5 * time.Second
	ctl := http.NewResponseController(c.Response())
	_ = ctl.EnableFullDuplex() // HTTP/2 has it anyway
	s.answerError(err, c)
	if !c.Response().Committed {
		return true // the caller is gone
	}
	_ = ctl.Flush() // a caller that does not read is gone too
	rest := &paced{body: r.Body, ctl: ctl, stall: min(patience, s.cfg.Limits.ReadStall), began: time.Now()}
	_, err = io.CopyN(io.Discard, rest, 2*s.cfg.Limits.BodyBytes)
	return !errors.Is(err, io.EOF)
}

// answerError writes the one error body that this service has. It does nothing
// once an answer has begun.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed || isGone(c, err) {
		return // it has begun, or nobody is left to read it
	}
	f := toFault(err)
	h := c.Response().Header()
	if challenged := h.Get(echo.HeaderWWWAuthenticate) != ""; !challenged && (f.Code == fault.Unauthenticated || f.Code == fault.CredentialRejected) {
		h.Set(echo.HeaderWWWAuthenticate, "Bearer")
	}
	if f.RetryAfter > 0 && h.Get(headerRetryAfter) == "" {
		h.Set(headerRetryAfter, wholeSeconds(f.RetryAfter))
	}
	id := acceptedJob(c)
	if id != "" {
		h.Set(echo.HeaderLocation, jobPath(id))
	}
	if id != "" || !mayRetry(f) || maybeBilled(err) {
		h.Set(headerShouldRetry, "false")
	}
	clearEntity(h)
	s.writeJSON(c, statusOf(f.Code), errorBody(f, id))
}

// isGone tells whether a request failed because its caller went away.
func isGone(c echo.Context, err error) bool {
	return errors.Is(err, context.Canceled) && c.Request().Context().Err() != nil
}

// clearEntity takes back what was said of a file that is not sent after all.
func clearEntity(h http.Header) {
	for _, name := range []string{
		echo.HeaderContentType, echo.HeaderContentLength, echo.HeaderLastModified, echo.HeaderContentSecurityPolicy,
		"Etag", "Content-Range", "Content-Disposition", "Accept-Ranges",
	} {
		h.Del(name)
	}
	h.Set(echo.HeaderCacheControl, "no-store")
}

// errorBody is a fault in OpenAI's envelope. A job that lives on after the
// error is named in it.
func errorBody(f *fault.Error, id job.ID) tintype.ErrorBody {
	body := tintype.ErrorBody{Error: *errorDetail(f)}
	if f.Code == fault.WaitTimeout {
		body.Error.JobID = string(id)
	}
	return body
}

func errorDetail(f *fault.Error) *tintype.ErrorDetail {
	code := string(f.Code)
	d := &tintype.ErrorDetail{Message: f.Message, Type: errorType(f.Code), Code: &code}
	if f.Param != "" {
		param := f.Param
		d.Param = &param
	}
	return d
}

// wholeSeconds rounds up, so that a caller who obeys is not early.
func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}

// clip keeps a caller's own words short in an error message.
func clip(s string) string {
	const most = 80
	s = strings.ToValidUTF8(s, "�")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
