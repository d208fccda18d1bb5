// Package upstream is the contract of a driver: the code that speaks to one
// kind of generation service. It says how a submission may end, how a running
// job is asked after, and which errors mean what; the registry tells which
// public model name is served by which upstream. The drivers are in its
// subpackages, and package upstreamtest holds the suite that each passes.
//
// The one rule that everything else follows from: a submission is paid. A
// driver sends it once, through a client that never sends anything again by
// itself, and says honestly how it ended.
package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// Driver speaks to one upstream. Its methods are safe for concurrent use and
// end soon after ctx does. Every error that they return is an [*Error].
type Driver interface {
	// Submit sends the paid request, once. A nil error means accepted: the
	// result is complete and belongs to this account. Otherwise the error's
	// Outcome is NotSent, Rejected or Ambiguous.
	Submit(ctx context.Context, a account.Account, s Submission) (Submitted, error)

	// Status asks after an accepted job, with the credential that submitted
	// it. It costs nothing and may be repeated.
	Status(ctx context.Context, a account.Account, upstreamID string) (Status, error)

	// Cancel asks the upstream to stop an accepted job, with the credential
	// that submitted it. It never removes what is already made: a job that may
	// have been finished is only looked at. May be repeated.
	Cancel(ctx context.Context, a account.Account, upstreamID string) (CancelAnswer, error)

	// Recovery tells what can be found out later about a submission of a spec
	// whose answer was lost.
	Recovery(spec job.Spec) Recovery

	// Lookup searches the upstream for what the submission of this Job and
	// Fence has created, and gives its upstream id; empty if nothing is to be
	// seen now. It costs nothing and may be repeated. Only for a spec whose
	// Recovery is ByLookup. An error means that nothing was learned.
	Lookup(ctx context.Context, a account.Account, s Submission) (upstreamID string, err error)

	// Chat sends a chat request and gives the answer whole.
	Chat(ctx context.Context, a account.Account, r ChatRequest) (ChatAnswer, error)

	// ChatStream sends a chat request and gives the answer chunk by chunk as
	// it comes. A nil error means that the upstream has begun to answer; the
	// caller closes the stream.
	ChatStream(ctx context.Context, a account.Account, r ChatRequest) (ChatStream, error)

	// Check makes a cheap, free call to see whether the upstream accepts the
	// credential. Nil means accepted, an error of class Auth refused, and any
	// other error that it is not known.
	Check(ctx context.Context, a account.Account) error
}

// Submission is one paid request.
type Submission struct {
	Job   job.ID
	Fence int64 // with Job, names this attempt
	Spec  job.Spec

	// Image is the reference image's bytes; nil without Spec.Input. Checked
	// and sniffed at the door.
	Image []byte

	// References and LastFrame are the bytes of the images of the same name in
	// Spec, References in its order.
	References [][]byte
	LastFrame  []byte
}

// Submitted is what an accepted submission gave.
type Submitted struct {
	// UpstreamID is what Status will ask for. An upstream that answers with
	// the media at once may leave it empty.
	UpstreamID string

	// Sources is the media, when the submit call itself returned it. Empty: ask
	// with Status.
	Sources []job.Source

	Usage *job.Usage
}

// Status is how an accepted job stands at the upstream.
type Status struct {
	State   State
	Phase   job.Phase     // in Working
	Sources []job.Source  // in Ready
	Usage   *job.Usage    // in Ready, if told
	Failure *fault.Error  // in Failed: what the caller will read
	After   time.Duration // the upstream's own wish when to be asked again; zero: none

	// Took is, in Ready, how long the job took by the upstream's own clock, from its
	// creation to its end; zero if it does not tell.
	Took time.Duration
}

// Took is the time between two moments that an upstream told in Unix seconds;
// zero if they do not tell one.
func Took(created, ended int64) time.Duration {
	if created <= 0 || ended < created {
		return 0
	}
	return time.Duration(ended-created) * time.Second
}

// State is the upstream's view of a job, reduced to what matters to us.
type State string

// The states of a job at its upstream.
const (
	Working State = "working" // not finished; words that we do not know count as this
	Ready   State = "ready"   // the media can be fetched
	Failed  State = "failed"  // it will never be ready
)

// CancelAnswer is what an upstream made of the wish to stop a job.
type CancelAnswer string

// The answers.
const (
	Stopped  CancelAnswer = "stopped"  // it will not be made and not be billed
	WorksOn  CancelAnswer = "works_on" // it is being made and cannot be stopped
	Finished CancelAnswer = "finished" // it is made, or has failed: Status tells
)

