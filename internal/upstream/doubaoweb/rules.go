package doubaoweb

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Where is where an error stands.
type Where string

// The places.
const (
	InFrame Where = "frame" // an error frame of a stream
	InJSON  Where = "json"  // an answer in JSON with a code that is not 0
	InHTTP  Where = "http"  // the status of the answer
	InText  Where = "text"  // what the upstream says in words
)

// Rule says what an error of the upstream means.
type Rule struct {
	Where    Where          `yaml:"where"`
	Codes    []string       `yaml:"codes"`
	Match    Pattern        `yaml:"match"`
	Class    upstream.Class `yaml:"class"`
	Cooldown Duration       `yaml:"cooldown"`
}

// Pattern is a regular expression (RE2); the zero value matches nothing.
type Pattern struct{ *regexp.Regexp }

// String gives the expression.
func (p Pattern) String() string {
	if p.Regexp == nil {
		return ""
	}
	return p.Regexp.String()
}

// UnmarshalYAML compiles the expression.
func (p *Pattern) UnmarshalYAML(b []byte) error {
	var s string
	if err := yaml.Unmarshal(b, &s); err != nil {
		return errors.New("must be a regular expression")
	}
	re, err := regexp.Compile(s)
	if err != nil {
		return fmt.Errorf("%q is not a regular expression: %w", s, err)
	}
	p.Regexp = re
	return nil
}

func classes() []upstream.Class {
	return []upstream.Class{
		upstream.Auth, upstream.RiskControl, upstream.RateLimited, upstream.Quota, upstream.ContentRejected, upstream.InvalidInput,
		upstream.NotServed, upstream.Overloaded, upstream.Transient, upstream.Empty, upstream.Timeout, upstream.Lost, upstream.Unknown,
	}
}

func (r Rule) check() error {
	switch {
	case !slices.Contains([]Where{InFrame, InJSON, InHTTP, InText}, r.Where):
		return fmt.Errorf("where: %q is not frame, json, http or text", r.Where)
	case !slices.Contains(classes(), r.Class):
		return fmt.Errorf("class: %q is not one of %v", r.Class, classes())
	case len(r.Codes) == 0 && r.Match.Regexp == nil:
		return errors.New("must have codes or match")
	case r.Where == InText && len(r.Codes) > 0:
		return errors.New("codes: a text has none")
	}
	return nil
}

// fits compares an error with the rule.
func (r Rule) fits(where Where, code, text string) bool {
	if r.Where != where || len(r.Codes) > 0 && !slices.Contains(r.Codes, code) {
		return false
	}
	return r.Match.Regexp == nil || r.Match.MatchString(text)
}

// rule finds the rule for an error. What is said in words in an error of another
// kind counts, too.
func (p *Profile) rule(where Where, code, text string) (Rule, bool) {
	for _, place := range []Where{where, InText} {
		for _, r := range p.Errors {
			if r.fits(place, code, text) {
				return r, true
			}
		}
	}
	return Rule{Class: upstream.Unknown}, false
}

// failure makes the driver's error of the upstream's. Its cause has the code and
// never the text, which may hold what the upstream knows of its user. The outcome
// is left to the caller.
func (p *Profile) failure(where Where, code, text string) *upstream.Error {
	r, ok := p.rule(where, code, text)
	if !ok && where == InHTTP && len(code) == 3 && code[0] == '5' {
		r.Class = upstream.Transient
	}
	f := faultOf(r.Class)
	wait := time.Duration(r.Cooldown)
	if wait > 0 {
		f = f.WithRetryAfter(wait)
	}
	return &upstream.Error{
		Class: r.Class, Fault: f, RetryAfter: wait,
		Cause: fmt.Errorf("%s error, code %q", where, wire.Cut(code, 40)),
	}
}

// saysRisk is for an account that the upstream wants to see a human at.
const saysRisk = "The upstream wants the owner of this account to confirm something on its web site before it takes more requests."

// faultOf is what a caller reads about a class of errors.
func faultOf(c upstream.Class) *fault.Error {
	switch c {
	case upstream.Auth:
		return fault.New(fault.CredentialRejected, wire.SaysCredential)
	case upstream.RiskControl:
		return fault.New(fault.CredentialRejected, saysRisk)
	case upstream.RateLimited:
		return fault.New(fault.RateLimited, wire.SaysRate)
	case upstream.Quota:
		return fault.New(fault.RateLimited, wire.SaysQuota)
	case upstream.ContentRejected:
		return fault.New(fault.ContentPolicy, wire.SaysPolicy)
	case upstream.InvalidInput:
		return fault.New(fault.Invalid, wire.SaysRequest)
	case upstream.NotServed:
		return fault.New(fault.ModelNotFound, wire.SaysNotServed).WithParam("model")
	case upstream.Overloaded:
		return fault.New(fault.Upstream, wire.SaysCapacity)
	case upstream.Transient:
		return fault.New(fault.Upstream, wire.SaysServerError)
	case upstream.Empty:
		return fault.New(fault.Upstream, wire.SaysEmpty)
	case upstream.Timeout:
		return fault.New(fault.Upstream, wire.SaysNoAnswer)
	case upstream.Lost:
		return fault.New(fault.GenerationFailed, wire.SaysLost)
	case upstream.Unknown:
	}
	return fault.New(fault.Upstream, wire.SaysGarbled)
}

// jobFault is what a caller reads about an accepted job that failed with a class
// of errors: a refusal in the same words as at the door, all else in general.
func jobFault(c upstream.Class) *fault.Error {
	if c == upstream.ContentRejected || c == upstream.Quota {
		return faultOf(c)
	}
	return fault.New(fault.GenerationFailed, wire.SaysFailed)
}
