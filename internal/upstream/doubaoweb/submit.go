package doubaoweb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Submit implements [upstream.Driver]. Images come back with it as a rule; those
// that do not, and all videos, are looked for in the job's conversation.
func (d *Driver) Submit(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, error) {
	out, err := d.submit(ctx, a, s)
	if err != nil {
		return upstream.Submitted{}, wire.Lost(err)
	}
	return out, nil
}

func (d *Driver) submit(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, *upstream.Error) {
	v, bad := d.request(ctx, a, s)
	if bad != nil {
		return upstream.Submitted{}, bad
	}
	if s.Spec.Kind == job.Video && d.profile.Video.Start == StartC {
		return d.submitCanvas(ctx, a, s, v)
	}
	dialect := d.profile.dialectOf(upstream.ModelKind(s.Spec.Kind))
	endpoint, body := d.profile.message(s.Spec.Kind, dialect)
	c, bad := d.call(operation(s.Spec.Kind), a, endpoint, body, v)
	if bad != nil {
		return upstream.Submitted{}, bad
	}
	c = d.paid(c, s)
	c.Accept = "text/event-stream"
	timeout := d.cfg.ImageTimeout
	if s.Spec.Kind == job.Video {
		timeout = d.cfg.VideoTimeout
	}
	r, failure := d.converse(ctx, c, dialect, s.Spec.Kind, timeout)
	return d.judge(a, s, v, r, failure)
}

// paid makes a call the one that is sent once, on a connection of its own.
func (d *Driver) paid(c wire.Call, s upstream.Submission) wire.Call {
	c.Via = d.submits
	c.Written = func() { crash.At(crash.OnTheWire, string(s.Job)) }
	return c
}

func operation(k job.Kind) wire.Operation {
	if k == job.Image {
		return wire.Image
	}
	return wire.Video
}

// message is where a message of a kind goes, and its body.
func (p *Profile) message(k job.Kind, dialect Dialect) (endpoint string, body Template) {
	endpoint = p.Endpoints.Numeric
	if dialect == Named {
		endpoint = p.Endpoints.Named
	}
	switch {
	case k == job.Image && dialect == Named:
		return endpoint, p.Bodies.ImageNamed
	case k == job.Image:
		return endpoint, p.Bodies.ImageNumeric
	case dialect == Named:
		return endpoint, p.Bodies.VideoNamed
	}
	return endpoint, p.Bodies.VideoNumeric
}

// request uploads the images of a submission, which costs nothing, and gives the
// values of its body.
func (d *Driver) request(ctx context.Context, a account.Account, s upstream.Submission) (vars, *upstream.Error) {
	if _, ok := d.cookies(a); !ok {
		return nil, wire.BadCredential()
	}
	if bad := d.able(s); bad != nil {
		return nil, bad
	}
	v := ours(s)
	spec := s.Spec
	v["model"], v["ratio"] = spec.UpstreamModel, spec.Ratio
	if spec.Seconds > 0 {
		v["seconds"] = spec.Seconds
	}
	text := spec.Prompt
	if spec.Kind == job.Image {
		text = d.profile.Wording.image(spec)
	}
	dialect := d.profile.dialectOf(upstream.ModelKind(spec.Kind))
	template := d.profile.Attachments.MediaNumeric
	if dialect == Named {
		template = d.profile.Attachments.Named
	}
	files, bad := d.upload(ctx, a, pictures(s))
	if bad != nil {
		return nil, bad
	}
	v.attach(text, files, template)
	return v, nil
}

// able refuses what this upstream cannot be asked for. The door does so too, from
// what the registry says of the model.
func (d *Driver) able(s upstream.Submission) *upstream.Error {
	refuse := func(param, message string) *upstream.Error {
		return wire.Refused(fault.New(fault.Invalid, message).WithParam(param))
	}
	switch {
	case len(s.LastFrame) > 0:
		return refuse("last_frame", "This model takes no last frame.")
	case s.Spec.Seed != nil:
		return refuse("seed", "This model takes no seed.")
	case s.Spec.Kind == job.Video && len(pictures(s)) > 1:
		return refuse("image", "This model takes one image for a video.")
	case s.Spec.Kind == job.Video && d.profile.Video.Start == StartC && len(pictures(s)) > 0:
		return refuse("image", "This model takes no image for a video.")
	}
	return nil
}

// pictures are the images that a request brings, the first one first.
func pictures(s upstream.Submission) [][]byte {
	var all [][]byte
	if len(s.Image) > 0 {
		all = append(all, s.Image)
	}
	return append(all, s.References...)
}

// ours are the ids that we give a submission, derived from the job and its fence.
// They are what a creation is matched with, not what it could be found by.
func ours(s upstream.Submission) vars {
	id := func(what string) (b [16]byte) {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s:%s", what, wire.Attempt(s)))
		copy(b[:], sum[:])
		return b
	}
	local := id("conversation")
	return localIDs(binary.BigEndian.Uint64(local[:8]), uuidOf(id("message")), uuidOf(id("request")))
}

// localIDs are the ids of one request: "local_" and 16 digits, and two UUIDs.
func localIDs(conversation uint64, message, request string) vars {
	const digits = 1e15
	return vars{
		"local_conversation_id": "local_" + strconv.FormatUint(digits+conversation%(9*digits), 10),
		"local_message_id":      message, "request_id": request,
		"thinking": false, "thinking_level": 0, "attachments": []any{}, "blocks": []any{},
	}
}

