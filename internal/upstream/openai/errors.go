package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// apiError is the upstream's error object. Its fields are read however a service
// writes them: codes are also numbers or null, and the whole is also a text.
type apiError struct {
	Code    string
	Type    string
	Param   string
	Message string
}

// UnmarshalJSON implements json.Unmarshaler. It refuses only what is neither an
// object nor a text.
func (e *apiError) UnmarshalJSON(b []byte) error {
	var o struct{ Code, Type, Param, Message any }
	if json.Unmarshal(b, &e.Message) == nil {
		return nil
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return err
	}
	*e = apiError{text(o.Code), text(o.Type), text(o.Param), text(o.Message)}
	return nil
}

// text gives a string, or a number as one.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return fmt.Sprint(v)
	}
	return ""
}

// empty tells whether there is nothing to go by.
func (e apiError) empty() bool { return e == apiError{} }

// words are what the rules look at.
func (e apiError) words() []string { return []string{strings.ToLower(e.Code), strings.ToLower(e.Type)} }

// parseEnvelope reads {"error":{…}}. It is false for anything else, also for an
// error of nothing.
func parseEnvelope(body []byte) (apiError, bool) {
	var env struct {
		Error *apiError `json:"error"`
	}
	if json.Unmarshal(body, &env) != nil || env.Error == nil || env.Error.empty() {
		return apiError{}, false
	}
	return *env.Error, true
}

// classify makes the driver's error from an upstream's one. The status is zero
// for an error inside a 200.
func (d *Driver) classify(c wire.Call, status int, h http.Header, e apiError) *upstream.Error {
	r := ruleFor(status, e)
	if r.class == upstream.Lost && c.Op != wire.Status {
		r.class, r.code, r.message = upstream.NotServed, fault.ModelNotFound, wire.SaysNotServed
		r.field = wire.InputModel
	}
	f := r.fault(c.Op, e)
	out := &upstream.Error{Class: r.class, Outcome: outcomeOf(status, e, r.class), Cause: cause(c, status, e)}
	if wire.MayWait(r.class) {
		out.RetryAfter = wire.RetryAfter(h, d.now())
	}
	if out.RetryAfter > 0 {
		f = f.WithRetryAfter(out.RetryAfter)
	}
	out.Fault = f
	return out
}

// cause is for the log alone, and yet never quotes the credential. That is taken
// out before anything is cut off or escaped, or a part of it could stay.
func cause(c wire.Call, status int, e apiError) error {
	const most = 500
	show := func(s string) string { return wire.Cut(c.Redact(s), most) }
	return fmt.Errorf("status %d, code %q, type %q, param %q: %q", status, show(e.Code), show(e.Type), show(e.Param), show(e.Message))
}

// refusal is the error that an answer outside of 2xx is.
func (d *Driver) refusal(a wire.Answer, body []byte) *upstream.Error {
	e, ok := parseEnvelope(body)
	if !ok {
		e = apiError{Message: wire.Cut(a.Call.Redact(string(body)), 200)}
	}
	return d.classify(a.Call, a.StatusCode, a.Header, e)
}

// inside is the error of an error object in a 200.
func (d *Driver) inside(c wire.Call, h http.Header, e apiError) *upstream.Error {
	return d.classify(c, 0, h, e)
}

// errorInside reads the error object of a 200; nil if there is none.
func (d *Driver) errorInside(c wire.Call, h http.Header, body []byte) *upstream.Error {
	e, ok := parseEnvelope(body)
	if !ok {
		return nil
	}
	return d.inside(c, h, e)
}

// lacking is the error of a 200 that lacks what it should hold: the one that it
// brings itself, if any.
func (d *Driver) lacking(a wire.Answer, body []byte, what string) *upstream.Error {
	if e := d.errorInside(a.Call, a.Header, body); e != nil {
		return e
	}
	return wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New(what))
}

// garbled is the error of a 200 that cannot be read as what it should be.
func (d *Driver) garbled(a wire.Answer, body []byte, why error) *upstream.Error {
	if e := d.errorInside(a.Call, a.Header, body); e != nil {
		return e
	}
	return wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, why)
}

// decode reads the 200 of a free question, or of one whose answer is small.
func (d *Driver) decode(a wire.Answer, raw []byte, into any) *upstream.Error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("an empty 200"))
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return d.garbled(a, raw, err)
	}
	return nil
}

// outcomeOf tells what a complete answer says about a submission. The services
// behind this API are many, and some of them hand a request on to others, so
// only what nobody says after that counts as a no:
//
//   - the statuses that refuse a request, the credential or the account. Others
//     of the 4xx are not among them, not even in the upstream's own envelope:
//     gateways answer 408 when their own upstream was too slow, and Tintype 409
//     for a job that goes on.
//   - inside a 200, which services answer that have to begin before they know:
//     the same by the code, but not that they are overloaded, which may have
//     struck at any time.
//   - whatever the status: queue_full and pool_exhausted, with which Tintype says
//     that it has not taken the request.
//
// A 5xx is never a no, with an envelope or without, and neither are the codes of
// a job that was taken and came to nothing.
func outcomeOf(status int, e apiError, class upstream.Class) upstream.Outcome {
	switch {
	case e.any("wait_timeout", "submit_outcome_unknown", "generation_timeout", "generation_failed", "media_invalid", "canceled", "cancelled"):
		return upstream.Ambiguous
	case e.any("queue_full", "pool_exhausted"):
		return upstream.Rejected
	case status == 0 && class == upstream.Overloaded:
		return upstream.Ambiguous
	case status == 0:
		return wire.OutcomeOfClass(class)
	case status == http.StatusPaymentRequired:
		return upstream.Rejected
	}
	return wire.OutcomeOf(status, false)
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
	head := e.Param
	if i := strings.IndexAny(head, ".["); i >= 0 {
		head = head[:i]
	}
	ours := mediaField(head)
	if op == wire.Chat {
		ours = chatField(head)
	}
	switch ours {
	case "":
		return fault.New(fault.Invalid, wire.SaysRequest)
	case "image":
		return fault.New(fault.InvalidImage, wire.SaysImage).WithParam(ours)
	}
	return fault.Newf(fault.Invalid, "The upstream does not accept this value of %s for this model.", ours).WithParam(ours)
}

// mediaField gives our name for an upstream's field; empty if callers have no
// such field.
func mediaField(name string) string {
	switch name {
	case "input_reference", "mask":
		return "image"
	case "duration":
		return "seconds"
	case "prompt", "image", "model", "size", "ratio", "n", "seconds", "seed", "negative_prompt":
		return name
	}
	return ""
}

// withCause keeps the upstream's own words for the log.
func withCause(f *fault.Error, cause error) *fault.Error {
	c := *f
	c.Cause = cause
	return &c
}