// Recovery is what can be found out about a submission whose answer was lost.
type Recovery struct {
	// ByLookup: the submission carries a mark under which Lookup finds what it
	// has created.
	ByLookup bool

	// VisibleWithin is how long after its creation a job may still be missing
	// from Lookup. That nothing is found proves something only after that.
	VisibleWithin time.Duration
}

// Outcome is how a submission that was not accepted ended.
type Outcome string

// The outcomes. Only Ambiguous may have been paid.
const (
	NotSent   Outcome = "not_sent"  // no byte of the request can have been acted upon
	Rejected  Outcome = "rejected"  // a complete answer says that nothing was created
	Ambiguous Outcome = "ambiguous" // it may or may not have been created
)

// Class is what kind of thing went wrong, the same for all drivers.
type Class string

// The classes of errors.
const (
	Auth            Class = "auth"             // the credential is refused
	RiskControl     Class = "risk_control"     // the upstream wants a human to look at the account
	RateLimited     Class = "rate_limited"     // too many requests of this account
	Quota           Class = "quota"            // the account's allowance is used up
	ContentRejected Class = "content_rejected" // the prompt or image is refused; no account would help
	InvalidInput    Class = "invalid_input"    // the request is at fault
	NotServed       Class = "not_served"       // this account has not the model
	Overloaded      Class = "overloaded"       // the upstream is short of capacity
	Transient       Class = "transient"        // network or 5xx
	Empty           Class = "empty"            // a success without content
	Timeout         Class = "timeout"          // no answer in time
	Lost            Class = "lost"             // the upstream does not know the job
	Unknown         Class = "unknown"
)

// Error is how a driver's call failed.
type Error struct {
	Class Class

	// Outcome is set by Submit, Chat and ChatStream; empty elsewhere.
	Outcome Outcome

	// Fault is what the caller of the API would read if this were the end.
	Fault *fault.Error

	// RetryAfter is the upstream's own word on when to come back; zero if it
	// said nothing.
	RetryAfter time.Duration

	Cause error // for the log
}

// Error is for the log.
func (e *Error) Error() string {
	s := "upstream: " + string(e.Class)
	if e.Outcome != "" {
		s += " (" + string(e.Outcome) + ")"
	}
	if e.Fault != nil {
		s += ": " + e.Fault.Error()
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the fault first, so that fault.From finds it, then the cause.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Fault != nil {
		errs = append(errs, e.Fault)
	}
	if e.Cause != nil {
		errs = append(errs, e.Cause)
	}
	return errs
}

// AsError gives the driver's error in err's chain. Anything else, which a
// driver should not return, counts as an ambiguous error of unknown class: the
// reading that never pays twice.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{
		Class: Unknown, Outcome: Ambiguous, Cause: err,
		Fault: fault.New(fault.Upstream, "The upstream's answer could not be understood."),
	}
}

// ChatRequest is a chat call in OpenAI's shape.
type ChatRequest struct {
	Model  string // the upstream's model id
	Public string // the name that the caller knows; answers carry it

	// Body is the caller's own request object. Drivers take from it the fields
	// that their upstream documents and drop the rest.
	Body map[string]json.RawMessage

	// Thinking is the model's configured mode ("disabled", "enabled", "auto"),
	// used where Body has no wish of its own. Empty: the upstream's default.
	Thinking string

	// IncludeUsage asks for a last chunk with the usage (ChatStream).
	IncludeUsage bool
}

// ChatAnswer is a whole answer as OpenAI's chat.completion object, with the
// public model name and always with usage.
type ChatAnswer struct {
	Body json.RawMessage
}

// ChatStream is an answer that is still coming.
type ChatStream interface {
	// Next gives the next chunk as OpenAI's chat.completion.chunk object on one
	// line, with the public model name; io.EOF after the last one. An answer
	// that breaks off gives an *Error. The bytes are valid until the next call.
	Next() ([]byte, error)

	// BeforeWait sets what Next calls before it waits for more of the answer,
	// and not while chunks that have arrived already are left. Whoever hands
	// chunks on in larger pieces must send what it holds then.
	BeforeWait(f func())

	// Close ends the call at the upstream if it is still running.
	Close() error
}

// Opener is a driver of an upstream that gives out media for the credential
// alone. Links of its own choosing never get one.
type Opener interface {
	// Guards tells whether a source's link is one of the upstream's own API that
	// wants the account's credential.
	Guards(src job.Source) bool

	// Authorize puts the credential onto a request for such a link.
	Authorize(a account.Account, h http.Header)
}