// judge says what a submission's stream means.
func (d *Driver) judge(a account.Account, s upstream.Submission, v vars, r *reply, failure *upstream.Error) (upstream.Submitted, *upstream.Error) {
	if !r.accepted() {
		// Media without a conversation is media all the same.
		if sources, _ := d.strangers(r.made.sources()); len(sources) > 0 {
			return upstream.Submitted{Sources: sources}, nil
		}
		return upstream.Submitted{}, d.notAccepted(r, failure)
	}
	d.tellRemaining(a, r.text.String())
	class, bad := d.against(s.Spec.Kind, r, failure != nil)
	if bad != nil {
		return upstream.Submitted{}, bad
	}
	id := ref{
		Kind: s.Spec.Kind, Mode: History, Conversation: r.conversation, Message: r.message,
		Local: str(v["local_message_id"]), Replies: r.replies, Class: class, At: d.now().Unix(),
	}
	if s.Spec.Kind == job.Video && d.profile.Video.Result == Async && r.task != "" {
		id.Mode, id.Task = Async, r.task
	}
	out := upstream.Submitted{UpstreamID: id.String()}
	if r.made.some() && failure == nil {
		// A link to a strange host is told by Status, which can be asked again.
		out.Sources, _ = d.strangers(r.made.sources())
	}
	return out, nil
}

// notAccepted is what a stream means in which no conversation was told.
func (d *Driver) notAccepted(r *reply, failure *upstream.Error) *upstream.Error {
	switch {
	case r.failure != nil:
		return r.failure
	case failure != nil:
		return failure
	}
	if rule, ok := d.profile.rule(InText, "", r.text.String()); ok && r.text.Len() > 0 {
		e := d.profile.failureOf(rule)
		e.Outcome = upstream.Rejected
		return e
	}
	return wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("a whole stream without a conversation"))
}

// against gives the class of what an accepted request's stream has against it: of an
// error frame, or of its words, if the stream is whole and nothing is in the making.
func (d *Driver) against(k job.Kind, r *reply, broken bool) (upstream.Class, *upstream.Error) {
	if r.failure != nil {
		class := r.failure.Class
		return class, nil //nolint:nilerr // history decides what came of it
	}
	if broken || !r.finished || r.task != "" || r.made.seen() {
		return "", nil
	}
	return d.turnedDown(k, r)
}

// turnedDown reads the words of a whole stream that shows nothing. A whole answer
// that shows nothing and refuses in words is a no, as good as an error frame: for the
// content, for want of allowance, or for want of a session. All else may still become
// something, and so does an answer that also says that work goes on: then the class
// is kept for the case that history stays empty.
func (d *Driver) turnedDown(k job.Kind, r *reply) (upstream.Class, *upstream.Error) {
	words := r.text.String() + " " + r.made.reason
	rule, ok := d.profile.rule(InText, "", words)
	switch {
	case !ok && k == job.Image:
		return upstream.Empty, nil
	case !ok || d.profile.affirms(words):
		return rule.classOf(ok), nil
	case rule.Class == upstream.ContentRejected, rule.Class == upstream.Quota, rule.Class == upstream.Auth:
		e := d.profile.failureOf(rule)
		e.Outcome = upstream.Rejected
		return "", e
	}
	return rule.Class, nil
}

// classOf is the class of a rule that was found; empty without one.
func (r Rule) classOf(found bool) upstream.Class {
	if !found {
		return ""
	}
	return r.Class
}

// affirms tells whether the upstream says that work goes on.
func (p *Profile) affirms(words string) bool {
	return p.Affirms.Regexp != nil && p.Affirms.MatchString(words)
}

// failureOf makes the error of a rule about words.
func (p *Profile) failureOf(r Rule) *upstream.Error {
	e := &upstream.Error{Class: r.Class, Fault: faultOf(r.Class), RetryAfter: time.Duration(r.Cooldown), Cause: errors.New("the upstream says so in words")}
	if e.RetryAfter > 0 {
		e.Fault = e.Fault.WithRetryAfter(e.RetryAfter)
	}
	return e
}

// tellRemaining reads how many videos are left.
func (d *Driver) tellRemaining(a account.Account, text string) {
	if d.cfg.Remaining == nil || d.profile.Remaining.Regexp == nil {
		return
	}
	m := d.profile.Remaining.FindStringSubmatch(text)
	for i := 1; i < len(m); i++ {
		if n, err := strconv.Atoi(m[i]); err == nil {
			d.cfg.Remaining(a.ID, n)
			return
		}
	}
}

// Recovery implements [upstream.Driver]: none. Each submission does carry ids of ours
// (local_conversation_id and local_message_id, derived from the job and its fence),
// and history repeats the second one. But the upstream has no call that takes them:
// history wants the id that the server has given the conversation, which comes with
// the answer. Whoever has lost the answer has lost the only name to ask for, so in
// plain words: nobody can find out, and the submission stays unknown.
func (d *Driver) Recovery(job.Spec) upstream.Recovery { return upstream.Recovery{} }

// Lookup implements [upstream.Driver]. Nobody can ask about a submission whose
// conversation is not known, so it always fails and asks nobody.
func (d *Driver) Lookup(context.Context, account.Account, upstream.Submission) (string, error) {
	return "", &upstream.Error{
		Class: upstream.Unknown, Fault: fault.New(fault.Upstream, "This upstream cannot be asked about a submission whose answer was lost."),
		Cause: errors.New("the upstream finds conversations by its own ids alone"),
	}
}
