package ark

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// problem is an error in Ark's envelope.
type problem struct {
	Status  int         `json:"-"`
	Header  http.Header `json:"-"` // may be nil
	Raw     []byte      `json:"-"` // sent in place of the envelope if set
	Code    string      `json:"code"`
	Message string      `json:"message"` // without the request id, which answer adds
	Param   string      `json:"param"`
	Type    string      `json:"type"`
}

// withID is the problem as it goes onto the wire.
func (b *problem) withID(requestID string) problem {
	out := *b
	out.Message += " Request id: " + requestID
	return out
}

func (b *problem) answer(requestID string) faults.Answer {
	a := faults.Answer{Status: b.Status, Header: b.Header.Clone(), Body: b.Raw}
	if a.Header == nil {
		a.Header = http.Header{}
	}
	if b.Raw == nil {
		a.Header.Set("Content-Type", "application/json; charset=utf-8")
		a.Body, _ = json.Marshal(envelope{Error: b.withID(requestID)}) // strings can always be marshaled
	}
	return a
}

type envelope struct {
	Error problem `json:"error"`
}

// brief is an error inside of a task or next to images.
type brief struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func invalid(param, why string, args ...any) *problem {
	return &problem{
		Status: http.StatusBadRequest, Code: "InvalidParameter", Param: param, Type: "BadRequest",
		Message: fmt.Sprintf("The parameter `%s` specified in the request is not valid: %s.", param, fmt.Sprintf(why, args...)),
	}
}

func missing(param string) *problem {
	return &problem{
		Status: http.StatusBadRequest, Code: "MissingParameter", Param: param, Type: "BadRequest",
		Message: fmt.Sprintf("The request is missing the required parameter `%s`.", param),
	}
}

// unsupported is a documented field that this model does not have.
func unsupported(param, model string) *problem {
	return invalid(param, "it is not supported for model %s", model)
}

func badKey() *problem {
	return &problem{
		Status: http.StatusUnauthorized, Code: "AuthenticationError", Type: "Unauthorized",
		Message: "the API key or AK/SK in the request is missing or invalid.",
	}
}

// quoting is how a careless server tells what it does not like.
func quoting(authorization string) *problem {
	return &problem{
		Status: http.StatusBadRequest, Code: "InvalidParameter", Type: "BadRequest",
		Message: fmt.Sprintf("The request with Authorization %q is not valid: %s.", authorization, authorization),
	}
}

func tooMany(retryAfter string) *problem {
	bad := &problem{
		Status: http.StatusTooManyRequests, Code: "RateLimitExceeded.EndpointRPMExceeded", Type: "TooManyRequests",
		Message: "The requests per minute limit of the endpoint has been exceeded, please try again later.",
	}
	if retryAfter != "" {
		bad.Header = http.Header{"Retry-After": {retryAfter}}
	}
	return bad
}

func modelLimit(code, what string) *problem {
	return &problem{
		Status: http.StatusTooManyRequests, Code: code, Type: "TooManyRequests",
		Message: "The " + what + " limit of the account for this model has been exceeded, please try again later.",
	}
}

func queueFull() *problem {
	return &problem{
		Status: http.StatusTooManyRequests, Code: "QuotaExceeded", Type: "TooManyRequests",
		Message: "The request has exceeded the quota.",
	}
}

func trialUsed() *problem {
	return &problem{
		Status: http.StatusTooManyRequests, Code: "QuotaExceeded", Type: "TooManyRequests",
		Message: "Your account has exhausted its free trial quota for this model.",
	}
}

func overdue() *problem {
	return &problem{
		Status: http.StatusForbidden, Code: "AccountOverdueError", Type: "Forbidden",
		Message: "The request failed because your account has an overdue balance.",
	}
}

func notOpen(model string) *problem {
	return &problem{
		Status: http.StatusNotFound, Code: "ModelNotOpen", Type: "Not Found",
		Message: "Your account has not activated the model " + model + ". Please activate the model service in the Ark Console.",
	}
}

func noModel(model string) *problem {
	return &problem{
		Status: http.StatusNotFound, Code: "InvalidEndpointOrModel.NotFound", Type: "NotFound",
		Message: "The model or endpoint " + model + " does not exist or you do not have access to it.",
	}
}

func wrongModel(model, route string) *problem {
	return &problem{
		Status: http.StatusBadRequest, Code: "InvalidParameter", Param: "model", Type: "BadRequest",
		Message: "The parameter `model` specified in the request is not valid: the model " + model + " does not support " + route + ".",
	}
}

func noTask(id string) *problem {
	return &problem{
		Status: http.StatusNotFound, Code: "NotFound.id", Param: "id", Type: "NotFound",
		Message: "The specified task " + id + " is not found.",
	}
}

func taskRuns() *problem {
	return &problem{
		Status: http.StatusConflict, Code: "InvalidAction.RunningTaskDeletion", Type: "Conflict",
		Message: "Cannot delete task because it is currently running.",
	}
}

// taskCancelled is made up: what Ark answers here is not known, but that it
// refuses.
func taskCancelled() *problem {
	return &problem{
		Status: http.StatusConflict, Code: "InvalidAction.CancelledTaskDeletion", Type: "Conflict",
		Message: "Cannot delete task because it has been cancelled.",
	}
}

func unknownRoute(path string) *problem {
	return &problem{
		Status: http.StatusNotFound, Code: "InvalidAction", Type: "NotFound",
		Message: "The specified action is invalid: " + path,
	}
}

func internalError() *problem {
	return &problem{
		Status: http.StatusInternalServerError, Code: "InternalServiceError", Type: "InternalServerError",
		Message: "The service encountered an unexpected internal error.",
	}
}

func inputRejected() *problem {
	return &problem{
		Status: http.StatusBadRequest, Code: "InputTextSensitiveContentDetected", Type: "BadRequest",
		Message: "The request failed because the input text may contain sensitive information.",
	}
}

func outputRejected(what string) *problem {
	return &problem{
		Status: http.StatusBadRequest, Code: "Output" + what + "SensitiveContentDetected", Type: "BadRequest",
		Message: "The request failed because the output " + map[string]string{"Video": "video", "Image": "image"}[what] +
			" may contain sensitive information.",
	}
}

// brief leaves what a task or an image says about its error.
func (b *problem) brief(requestID string) *brief {
	return &brief{Code: b.Code, Message: b.withID(requestID).Message}
}

// ordered is the problem that a fault asks for; nil if it is of another sort.
func ordered(f faults.Fault, c *call) *problem {
	switch f.Name { //nolint:exhaustive // the others spoil the answer or the result
	case faults.TooMany:
		return tooMany(f.Value)
	case faults.Internal:
		return internalError()
	case faults.Gateway:
		page := faults.Page(http.StatusBadGateway)
		return &problem{Status: page.Status, Header: page.Header, Raw: page.Body, Code: "502"}
	case faults.Quota:
		return queueFull()
	case faults.Overdue:
		return overdue()
	case faults.DeadKey:
		return badKey()
	case faults.Echo:
		return quoting(c.R.Header.Get("Authorization"))
	case faults.Reject:
		return inputRejected()
	case faults.Conflict:
		return taskRuns()
	case faults.Redirect:
		return desk.Redirected(c, func(location string) *problem {
			return &problem{
				Status: http.StatusTemporaryRedirect, Header: http.Header{"Location": {location}},
				Raw: []byte{}, Code: "307",
			}
		})
	}
	return nil
}
