package tintype

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of an answer that the client reads.
const (
	headerJobID       = "X-Job-Id"
	headerRequestID   = "X-Request-Id"
	headerReplayed    = "Idempotency-Replayed"
	headerShouldRetry = "X-Should-Retry"
)

// maxErrorBytes is how much of an answer with an error status is read. The
// API's own are far shorter; what is longer is some proxy's page.
const maxErrorBytes = 1 << 20

// ErrStreamUsed is returned by the second reading of a stream that a POST
// began: another reading would be another request, and be paid again.
var ErrStreamUsed = errors.New("tintype: this stream was read already")

// APIError is a failure that the server, or something before it, reported:
// by an error status, by a body {"error":…} of a 200, or in a stream.
type APIError struct {
	// Status is the HTTP status. It is 200 if the failure came after the
	// answer had begun: then Code tells what to think of it. It is zero in the
	// error of [Job.Err].
	Status int

	Type      string // OpenAI's class, like "invalid_request_error"; may be empty
	Code      Code   // empty if the answer was not in the API's form
	Param     string // the field of the request at fault; empty if none is
	Message   string // for people; never empty
	RequestID string // for the server's log; may be empty

	// JobID names the job that was accepted. If Code is CodeWaitTimeout it
	// lives on. Empty: there is none, or it is not known.
	JobID string

	// RetryAfter is how long to wait before trying again. Zero: not said.
	RetryAfter time.Duration

	// NoRetry tells that the server forbids to send the request again: it cannot
	// help, or could be paid twice.
	NoRetry bool

	// Replayed tells that an earlier request with the same IdempotencyKey made
	// the job, and this is how it ended. It is tried anew only under a new key.
	Replayed bool
}

// Error tells what is known in one line.
func (e *APIError) Error() string {
	var b strings.Builder
	b.WriteString("tintype: ")
	if e.Status != 0 {
		fmt.Fprintf(&b, "%d ", e.Status)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, "%s: ", e.Code)
	}
	b.WriteString(e.Message)
	for _, fact := range []struct{ name, value string }{
		{"param", e.Param}, {"job", e.JobID}, {"request", e.RequestID},
	} {
		if fact.value != "" {
			fmt.Fprintf(&b, " (%s %s)", fact.name, fact.value)
		}
	}
	return b.String()
}

// IncompleteError is returned when an answer or a stream broke off before its
// end: the connection was lost, the server shut down, or the context ended. It
// cancels nothing: a job that was accepted goes on. [JobService.Wait] and
// [JobService.Events] take it up again by JobID, in another process too.
type IncompleteError struct {
	JobID string // empty for chat, and if the server had not said it yet
	Seq   int64  // the last event that was read, to go on from; zero: none

	// IdempotencyKey is the one that the request was sent with, also if it was made
	// up. The same request with it is the same job: the way back while JobID is not
	// known. Empty: there was none.
	IdempotencyKey string

	Err error // why: io.ErrUnexpectedEOF, the context's error or the network's
}

// Error names the job and the cause.
func (e *IncompleteError) Error() string {
	cause := strings.TrimPrefix(e.Err.Error(), "tintype: ")
	if e.JobID == "" {
		return "tintype: the answer broke off: " + cause
	}
	return "tintype: the answer about job " + e.JobID + " broke off: " + cause
}

// Unwrap gives the cause.
func (e *IncompleteError) Unwrap() error { return e.Err }

// incomplete tells of an answer whose body broke off.
func incomplete(resp *http.Response, cause error) error {
	return &IncompleteError{JobID: resp.Header.Get(headerJobID), Err: cause}
}

// Err is nil unless the job failed or was canceled; then it is an *APIError
// that says why.
func (j Job) Err() error {
	switch j.Status {
	case StatusFailed:
		return j.failure()
	case StatusCanceled:
		return &APIError{Code: CodeCanceled, Message: "The job was canceled.", JobID: j.ID}
	case StatusQueued, StatusRunning, StatusMirroring, StatusSucceeded:
	}
	return nil
}

func (j Job) failure() error {
	e := &APIError{Message: "The job failed.", JobID: j.ID}
	if j.Error != nil {
		e.take(*j.Error)
	}
	return e
}

