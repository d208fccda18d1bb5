package tintype

// ErrorBody is the answer to a request that failed.
type ErrorBody struct {
	Error ErrorDetail `json:"error"`
}

// ErrorDetail says what failed, in OpenAI's shape: its first four keys are
// always there.
type ErrorDetail struct {
	Message string  `json:"message"` // for people; names the way out
	Type    string  `json:"type"`    // OpenAI's class of the error, like "invalid_request_error"
	Param   *string `json:"param"`   // the field of the request at fault; nil if none is
	Code    *string `json:"code"`    // one of the Code values

	// JobID names the job that lives on after an answer that gave up waiting
	// for it (CodeWaitTimeout). Empty: there is none.
	JobID string `json:"job_id,omitempty"`
}

// Code is the class of an error, for programs to act on.
type Code string

// The codes. Older servers may know fewer and newer ones more.
const (
	CodeInvalidRequest       Code = "invalid_request"              // fix the field that Param names
	CodeContentPolicy        Code = "content_policy_violation"     // change the prompt or the image
	CodeInvalidImage         Code = "invalid_image"                // send another image
	CodeImageTooLarge        Code = "image_too_large"              // send a smaller image
	CodeAuthentication       Code = "authentication_error"         // send a credential that the server knows
	CodeUpstreamCredential   Code = "upstream_credential_rejected" // the upstream does not know the credential
	CodePermissionDenied     Code = "permission_denied"            // this credential may not do that
	CodeNotFound             Code = "not_found"                    // unknown, expired or someone else's
	CodeGone                 Code = "gone"                         // it was there, and has expired or was deleted
	CodeModelNotFound        Code = "model_not_found"              // choose a model of Models
	CodeMethodNotAllowed     Code = "method_not_allowed"           // use another HTTP method
	CodeRequestTooLarge      Code = "request_too_large"            // send a smaller body
	CodeIdempotencyKeyReuse  Code = "idempotency_key_reuse"        // the key was used with another body
	CodeRateLimitExceeded    Code = "rate_limit_exceeded"          // come back after RetryAfter
	CodeUpstream             Code = "upstream_error"               // the upstream failed; nothing was made
	CodePoolExhausted        Code = "pool_exhausted"               // no usable account; come back after RetryAfter
	CodeQueueFull            Code = "queue_full"                   // the line is full; come back after RetryAfter
	CodeWaitTimeout          Code = "wait_timeout"                 // the job lives: ask for JobID later
	CodeServiceUnavailable   Code = "service_unavailable"          // a part of the server is down; try again
	CodeInternal             Code = "internal_error"               // the server's fault; its log knows RequestID
	CodeGenerationTimeout    Code = "generation_timeout"           // the job's deadline passed
	CodeGenerationFailed     Code = "generation_failed"            // the upstream accepted and could not make it
	CodeSubmitOutcomeUnknown Code = "submit_outcome_unknown"       // it may have been billed; nobody knows
	CodeMediaInvalid         Code = "media_invalid"                // what was made is not usable media
	CodeCanceled             Code = "canceled"                     // someone canceled the job
	CodeCredentialGone       Code = "credential_unavailable"       // the job's own credential can no longer be opened
)
