package openai_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

func envelope(code, kind, param string) string {
	return fmt.Sprintf(`{"error":{"message":"Something about %s at https://inner.example.","type":%q,"param":%q,"code":%q}}`, key, kind, param, code)
}

// TestErrors is the table of what an answer to a submission means. The last
// column is the one that costs money: only Rejected may be sent again.
func TestErrors(t *testing.T) {
	t.Parallel()
	const (
		rejected  = upstream.Rejected
		ambiguous = upstream.Ambiguous
		bad       = "invalid_request_error"
	)
	tests := []struct {
		name    string
		status  int
		body    string
		class   upstream.Class
		outcome upstream.Outcome
		code    fault.Code
		param   string
	}{
		{"bad key", 401, envelope("invalid_api_key", bad, ""), upstream.Auth, rejected, fault.CredentialRejected, ""},
		{"401 of a proxy", 401, `<html>`, upstream.Auth, rejected, fault.CredentialRejected, ""},
		{"403", 403, envelope("", "forbidden", ""), upstream.Auth, rejected, fault.CredentialRejected, ""},
		{"new-api's empty wallet", 403, envelope("insufficient_user_quota", "new_api_error", ""), upstream.Quota, rejected, fault.RateLimited, ""},
		{"no model", 404, envelope("model_not_found", bad, "model"), upstream.NotServed, rejected, fault.ModelNotFound, "model"},
		{"no route", 404, `404 page not found`, upstream.NotServed, rejected, fault.ModelNotFound, "model"},
		{"rate", 429, envelope("rate_limit_exceeded", "requests", ""), upstream.RateLimited, rejected, fault.RateLimited, ""},
		{"rate, by type", 429, `{"error":{"message":"m","type":"tokens","param":null,"code":null}}`, upstream.RateLimited, rejected, fault.RateLimited, ""},
		{"quota", 429, envelope("insufficient_quota", "insufficient_quota", ""), upstream.Quota, rejected, fault.RateLimited, ""},
		{"pay first", 402, `{"error":{"message":"m","code":402}}`, upstream.Quota, rejected, fault.RateLimited, ""},
		{"policy", 400, envelope("content_policy_violation", bad, ""), upstream.ContentRejected, rejected, fault.ContentPolicy, "prompt"},
		{"moderation", 400, envelope("moderation_blocked", "image_generation_user_error", ""), upstream.ContentRejected, rejected, fault.ContentPolicy, "prompt"},
		{"bad size", 400, envelope("invalid_value", bad, "size"), upstream.InvalidInput, rejected, fault.Invalid, "size"},
		{"bad duration", 400, envelope("invalid_value", bad, "duration"), upstream.InvalidInput, rejected, fault.Invalid, "seconds"},
		{"bad field of ours", 400, envelope("unknown_parameter", bad, "response_format"), upstream.InvalidInput, rejected, fault.Invalid, ""},
		{"bad image", 400, envelope("invalid_image_file", bad, "image"), upstream.InvalidInput, rejected, fault.InvalidImage, "image"},
		{"FastAPI", 422, `{"detail":[{"loc":["body","n"]}]}`, upstream.InvalidInput, rejected, fault.Invalid, ""},
		{"too large", 413, `<html>`, upstream.InvalidInput, rejected, fault.TooLarge, ""},

		{"408 of a gateway, in its envelope", 408, envelope("timeout", "timeout_error", ""), upstream.Unknown, ambiguous, fault.OutcomeUnknown, ""},
		{"409 of a Tintype whose job goes on", 409, envelope("conflict", bad, ""), upstream.Unknown, ambiguous, fault.OutcomeUnknown, ""},
		{"500", 500, envelope("server_error", "server_error", ""), upstream.Transient, ambiguous, fault.OutcomeUnknown, ""},
		{"500 that speaks of a quota", 500, envelope("insufficient_quota", "insufficient_quota", ""), upstream.Transient, ambiguous, fault.OutcomeUnknown, ""},
		{"502", 502, `<html>`, upstream.Transient, ambiguous, fault.OutcomeUnknown, ""},
		{"503", 503, `<html>`, upstream.Overloaded, ambiguous, fault.OutcomeUnknown, ""},
		{"503 with an envelope", 503, envelope("overloaded", "server_error", ""), upstream.Overloaded, ambiguous, fault.OutcomeUnknown, ""},
		{"504", 504, ``, upstream.Transient, ambiguous, fault.OutcomeUnknown, ""},
		{"307", 307, ``, upstream.Unknown, ambiguous, fault.OutcomeUnknown, ""},

		{"Tintype: a full line", 503, envelope("queue_full", "server_error", ""), upstream.Overloaded, rejected, fault.Upstream, ""},
		{"Tintype: no account", 503, envelope("pool_exhausted", "server_error", ""), upstream.Overloaded, rejected, fault.Upstream, ""},
		{"Tintype: the wait ended", 504, envelope("wait_timeout", "server_error", ""), upstream.Timeout, ambiguous, fault.OutcomeUnknown, ""},
		{"Tintype: nobody knows", 502, envelope("submit_outcome_unknown", "server_error", ""), upstream.Transient, ambiguous, fault.OutcomeUnknown, ""},
		{"Tintype after the first space: failed", 200, "   \n" + envelope("generation_failed", "server_error", ""), upstream.Unknown, ambiguous, fault.OutcomeUnknown, ""},
		{"Tintype after the first space: policy", 200, "  " + envelope("content_policy_violation", bad, "prompt"), upstream.ContentRejected, rejected, fault.ContentPolicy, "prompt"},
		{"Tintype after the first space: a full line", 200, "  " + envelope("queue_full", "server_error", ""), upstream.Overloaded, rejected, fault.Upstream, ""},
		{"Tintype after the first space: the wait ended", 200, "  " + envelope("wait_timeout", "server_error", ""), upstream.Timeout, ambiguous, fault.OutcomeUnknown, ""},
		{"overloaded in a 200", 200, envelope("overloaded_error", "server_error", ""), upstream.Overloaded, ambiguous, fault.OutcomeUnknown, ""},
		{"an error of one text", 200, `{"error":"out of memory"}`, upstream.Unknown, ambiguous, fault.OutcomeUnknown, ""},
		{"empty", 200, ``, upstream.Empty, ambiguous, fault.OutcomeUnknown, ""},
		{"only spaces", 200, " \n ", upstream.Empty, ambiguous, fault.OutcomeUnknown, ""},
		{"nothing in it", 200, `{}`, upstream.Empty, ambiguous, fault.OutcomeUnknown, ""},
		{"accepted, for later", 202, `{"object":"job"}`, upstream.Empty, ambiguous, fault.OutcomeUnknown, ""},
		{"html", 200, `<html>`, upstream.Unknown, ambiguous, fault.OutcomeUnknown, ""},
		{"half", 200, `{"data":[{"url":"https://a`, upstream.Unknown, ambiguous, fault.OutcomeUnknown, ""},
	}
	for _, tt := range tests {
		for _, s := range []upstream.Submission{image(), image(withImage), video()} {
			t.Run(fmt.Sprint(tt.name, " ", s.Spec.Kind, len(s.Image)), func(t *testing.T) {
				t.Parallel()
				srv := newServer(t, reply(tt.status, tt.body, "Location", "/again"))
				_, err := driver(t, srv.URL).Submit(t.Context(), acc(), s)
				e := fails(t, err)
				if e.Class != tt.class || e.Outcome != tt.outcome || e.Fault.Code != tt.code || e.Fault.Param != tt.param {
					t.Errorf("got %v (param %q)", e, e.Fault.Param)
				}
				srv.only(t)
				discreet(t, e)
			})
		}
	}
}