// newAPIError makes the error of an answer with an error status.
func newAPIError(resp *http.Response, body []byte) *APIError {
	detail := failureIn(body)
	if detail == nil {
		detail = &ErrorDetail{Message: describe(resp)}
	}
	return apiErrorFrom(resp, *detail)
}

// apiErrorFrom makes an error of what the body and the headers say.
func apiErrorFrom(resp *http.Response, detail ErrorDetail) *APIError {
	e := &APIError{
		Status:     resp.StatusCode,
		Message:    "The server gave no reason.",
		RequestID:  resp.Header.Get(headerRequestID),
		JobID:      resp.Header.Get(headerJobID),
		RetryAfter: retryAfter(resp.Header),
		NoRetry:    resp.Header.Get(headerShouldRetry) == "false",
		Replayed:   resp.Header.Get(headerReplayed) == "true",
	}
	e.take(detail)
	return e
}

// take fills in what a detail says, leaving the rest.
func (e *APIError) take(d ErrorDetail) {
	e.Type = d.Type
	if d.Message != "" {
		e.Message = d.Message
	}
	if d.Param != nil {
		e.Param = *d.Param
	}
	if d.Code != nil {
		e.Code = Code(*d.Code)
	}
	if d.JobID != "" {
		e.JobID = d.JobID
	}
}

// describe speaks of an answer that is not in the API's form, which means that
// it is not the server's.
func describe(resp *http.Response) string {
	what := strings.TrimSpace(strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode))
	if to := resp.Header.Get("Location"); to != "" && resp.StatusCode/100 == 3 {
		return what + ": the server is elsewhere; give the client that address as its base URL"
	}
	return what + " (" + contentType(resp) + "): not an answer of the API; is the base URL right?"
}

// contentType is the media type of an answer, for people and for comparing.
func contentType(resp *http.Response) string {
	header := resp.Header.Get("Content-Type")
	if header == "" {
		return "no content type"
	}
	t, _, err := mime.ParseMediaType(header)
	if err != nil {
		return header
	}
	return t
}

// failureIn finds the error in a body or an event, or nil. In a job it is none
// of ours: a failed job was asked for, and here it is. Nor is it in a try of a
// webhook, where the receiver's failure is told.
func failureIn(body []byte) *ErrorDetail {
	var probe struct {
		Object string          `json:"object"`
		Error  json.RawMessage `json:"error"`
		Took   json.RawMessage `json:"duration_ms"` // of a WebhookAttempt alone
	}
	if json.Unmarshal(body, &probe) != nil || probe.Object == ObjectJob || probe.Took != nil {
		return nil
	}
	if len(probe.Error) == 0 || bytes.Equal(probe.Error, []byte("null")) {
		return nil
	}
	return lenientDetail(probe.Error)
}

// lenientDetail reads an error in the API's form and in those of gateways that
// may stand before it: a bare string, a number as the code.
func lenientDetail(raw json.RawMessage) *ErrorDetail {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return &ErrorDetail{Message: text}
	}
	var loose struct {
		Message any `json:"message"`
		Type    any `json:"type"`
		Param   any `json:"param"`
		Code    any `json:"code"`
		JobID   any `json:"job_id"`
	}
	_ = json.Unmarshal(raw, &loose) // of another form: nothing is known but that it failed
	return &ErrorDetail{
		Message: textOf(loose.Message), Type: textOf(loose.Type), JobID: textOf(loose.JobID),
		Param: pointerTo(textOf(loose.Param)), Code: pointerTo(textOf(loose.Code)),
	}
}

// textOf is a JSON value as text, "" for null.
func textOf(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func pointerTo(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// retryAfter reads the header in its three forms: milliseconds, seconds, a
// date. Zero if it is missing, unreadable or past.
func retryAfter(h http.Header) time.Duration {
	if d, ok := wait(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return d
	}
	value := h.Get("Retry-After")
	if d, ok := wait(value, time.Second); ok {
		return d
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// wait reads a number of units; more than a day is taken for a day.
func wait(value string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0, false
	}
	return min(time.Duration(n)*unit, 24*time.Hour), true
}
