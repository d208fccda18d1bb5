package ark

import (
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// rule says what an upstream's error means. The first rule of the table that
// fits is used.
type rule struct {
	status int      // HTTP status; zero: any below 500, and errors inside a 200
	codes  []string // exact, or before a dot; "~x": x anywhere; none: every code
	says   string   // must be in the message, in lower case; empty: whatever it says

	class   upstream.Class
	code    fault.Code
	message string // for the caller
	field   field  // of the caller's request; empty: none, or the one that the error names
}

// field is a part of a caller's request, whatever its name in that kind of
// request.
type field string

const (
	inputText  field = "text"  // prompt or messages
	inputImage field = "image" // image or messages
	inputModel field = "model"
	named      field = "named" // the one that the error names
)

// The sentences that callers read. None has a word of the upstream's own text.
const (
	saysUnreachable = "The upstream cannot be reached. Try again later."
	saysNoAnswer    = "The upstream did not answer in time. Try again later."
	saysBrokeOff    = "The upstream's answer broke off."
	saysGarbled     = "The upstream's answer could not be understood."
	saysEmpty       = "The upstream answered without any content."
	saysServerError = "The upstream failed. Try again later."
	saysOutcome     = "The upstream's answer to the submission was lost. It may have been accepted and billed, so it is not sent again."
	saysCredential  = "The upstream does not accept this credential."
	saysStanding    = "The upstream has closed the account behind this credential, for instance for overdue payment. Its owner has to settle that with the upstream."
	saysNotServed   = "This credential may not use this model at the upstream. Activate the model there, or choose another."
	saysRate        = "The upstream takes no more requests with this credential for now. Try again later."
	saysQuota       = "The allowance of this credential at the upstream is used up."
	saysCapacity    = "The upstream is short of capacity. Try again later."
	saysContext     = "The input is too long for this model. Shorten it."
	saysImage       = "The upstream cannot read the image. Send it in another format or size."
	saysTextPolicy  = "The upstream refused the text by its content policy. Change it and send the request again."
	saysImagePolicy = "The upstream refused the image by its content policy. Send another one."
	saysOutPolicy   = "The upstream withheld the result by its content policy. Change the request and send it again."
	saysPolicy      = "The upstream refused the request by its content policy. Change it and send it again."
	saysRequest     = "The upstream does not accept this request for this model."
	saysTooLarge    = "The request is too large for the upstream. Send a smaller image."
	saysLost        = "The upstream does not know this job any more."
)

// rules is the table of the documented error codes. It is asked only when
// something failed.
func rules() []rule {
	return slices.Concat(contentRules(), inputRules(), accountRules(), loadRules(), statusRules())
}

func contentRules() []rule {
	const class, code = upstream.ContentRejected, fault.ContentPolicy
	return []rule{
		{codes: []string{"~InputTextSensitiveContentDetected", "~InputTextRiskDetection"}, class: class, code: code, message: saysTextPolicy, field: inputText},
		{codes: []string{"~InputImageSensitiveContentDetected", "~InputImageRiskDetection"}, class: class, code: code, message: saysImagePolicy, field: inputImage},
		{codes: []string{"Output~SensitiveContentDetected", "Output~RiskDetection"}, class: class, code: code, message: saysOutPolicy},
		{codes: []string{"~SensitiveContentDetected", "~RiskDetection"}, class: class, code: code, message: saysPolicy},
		{codes: []string{"ContentSecurityDetectionError"}, class: upstream.Transient, code: fault.Upstream, message: saysServerError},
	}
}

func inputRules() []rule {
	const class = upstream.InvalidInput
	return []rule{
		{codes: []string{"InvalidImageURL"}, class: class, code: fault.InvalidImage, message: saysImage, field: inputImage},
		{codes: []string{"OutofContextError"}, class: class, code: fault.Invalid, message: saysContext, field: inputText},
		{codes: []string{"MissingParameter", "InvalidParameter", "InvalidArgumentError"}, class: class, code: fault.Invalid, message: saysRequest, field: named},
	}
}

func accountRules() []rule {
	return []rule{
		{codes: []string{"AuthenticationError"}, class: upstream.Auth, code: fault.CredentialRejected, message: saysCredential},
		{
			codes: []string{"InvalidAccountStatus", "InvalidSubscription", "AccountOverdueError", "OperationDenied", "AccessDenied"},
			class: upstream.Auth, code: fault.CredentialRejected, message: saysStanding,
		},
		{
			codes: []string{"InvalidEndpoint", "InvalidEndpointOrModel", "ModelNotOpen", "UnsupportedModel"},
			class: upstream.NotServed, code: fault.ModelNotFound, message: saysNotServed, field: inputModel,
		},
		{codes: []string{"QuotaExceeded"}, says: "free trial", class: upstream.NotServed, code: fault.ModelNotFound, message: saysNotServed, field: inputModel},
		{codes: []string{"QuotaExceeded"}, says: "has exceeded the quota", class: upstream.RateLimited, code: fault.RateLimited, message: saysRate},
		{codes: []string{"QuotaExceeded", "AccountQuotaExceeded", "SetLimitExceeded"}, class: upstream.Quota, code: fault.RateLimited, message: saysQuota},
	}
}

func loadRules() []rule {
	return []rule{
		{
			codes: []string{"RateLimitExceeded", "~RateLimitExceeded", "RequestBurstTooFast"},
			class: upstream.RateLimited, code: fault.RateLimited, message: saysRate,
		},
		{
			codes: []string{"ServerOverloaded", "InflightBatchsizeExceeded", "ModelLoadingError"},
			class: upstream.Overloaded, code: fault.Upstream, message: saysCapacity,
		},
		{codes: []string{"InternalServiceError"}, class: upstream.Transient, code: fault.Upstream, message: saysServerError},
		{codes: []string{"InvalidAction"}, class: upstream.Unknown, code: fault.Upstream, message: saysGarbled},
	}
}

// statusRules catch the codes that the table does not know, and answers without
// an envelope.
func statusRules() []rule {
	return []rule{
		{status: 400, class: upstream.InvalidInput, code: fault.Invalid, message: saysRequest, field: named},
		{status: 401, class: upstream.Auth, code: fault.CredentialRejected, message: saysCredential},
		{status: 403, class: upstream.Auth, code: fault.CredentialRejected, message: saysStanding},
		{status: 404, class: upstream.Lost, code: fault.GenerationFailed, message: saysLost},
		{status: 413, class: upstream.InvalidInput, code: fault.TooLarge, message: saysTooLarge},
		{status: 422, class: upstream.InvalidInput, code: fault.Invalid, message: saysRequest, field: named},
		{status: 429, class: upstream.RateLimited, code: fault.RateLimited, message: saysRate},
		{status: 503, class: upstream.Overloaded, code: fault.Upstream, message: saysCapacity},
		{class: upstream.Unknown, code: fault.Upstream, message: saysGarbled},
	}
}

// ruleFor finds the rule for an answer's status and error; status is zero for
// an error inside a 200.
func ruleFor(status int, e apiError) rule {
	if status >= 500 && status != 503 {
		return rule{class: upstream.Transient, code: fault.Upstream, message: saysServerError}
	}
	for _, r := range rules() {
		if r.fits(status, e) {
			return r
		}
	}
	return rule{class: upstream.Unknown, code: fault.Upstream, message: saysGarbled}
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
