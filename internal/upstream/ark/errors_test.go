package ark_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// asked is a request that an upstream refuses.
type asked string

const (
	anImage asked = "image"
	aVideo  asked = "video"
	aChat   asked = "chat"
)

// TestErrors holds the recorded and documented errors against what they mean.
func TestErrors(t *testing.T) {
	t.Parallel()
	const no, maybe = upstream.Rejected, upstream.Ambiguous
	tests := []struct {
		asked   asked
		status  int
		code    string
		message string
		param   string // the upstream's

		class   upstream.Class
		outcome upstream.Outcome
		fault   fault.Code
		field   string // ours
	}{
		// Recorded.
		{anImage, 401, "AuthenticationError", "the API key or AK/SK in the request is missing or invalid.", "", upstream.Auth, no, fault.CredentialRejected, ""},
		{aVideo, 400, "InvalidParameter", "The parameter `contents[0].text.duration` specified in the request is not valid: the specified duration is not supported for model dreamina-seedance-2-5.", "contents[0].text.duration", upstream.InvalidInput, no, fault.Upstream, ""},
		{anImage, 400, "InvalidParameter", "The parameter `size` specified in the request is not valid: image size must be at least 3686400 pixels.", "size", upstream.InvalidInput, no, fault.Invalid, "ratio"},
		{anImage, 400, "InvalidParameter", "The parameter `size` specified in the request is not valid", "", upstream.InvalidInput, no, fault.Invalid, "ratio"},
		{aChat, 400, "InvalidParameter", "The parameter `messages.role` specified in the request are not valid: invalid value: `developer`", "", upstream.InvalidInput, no, fault.Invalid, "messages.role"},
		{aVideo, 400, "InputImageSensitiveContentDetected.PrivacyInformation", "The request failed because the input image 'content[1]' may contain real person.", "", upstream.ContentRejected, no, fault.ContentPolicy, "image"},
		{aChat, 404, "ModelNotOpen", "Your account 2100000000 has not activated the model seed-2-0-lite-260228.", "", upstream.NotServed, no, fault.ModelNotFound, "model"},
		{aChat, 404, "InvalidAction", "The specified action is invalid: /api/v3/responses/v1/chat/completions", "", upstream.Unknown, no, fault.Upstream, ""},
		// Documented.
		{anImage, 400, "MissingParameter.prompt", "m", "", upstream.InvalidInput, no, fault.Invalid, "prompt"},
		{anImage, 400, "InvalidParameter", "m", "image[0]", upstream.InvalidInput, no, fault.InvalidImage, "image"},
		{aVideo, 400, "InvalidParameter", "m", "content[0].text", upstream.InvalidInput, no, fault.Invalid, "prompt"},
		{aVideo, 400, "InvalidParameter", "m", "content[1].image_url.url", upstream.InvalidInput, no, fault.InvalidImage, "image"},
		{aVideo, 400, "InvalidParameter", "m", "resolution", upstream.InvalidInput, no, fault.Upstream, ""},
		{aVideo, 400, "InvalidParameter", "m", "ratio", upstream.InvalidInput, no, fault.Invalid, "ratio"},
		{aVideo, 400, "InvalidParameter.TaskTypeConstraint", "m", "", upstream.InvalidInput, no, fault.Invalid, ""},
		{aChat, 400, "InvalidParameter", "m", "temperature", upstream.InvalidInput, no, fault.Invalid, "temperature"},
		{aChat, 400, "InvalidParameter", "m", "messages[0].content; http://10.0.0.1/", upstream.InvalidInput, no, fault.Invalid, "messages"},
		{aChat, 400, "InvalidParameter", "m", "secret_internal_field", upstream.InvalidInput, no, fault.Invalid, ""},
		{aChat, 400, "InvalidArgumentError.X", "m", "", upstream.InvalidInput, no, fault.Invalid, ""},
		{anImage, 400, "InvalidImageURL.InvalidFormat", "m", "", upstream.InvalidInput, no, fault.InvalidImage, "image"},
		{aChat, 400, "InvalidImageURL.EmptyURL", "m", "", upstream.InvalidInput, no, fault.InvalidImage, "messages"},
		{aChat, 400, "OutofContextError", "m", "", upstream.InvalidInput, no, fault.Invalid, "messages"},
		{anImage, 400, "InvalidEndpoint.ClosedEndpoint", "m", "", upstream.NotServed, no, fault.ModelNotFound, "model"},
		{anImage, 400, "SensitiveContentDetected.SevereViolation", "m", "", upstream.ContentRejected, no, fault.ContentPolicy, ""},
		{anImage, 400, "InputTextSensitiveContentDetected", "m", "", upstream.ContentRejected, no, fault.ContentPolicy, "prompt"},
		{aChat, 400, "InputTextRiskDetection", "m", "", upstream.ContentRejected, no, fault.ContentPolicy, "messages"},
		{anImage, 400, "OutputImageSensitiveContentDetected.PolicyViolation", "m", "", upstream.ContentRejected, no, fault.ContentPolicy, ""},
		{aVideo, 400, "OutputVideoSensitiveContentDetected.DeepFake", "m", "", upstream.ContentRejected, no, fault.ContentPolicy, ""},
		{anImage, 400, "ContentSecurityDetectionError", "m", "", upstream.Transient, no, fault.Upstream, ""},
		{anImage, 400, "InvalidSubscription", "m", "", upstream.Auth, no, fault.CredentialRejected, ""},
		{anImage, 401, "InvalidAccountStatus", "m", "", upstream.Auth, no, fault.CredentialRejected, ""},
		{anImage, 403, "AccountOverdueError", "m", "", upstream.Auth, no, fault.CredentialRejected, ""},
		{anImage, 403, "OperationDenied.ServiceOverdue", "m", "", upstream.Auth, no, fault.CredentialRejected, ""},
		{anImage, 403, "AccessDenied", "m", "", upstream.Auth, no, fault.CredentialRejected, ""},
		{anImage, 404, "InvalidEndpointOrModel.NotFound", "m", "", upstream.NotServed, no, fault.ModelNotFound, "model"},
		{anImage, 404, "InvalidEndpointOrModel.ModelIDAccessDisabled", "m", "", upstream.NotServed, no, fault.ModelNotFound, "model"},
		{anImage, 404, "UnsupportedModel", "m", "", upstream.NotServed, no, fault.ModelNotFound, "model"},
		{anImage, 429, "RateLimitExceeded.EndpointRPMExceeded", "m", "", upstream.RateLimited, no, fault.RateLimited, ""},
		{anImage, 429, "ModelAccountIpmRateLimitExceeded", "m", "", upstream.RateLimited, no, fault.RateLimited, ""},
		{anImage, 429, "AccountRateLimitExceeded", "m", "", upstream.RateLimited, no, fault.RateLimited, ""},
		{aChat, 429, "RequestBurstTooFast", "m", "", upstream.RateLimited, no, fault.RateLimited, ""},
		{aChat, 429, "ServerOverloaded", "m", "", upstream.Overloaded, no, fault.Upstream, ""},
		{aChat, 429, "ModelLoadingError", "m", "", upstream.Overloaded, no, fault.Upstream, ""},
		{aVideo, 429, "QuotaExceeded", "The request has exceeded the quota.", "", upstream.RateLimited, no, fault.RateLimited, ""},
		{aVideo, 429, "QuotaExceeded", "Your account has used up the Free Trial quota.", "", upstream.NotServed, no, fault.ModelNotFound, "model"},
		{aVideo, 429, "QuotaExceeded", "You have reached the weekly limit.", "", upstream.Quota, no, fault.RateLimited, ""},
		{aVideo, 429, "SetLimitExceeded", "m", "", upstream.Quota, no, fault.RateLimited, ""},
		{aVideo, 500, "InternalServiceError", "m", "", upstream.Transient, maybe, fault.OutcomeUnknown, ""},
		{aChat, 500, "InternalServiceError", "m", "", upstream.Transient, maybe, fault.Upstream, ""},
		// Nowhere documented.
		{anImage, 400, "SomethingNew", "m", "", upstream.InvalidInput, no, fault.Invalid, ""},
		{anImage, 403, "SomethingNew", "m", "", upstream.Auth, no, fault.CredentialRejected, ""},
		{anImage, 404, "NotFound.Thing", "m", "", upstream.Unknown, no, fault.Upstream, ""},
		{anImage, 409, "SomethingNew", "m", "", upstream.Unknown, no, fault.Upstream, ""},
		{anImage, 429, "SomethingNew", "m", "", upstream.RateLimited, no, fault.RateLimited, ""},
		{anImage, 503, "SomethingNew", "m", "", upstream.Overloaded, maybe, fault.OutcomeUnknown, ""},
		{anImage, 500, "InputTextSensitiveContentDetected", "m", "", upstream.Transient, maybe, fault.OutcomeUnknown, ""},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.asked, " ", tt.status, " ", tt.code, " ", tt.param), func(t *testing.T) {
			t.Parallel()
			e := fails(t, ask(t, tt.asked, reply(tt.status, envelope(t, tt.code, tt.message, tt.param))))
			if e.Class != tt.class || e.Outcome != tt.outcome {
				t.Errorf("got %s, %s\nwant %s, %s", e.Class, e.Outcome, tt.class, tt.outcome)
			}
			wantFault(t, e.Fault, tt.fault, tt.field)
			wantNoLeak(t, e)
		})
	}
}

