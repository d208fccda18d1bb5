package openai

import (
	"net/http"
	"slices"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// rule says what an upstream's error means. The first rule that fits is used.
type rule struct {
	status int      // HTTP status; zero: any below 500, and errors inside a 200
	inside bool     // only for errors inside a 200
	codes  []string // of the error's code or type; none: every one

	class   upstream.Class
	code    fault.Code
	message string     // for the caller
	field   wire.Field // of the caller's request; empty: none
}

// any tells whether the error's code or type is one of these.
func (e apiError) any(codes ...string) bool {
	return slices.ContainsFunc(e.words(), func(w string) bool { return slices.Contains(codes, w) })
}

// rules is the table of error codes: OpenAI's documented ones, those of new-api
// and one-api, and Tintype's. A code is looked for before a type, which says
// less: insufficient_quota comes as both, rate limits as the types "requests" and
// "tokens".
func rules() []rule {
	return slices.Concat(contentRules(), accountRules(), inputRules(), statusRules())
}

func contentRules() []rule {
	return []rule{{
		codes: []string{
			"content_policy_violation", "moderation_blocked", "content_filter", "safety_violation",
			"sensitive_words_detected", "prompt_blocked", "responsibleaipolicyviolation",
		},
		class: upstream.ContentRejected, code: fault.ContentPolicy, message: wire.SaysPolicy, field: wire.InputText,
	}}
}

func accountRules() []rule {
	return []rule{
		{
			codes: []string{
				"insufficient_quota", "insufficient_user_quota", "quota_exceeded", "insufficient_balance", "insufficient_credits",
				"billing_hard_limit_reached", "pre_consume_token_quota_failed",
			},
			class: upstream.Quota, code: fault.RateLimited, message: wire.SaysQuota,
		},
		{
			codes: []string{"account_deactivated", "organization_deactivated", "billing_not_active", "access_terminated"},
			class: upstream.Auth, code: fault.CredentialRejected, message: wire.SaysStanding,
		},
		{
			codes: []string{"model_not_found", "model_not_available", "model_not_supported", "deploymentnotfound"},
			class: upstream.NotServed, code: fault.ModelNotFound, message: wire.SaysNotServed, field: wire.InputModel,
		},
		{
			codes: []string{"queue_full", "pool_exhausted", "server_overloaded", "engine_overloaded", "overloaded_error", "service_unavailable"},
			class: upstream.Overloaded, code: fault.Upstream, message: wire.SaysCapacity,
		},
		{
			codes: []string{"rate_limit_exceeded", "rate_limit_error", "requests", "tokens", "too_many_requests"},
			class: upstream.RateLimited, code: fault.RateLimited, message: wire.SaysRate,
		},
		{
			codes: []string{
				"invalid_api_key", "incorrect_api_key", "authentication_error", "invalid_authentication",
				"upstream_credential_rejected", "permission_denied", "permission_error",
			},
			class: upstream.Auth, code: fault.CredentialRejected, message: wire.SaysCredential,
		},
	}
}

func inputRules() []rule {
	const class = upstream.InvalidInput
	return []rule{
		{codes: []string{"context_length_exceeded", "string_above_max_length"}, class: class, code: fault.Invalid, message: wire.SaysContext, field: wire.InputText},
		{
			codes: []string{
				"invalid_image", "invalid_image_format", "invalid_image_url", "invalid_image_file", "image_too_large", "image_too_small",
				"invalid_base64_image", "unsupported_image_media_type", "failed_to_download_image", "image_parse_error",
			},
			class: class, code: fault.InvalidImage, message: wire.SaysImage, field: wire.InputImage,
		},
	}
}

// statusRules catch what the codes do not tell, and answers without an envelope.
func statusRules() []rule {
	return []rule{
		{status: 400, class: upstream.InvalidInput, code: fault.Invalid, message: wire.SaysRequest, field: wire.Named},
		{status: 401, class: upstream.Auth, code: fault.CredentialRejected, message: wire.SaysCredential},
		{status: 402, class: upstream.Quota, code: fault.RateLimited, message: wire.SaysQuota},
		{status: 403, class: upstream.Auth, code: fault.CredentialRejected, message: wire.SaysStanding},
		{status: 404, class: upstream.Lost, code: fault.GenerationFailed, message: wire.SaysLost},
		{status: 413, class: upstream.InvalidInput, code: fault.TooLarge, message: wire.SaysTooLarge},
		{status: 415, class: upstream.InvalidInput, code: fault.Invalid, message: wire.SaysRequest},
		{status: 422, class: upstream.InvalidInput, code: fault.Invalid, message: wire.SaysRequest, field: wire.Named},
		{status: 429, class: upstream.RateLimited, code: fault.RateLimited, message: wire.SaysRate},
		{codes: []string{"wait_timeout", "generation_timeout"}, class: upstream.Timeout, code: fault.Upstream, message: wire.SaysNoAnswer},
		{inside: true, codes: []string{"invalid_request_error", "invalid_request"}, class: upstream.InvalidInput, code: fault.Invalid, message: wire.SaysRequest, field: wire.Named},
	}
}

// ruleFor finds the rule for an answer's status and error; the status is zero for
// an error inside a 200.
func ruleFor(status int, e apiError) rule {
	if status >= 500 {
		return serverRule(status, e)
	}
	for _, r := range rules() {
		if r.status != 0 && r.status != status || r.inside && status != 0 {
			continue
		}
		if len(r.codes) == 0 || e.any(r.codes...) {
			return r
		}
	}
	return rule{class: upstream.Unknown, code: fault.Upstream, message: wire.SaysGarbled}
}

// serverRule reads a 5xx by its status: what stands in it may be the words of
// somebody behind the upstream.
func serverRule(status int, e apiError) rule {
	switch {
	case e.any("wait_timeout"):
		return rule{class: upstream.Timeout, code: fault.Upstream, message: wire.SaysNoAnswer}
	case status == http.StatusServiceUnavailable:
		return rule{class: upstream.Overloaded, code: fault.Upstream, message: wire.SaysCapacity}
	}
	return rule{class: upstream.Transient, code: fault.Upstream, message: wire.SaysServerError}
}
