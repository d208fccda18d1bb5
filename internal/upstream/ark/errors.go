package ark

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// apiError is the upstream's error object. Task and image errors have only a
// code and a message.
type apiError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Param   string `json:"param"`
}

// parseEnvelope reads {"error":{…}}. It is false for anything else, also for an
// envelope without a code.
func parseEnvelope(body []byte) (apiError, bool) {
	var env struct {
		Error *apiError `json:"error"`
	}
	if json.Unmarshal(body, &env) != nil || env.Error == nil || env.Error.Code == "" {
		return apiError{}, false
	}
	return *env.Error, true
}

// classify makes the driver's error from an upstream's one. The status is zero
// for an error inside a 200. The outcome is left to the caller, who knows
// whether anything was paid.
func (d *Driver) classify(c wire.Call, status int, h http.Header, e apiError) *upstream.Error {
	r := ruleFor(status, e)
	if r.class == upstream.Lost && c.Op != wire.Status {
		r.class, r.code, r.message = upstream.Unknown, fault.Upstream, wire.SaysGarbled
	}
	f := r.fault(c.Op, e)
	wait := d.retryAfter(r.class, h, e.Message)
	if wait > 0 {
		f = f.WithRetryAfter(wait)
	}
	return &upstream.Error{Class: r.class, Fault: f, RetryAfter: wait, Cause: cause(c, status, e)}
}

// cause is for the log alone, and yet never quotes the credential. That is taken
// out before anything is cut off or escaped, or a part of it could stay.
func cause(c wire.Call, status int, e apiError) error {
	const most = 500
	show := func(s string) string { return wire.Cut(c.Redact(s), most) }
	return fmt.Errorf("status %d, code %q, param %q: %q", status, show(e.Code), show(e.Param), show(e.Message))
}

// fault makes what the caller reads.
func (r rule) fault(op wire.Operation, e apiError) *fault.Error {
	if r.field == wire.Named {
		return namedFault(op, e)
	}
	return fault.New(r.code, r.message).WithParam(r.field.Param(op))
}

// namedFault blames the field that the upstream's error names, by the name that
// our caller knows.
func namedFault(op wire.Operation, e apiError) *fault.Error {
	param := e.named()
	ours := mediaField(param)
	if op == wire.Chat {
		ours = chatField(param)
	}
	switch {
	case ours == "":
		return settingFault(param)
	case ours == "image":
		return fault.New(fault.InvalidImage, "The upstream does not accept this image for this model. Send it in another format, size or shape.").WithParam(ours)
	case strings.HasPrefix(e.Code, "MissingParameter"):
		return fault.Newf(fault.Invalid, "The upstream wants %s for this model.", ours).WithParam(ours)
	}
	return fault.Newf(fault.Invalid, "The upstream does not accept this value of %s for this model.", ours).WithParam(ours)
}

// named gives the parameter that an error is about, wherever it says so.
func (e apiError) named() string {
	if e.Param != "" {
		return e.Param
	}
	if m := paramInMessage().FindStringSubmatch(e.Message); m != nil {
		return m[1]
	}
	_, detail, _ := strings.Cut(e.Code, ".")
	return detail
}

// settingFault speaks of what the caller did not choose: a parameter that the
// configuration sets, or none that we know.
func settingFault(param string) *fault.Error {
	name := param[strings.LastIndexByte(param, '.')+1:]
	switch name {
	case "duration", "resolution", "generate_audio":
		return fault.Newf(fault.Upstream, "The upstream does not accept the %s that this service is configured to ask for with this model.", name)
	}
	return fault.New(fault.Invalid, wire.SaysRequest)
}

// paramInMessage finds the parameter in a message like "The parameter `size`
// specified in the request is not valid".
func paramInMessage() *regexp.Regexp {
	return regexp.MustCompile("parameter `([A-Za-z0-9_.\\[\\]]{1,100})`")
}

// mediaField gives our name for an upstream's parameter of an image or video
// request; empty if callers have no such field.
func mediaField(param string) string {
	if rest, ok := strings.CutPrefix(strings.Replace(param, "contents[", "content[", 1), "content["); ok {
		return contentField(rest)
	}
	head, _, _ := strings.Cut(param, "[")
	switch head {
	case "prompt", "text":
		return "prompt"
	case "image", "image_url", "image_urls":
		return "image"
	case "size", "ratio":
		return "ratio"
	case "model":
		return "model"
	}
	return ""
}

// contentField reads what follows "content[": "0].text", "1].image_url.url",
// "0].text.duration".
func contentField(rest string) string {
	index, path, _ := strings.Cut(rest, "]")
	switch {
	case strings.HasPrefix(path, ".image_url"):
		return "image"
	case path == ".text.ratio":
		return "ratio"
	case strings.HasPrefix(path, ".text."):
		return ""
	case index == "0":
		return "prompt"
	}
	return "image"
}

// chatField lets through the parameters of a chat request: there the caller's
// names are the upstream's.
func chatField(param string) string {
	head := param
	if i := strings.IndexAny(param, ".["); i >= 0 {
		head = param[:i]
	}
	switch {
	case head != "model" && head != "messages" && !isChatField(head):
		return ""
	case len(param) > 100 || strings.Trim(param, paramChars) != "":
		return head
	}
	return param
}

// paramChars are what a parameter's path is made of.
const paramChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]"

// retryAfter reads when the upstream wants to be asked again: from its message
// for a used-up allowance, else from the header. Zero if it says nothing.
func (d *Driver) retryAfter(class upstream.Class, h http.Header, message string) time.Duration {
	const most = 31 * 24 * time.Hour
	if !wire.MayWait(class) {
		return 0
	}
	if at, ok := resetTime(message); ok {
		return min(max(at.Sub(d.now()), time.Second), most)
	}
	return wire.RetryAfter(h, d.now())
}

// resetTime finds "reset at 2026-09-13 22:36:33 +0800" in a message.
func resetTime(message string) (time.Time, bool) {
	const words, layout = "reset at ", "2006-01-02 15:04:05 -0700"
	_, rest, ok := strings.Cut(message, words)
	if !ok || len(rest) < len(layout) {
		return time.Time{}, false
	}
	at, err := time.Parse(layout, rest[:len(layout)])
	return at, err == nil
}

// refusal is the error that an answer outside of 2xx is. Its outcome is
// Rejected where the answer means that nothing was created, else Ambiguous.
func (d *Driver) refusal(a wire.Answer, body []byte) *upstream.Error {
	env, ok := parseEnvelope(body)
	if !ok {
		env = apiError{Message: wire.Cut(a.Call.Redact(string(body)), 200)}
	}
	e := d.classify(a.Call, a.StatusCode, a.Header, env)
	e.Outcome = wire.OutcomeOf(a.StatusCode, ok)
	return e
}