// discreet: nothing of the upstream's own words for the caller, and nowhere the
// credential.
func discreet(t *testing.T, e *upstream.Error) {
	t.Helper()
	if strings.Contains(e.Error(), key) || strings.Contains(e.Fault.Message, "inner.example") || strings.Contains(e.Fault.Message, "Something") {
		t.Errorf("%v, and the caller reads %q", e, e.Fault.Message)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		code   string
		want   time.Duration
	}{
		{429, "rate_limit_exceeded", 7 * time.Second},
		{429, "insufficient_quota", 7 * time.Second},
		{503, "pool_exhausted", 7 * time.Second},
		{400, "invalid_value", 0},
		{500, "server_error", 0},
	} {
		srv := newServer(t, reply(tt.status, envelope(tt.code, "", ""), "Retry-After", "7"))
		_, err := driver(t, srv.URL).Submit(t.Context(), acc(), image())
		if e := fails(t, err); e.RetryAfter != tt.want || e.Outcome == upstream.Rejected && e.Fault.RetryAfter != tt.want {
			t.Errorf("%s: %s, and the caller reads %s", tt.code, e.RetryAfter, e.Fault.RetryAfter)
		}
	}
}

// TestCutAnswers: an answer that breaks off, wherever, leaves it open what was
// made; also within the bytes of an image.
func TestCutAnswers(t *testing.T) {
	t.Parallel()
	whole := `{"data":[{"b64_json":"` + strings.Repeat("QUJD", 100_000) + `"}]}`
	for _, at := range []int{1, 15, 23, 1000, len(whole) - 5, len(whole) - 1} {
		for _, length := range []bool{true, false} {
			srv := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				if length {
					w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
				}
				_, _ = w.Write([]byte(whole[:at]))
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})
			_, err := driver(t, srv.URL).Submit(t.Context(), acc(), image())
			if e := fails(t, err); e.Class != upstream.Transient || e.Outcome != upstream.Ambiguous {
				t.Errorf("after %d bytes: %v", at, e)
			}
			srv.only(t)
		}
	}
}
