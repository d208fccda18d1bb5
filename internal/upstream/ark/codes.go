package ark

import (
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// rule says what an upstream's error means. The first rule of the table that
// fits is used.
type rule struct {
	status int      // HTTP status; zero: any below 500, and errors inside a 200
	codes  []string // exact, or before a dot; "~x": x anywhere; none: every code
	says   string   // must be in the message, in lower case; empty: whatever it says

	class   upstream.Class
	code    fault.Code
	message string     // for the caller
	field   wire.Field // of the caller's request; empty: none, or the one that the error names
}

// rules is the table of the documented error codes. It is asked only when
// something failed.
func rules() []rule {
	return slices.Concat(contentRules(), inputRules(), accountRules(), loadRules(), statusRules())
}

func contentRules() []rule {
	const class, code = upstream.ContentRejected, fault.ContentPolicy
	return []rule{
		{codes: []string{"~InputTextSensitiveContentDetected", "~InputTextRiskDetection"}, class: class, code: code, message: wire.SaysTextPolicy, field: wire.InputText},
		{codes: []string{"~InputImageSensitiveContentDetected", "~InputImageRiskDetection"}, class: class, code: code, message: wire.SaysImagePolicy, field: wire.InputImage},
		{codes: []string{"Output~SensitiveContentDetected", "Output~RiskDetection"}, class: class, code: code, message: wire.SaysOutPolicy},
		{codes: []string{"~SensitiveContentDetected", "~RiskDetection"}, class: class, code: code, message: wire.SaysPolicy},
		{codes: []string{"ContentSecurityDetectionError"}, class: upstream.Transient, code: fault.Upstream, message: wire.SaysServerError},
	}
}

func inputRules() []rule {
	const class = upstream.InvalidInput
	return []rule{
		{codes: []string{"InvalidImageURL"}, class: class, code: fault.InvalidImage, message: wire.SaysImage, field: wire.InputImage},
		{codes: []string{"OutofContextError"}, class: class, code: fault.Invalid, message: wire.SaysContext, field: wire.InputText},
		{codes: []string{"MissingParameter", "InvalidParameter", "InvalidArgumentError"}, class: class, code: fault.Invalid, message: wire.SaysRequest, field: wire.Named},
	}
}

func accountRules() []rule {
	return []rule{
		{codes: []string{"AuthenticationError"}, class: upstream.Auth, code: fault.CredentialRejected, message: wire.SaysCredential},
		{
			codes: []string{"InvalidAccountStatus", "InvalidSubscription", "AccountOverdueError", "OperationDenied", "AccessDenied"},
			class: upstream.Auth, code: fault.CredentialRejected, message: wire.SaysStanding,
		},
		{
			codes: []string{"InvalidEndpoint", "InvalidEndpointOrModel", "ModelNotOpen", "UnsupportedModel"},
			class: upstream.NotServed, code: fault.ModelNotFound, message: wire.SaysNotServed, field: wire.InputModel,
		},
		{codes: []string{"QuotaExceeded"}, says: "free trial", class: upstream.NotServed, code: fault.ModelNotFound, message: wire.SaysNotServed, field: wire.InputModel},
		{codes: []string{"QuotaExceeded"}, says: "has exceeded the quota", class: upstream.RateLimited, code: fault.RateLimited, message: wire.SaysRate},
		{codes: []string{"QuotaExceeded", "AccountQuotaExceeded", "SetLimitExceeded"}, class: upstream.Quota, code: fault.RateLimited, message: wire.SaysQuota},
	}
}

func loadRules() []rule {
	return []rule{
		{
			codes: []string{"RateLimitExceeded", "~RateLimitExceeded", "RequestBurstTooFast"},
			class: upstream.RateLimited, code: fault.RateLimited, message: wire.SaysRate,
		},
		{
			codes: []string{"ServerOverloaded", "InflightBatchsizeExceeded", "ModelLoadingError"},
			class: upstream.Overloaded, code: fault.Upstream, message: wire.SaysCapacity,
		},
		{codes: []string{"InternalServiceError"}, class: upstream.Transient, code: fault.Upstream, message: wire.SaysServerError},
		{codes: []string{"InvalidAction"}, class: upstream.Unknown, code: fault.Upstream, message: wire.SaysGarbled},
	}
}

// statusRules catch the codes that the table does not know, and answers without
// an envelope.
func statusRules() []rule {
	return []rule{
		{status: 400, class: upstream.InvalidInput, code: fault.Invalid, message: wire.SaysRequest, field: wire.Named},
		{status: 401, class: upstream.Auth, code: fault.CredentialRejected, message: wire.SaysCredential},
		{status: 403, class: upstream.Auth, code: fault.CredentialRejected, message: wire.SaysStanding},
		{status: 404, class: upstream.Lost, code: fault.GenerationFailed, message: wire.SaysLost},
		{status: 413, class: upstream.InvalidInput, code: fault.TooLarge, message: wire.SaysTooLarge},
		{status: 422, class: upstream.InvalidInput, code: fault.Invalid, message: wire.SaysRequest, field: wire.Named},
		{status: 429, class: upstream.RateLimited, code: fault.RateLimited, message: wire.SaysRate},
		{status: 503, class: upstream.Overloaded, code: fault.Upstream, message: wire.SaysCapacity},
		{class: upstream.Unknown, code: fault.Upstream, message: wire.SaysGarbled},
	}
}

// ruleFor finds the rule for an answer's status and error; status is zero for
// an error inside a 200.
func ruleFor(status int, e apiError) rule {
	if status >= 500 && status != 503 {
		return rule{class: upstream.Transient, code: fault.Upstream, message: wire.SaysServerError}
	}
	for _, r := range rules() {
		if r.fits(status, e) {
			return r
		}
	}
	return rule{class: upstream.Unknown, code: fault.Upstream, message: wire.SaysGarbled}
}

func (r rule) fits(status int, e apiError) bool {
	if r.status != 0 && r.status != status || r.status == 0 && status >= 500 {
		return false
	}
	if r.says != "" && !strings.Contains(strings.ToLower(e.Message), r.says) {
		return false
	}
	return len(r.codes) == 0 || slices.ContainsFunc(r.codes, func(p string) bool { return fitsCode(p, e.Code) })
}

// fitsCode compares a code with a pattern: what is before "~" begins the code,
// what is behind it is anywhere in it; without "~" the code is the pattern, or
// the pattern and a dotted detail.
func fitsCode(pattern, code string) bool {
	prefix, inside, loose := strings.Cut(pattern, "~")
	rest, ok := strings.CutPrefix(code, prefix)
	switch {
	case !ok:
		return false
	case loose:
		return strings.Contains(rest, inside)
	}
	return rest == "" || rest[0] == '.'
}