const requestID = "021789845264349f39d09b715cb307c823cd4ff1a5ec1abe2960e"

func envelope(t *testing.T, code, message, param string) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{"error": map[string]any{
		"code": code, "message": message + " Request id: " + requestID + " key " + key, "param": param, "type": "BadRequest",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ask sends one request of a kind to a server that answers it like this.
func ask(t *testing.T, a asked, answer http.HandlerFunc) error {
	t.Helper()
	d := driver(t, newWire(t, answer).URL)
	var err error
	switch a {
	case anImage:
		_, err = d.Submit(t.Context(), acc(), image("x"))
	case aVideo:
		_, err = d.Submit(t.Context(), acc(), video("x"))
	case aChat:
		_, err = d.Chat(t.Context(), acc(), chat())
	}
	return err
}

// wantNoLeak: what a caller reads has none of the upstream's words, and the log
// has everything but the credential.
func wantNoLeak(t *testing.T, e *upstream.Error) {
	t.Helper()
	for _, word := range []string{requestID, "2100000000", "127.0.0.1", "http", key, "dreamina", "seed-2", "`", "Request"} {
		if strings.Contains(e.Fault.Message+e.Fault.Param, word) {
			t.Errorf("the caller reads %q in %q, %q", word, e.Fault.Message, e.Fault.Param)
		}
	}
	if strings.Contains(e.Error(), key) {
		t.Errorf("the log has the credential: %s", e)
	}
	if e.Cause == nil || !strings.Contains(e.Cause.Error(), requestID) {
		t.Errorf("the log lacks the request id: %v", e.Cause)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	reset := time.Now().Add(90 * time.Minute).In(time.FixedZone("CST", 8*3600)).Format("2006-01-02 15:04:05 -0700 MST")
	tests := []struct {
		name, header, code, message string
		status                      int
		least, most                 time.Duration
	}{
		{"seconds", "7", "AccountRateLimitExceeded", "m", 429, 7 * time.Second, 7 * time.Second},
		{"capped", "3600", "AccountRateLimitExceeded", "m", 429, time.Minute, time.Minute},
		{"date", time.Now().Add(55 * time.Second).UTC().Format(http.TimeFormat), "AccountRateLimitExceeded", "m", 429, 10 * time.Second, 55 * time.Second},
		{"old date", "Mon, 02 Jan 2006 15:04:05 GMT", "AccountRateLimitExceeded", "m", 429, 0, 0},
		{"nothing", "", "AccountRateLimitExceeded", "m", 429, 0, 0},
		{"rubbish", "-1", "AccountRateLimitExceeded", "m", 429, 0, 0},
		{"reset", "", "AccountQuotaExceeded", "You have exceeded the 5-hour quota. It will reset at " + reset + ".", 429, 89 * time.Minute, 90 * time.Minute},
		{"reset before header", "5", "AccountQuotaExceeded", "It will reset at " + reset, 429, 89 * time.Minute, 90 * time.Minute},
		{"reset in the past", "", "AccountQuotaExceeded", "It will reset at 2020-09-13 22:36:33 +0800 CST", 429, time.Second, time.Second},
		{"cut reset", "", "AccountQuotaExceeded", "It will reset at 2020-09-13", 429, 0, 0},
		{"not for bad input", "7", "InvalidParameter", "m", 400, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := fails(t, ask(t, anImage, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", tt.header)
				reply(tt.status, envelope(t, tt.code, tt.message, ""))(w, r)
			}))
			if e.RetryAfter < tt.least || e.RetryAfter > tt.most || e.Fault.RetryAfter != e.RetryAfter {
				t.Errorf("got %s and %s, want %s to %s", e.RetryAfter, e.Fault.RetryAfter, tt.least, tt.most)
			}
		})
	}
}

// FuzzEnvelope: whatever an upstream answers and with whatever status, the error
// is whole, is never taken for "nothing was sent", and shows the caller none of
// the answer.
func FuzzEnvelope(f *testing.F) {
	for _, code := range []string{"InvalidParameter", "QuotaExceeded", "ModelNotOpen", "InputImageRiskDetection"} {
		f.Add(400, []byte(`{"error":{"code":"`+code+`","message":"The parameter `+"`size`"+` specified. It will reset at 2026-09-13 22:36:33 +0800 CST","param":"contents[0].text.duration"}}`))
	}
	f.Add(429, []byte(`{"error":{"code":"x","message":null,"param":null}}`))
	f.Add(502, []byte(`<html>`))
	answers := make(chan http.HandlerFunc, 1)
	w := answering(f, answers)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		status = 300 + int(uint(status)%300)
		answers <- reply(status, string(body))
		_, err := w.Submit(t.Context(), acc(), image("x"))
		e := fails(t, err)
		if e.Outcome != upstream.Rejected && e.Outcome != upstream.Ambiguous {
			t.Errorf("outcome %q", e.Outcome)
		}
		if status >= 500 && e.Outcome != upstream.Ambiguous {
			t.Errorf("%d is %s", status, e.Outcome)
		}
		if len(e.Fault.Message) > 300 || strings.ContainsAny(e.Fault.Message, "`<{\n") {
			t.Errorf("the caller reads %q", e.Fault.Message)
		}
	})
}
