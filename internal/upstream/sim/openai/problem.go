package openai

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// problem is an error in OpenAI's envelope.
type problem struct {
	Status  int
	Header  http.Header // may be nil
	Raw     []byte      // sent in place of the envelope if set
	Message string
	Type    string
	Param   string // empty means null
	Code    string // empty means null
}

const badRequest = "invalid_request_error"

// detail is the problem as it goes onto the wire, all four keys always there.
func (b *problem) detail() map[string]any {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return map[string]any{"message": b.Message, "type": b.Type, "param": orNull(b.Param), "code": orNull(b.Code)}
}

func (b *problem) envelope() any { return map[string]any{"error": b.detail()} }

func (b *problem) answer() faults.Answer {
	a := faults.Answer{Status: b.Status, Header: b.Header.Clone(), Body: b.Raw}
	if a.Header == nil {
		a.Header = http.Header{}
	}
	if b.Raw == nil {
		a.Header.Set("Content-Type", "application/json")
		a.Body, _ = json.Marshal(b.envelope()) // texts can always be marshaled
	}
	return a
}

func invalid(param, message string) *problem {
	return &problem{Status: http.StatusBadRequest, Type: badRequest, Param: param, Code: "invalid_value", Message: message}
}

func missing(param string) *problem {
	return &problem{
		Status: http.StatusBadRequest, Type: badRequest, Param: param, Code: "missing_required_parameter",
		Message: "Missing required parameter: '" + param + "'.",
	}
}

func badKey() *problem {
	return &problem{
		Status: http.StatusUnauthorized, Type: badRequest, Code: "invalid_api_key",
		Message: "Incorrect API key provided. You can find your API key in the settings.",
	}
}

func overdue() *problem {
	return &problem{
		Status: http.StatusForbidden, Type: badRequest, Code: "account_deactivated",
		Message: "The account associated with this API key has been deactivated.",
	}
}

func tooMany(retryAfter string) *problem {
	bad := &problem{
		Status: http.StatusTooManyRequests, Type: "requests", Code: "rate_limit_exceeded",
		Message: "Rate limit reached for requests. Please try again later.",
	}
	if retryAfter != "" {
		bad.Header = http.Header{"Retry-After": {retryAfter}}
	}
	return bad
}

func noQuota() *problem {
	return &problem{
		Status: http.StatusTooManyRequests, Type: "insufficient_quota", Code: "insufficient_quota",
		Message: "You exceeded your current quota, please check your plan and billing details.",
	}
}

func noModel(model string) *problem {
	return &problem{
		Status: http.StatusNotFound, Type: badRequest, Param: "model", Code: "model_not_found",
		Message: "The model '" + model + "' does not exist or you do not have access to it.",
	}
}

func noVideo(id string) *problem {
	return &problem{
		Status: http.StatusNotFound, Type: badRequest, Param: "video_id", Code: "not_found",
		Message: "Video with id '" + id + "' not found.",
	}
}

func videoRuns() *problem {
	return &problem{
		Status: http.StatusConflict, Type: badRequest, Code: "video_in_progress",
		Message: "The video is being made and cannot be deleted.",
	}
}

func internalError() *problem {
	return &problem{
		Status: http.StatusInternalServerError, Type: "server_error", Code: "server_error",
		Message: "The server had an error while processing your request.",
	}
}

func rejected() *problem {
	return &problem{
		Status: http.StatusBadRequest, Type: "image_generation_user_error", Code: "moderation_blocked",
		Message: "Your request was rejected by the safety system.",
	}
}

// ordered is the problem that a fault asks for; nil if it is of another sort.
func ordered(f faults.Fault, c *desk.Call) *problem {
	switch f.Name { //nolint:exhaustive // the others spoil the answer or the result
	case faults.TooMany:
		return tooMany(f.Value)
	case faults.Internal:
		return internalError()
	case faults.Gateway:
		page := faults.Page(http.StatusBadGateway)
		return &problem{Status: page.Status, Header: page.Header, Raw: page.Body, Code: "502"}
	case faults.Quota:
		return noQuota()
	case faults.Overdue:
		return overdue()
	case faults.DeadKey:
		return badKey()
	case faults.Echo:
		return invalid("", fmt.Sprintf("The request with Authorization %q is not valid.", c.R.Header.Get("Authorization")))
	case faults.Reject:
		return rejected()
	case faults.Conflict:
		return videoRuns()
	case faults.Redirect:
		return desk.Redirected(c, func(location string) *problem {
			return &problem{Status: http.StatusTemporaryRedirect, Header: http.Header{"Location": {location}}, Raw: []byte{}, Code: "307"}
		})
	}
	return nil
}
