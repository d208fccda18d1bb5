package doubaoweb

import (
	"context"
	"fmt"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// view is what a conversation shows of a job.
type view struct {
	made    creations
	refusal upstream.Class // of what the upstream says in words, in place of a creation
}

// history asks for the newest messages of a job's conversation.
func (d *Driver) history(ctx context.Context, a account.Account, r ref) (upstream.Status, *upstream.Error) {
	c, bad := d.call(wire.Status, a, d.profile.Endpoints.History, d.profile.Bodies.History, vars{"conversation_id": r.Conversation})
	if bad != nil {
		return upstream.Status{}, bad
	}
	answer, bad := d.ask(ctx, c)
	if bad != nil {
		return upstream.Status{}, bad
	}
	var v view
	for _, list := range d.profile.Results.History.Messages.all(answer) {
		messages, _ := list.([]any)
		for _, m := range messages {
			d.profile.look(&v, r, m)
		}
	}
	return d.status(r, &v)
}

// look takes in one message, if it is of this job: the answer may hold another
// one's, of the same account.
func (p *Profile) look(v *view, r ref, message any) {
	h := p.Results.History
	if c := h.Conversation.text(message); c != "" && c != r.Conversation {
		return
	}
	blocks := p.blocksOf(message)
	own := h.ID.text(message) == r.Message && r.Message != "" || !blocks.creations && p.isQuestion(r, message)
	if own {
		return // what the caller has written is no word of the upstream
	}
	if blocks.creations && p.owned(r, message) {
		for _, c := range blocks.list {
			v.made.add(&p.Results, r.Kind, c)
		}
	}
	if v.refusal == "" {
		v.refusal = p.refusalIn(message, blocks.text)
	}
}

// isQuestion tells whether a message is the one that we have sent, when the
// upstream's id of it is not known.
func (p *Profile) isQuestion(r ref, message any) bool {
	for i, path := range p.Results.History.Owner {
		if id := (Paths{path}).text(message); id != "" && id != "0" {
			return i == 0 && id == r.Local
		}
	}
	return false
}

// owned tells whether a creation is this job's. A message that names neither our
// message nor any other is taken for ours, since each job has its own conversation.
func (p *Profile) owned(r ref, message any) bool {
	names := 0
	for _, v := range p.Results.History.Owner.every(message) {
		id := str(v)
		if r.mine(id) {
			return true
		}
		if id != "" && id != "0" {
			names++
		}
	}
	return names == 0
}

// contents are the parts of a message.
type contents struct {
	list      []any
	creations bool
	text      string
}

func (p *Profile) blocksOf(message any) contents {
	h := p.Results.History
	var out contents
	for _, list := range h.Blocks.all(message) {
		blocks, _ := list.([]any)
		for _, b := range blocks {
			if s := h.Text.text(b); s != "" && len(out.text) < textBytes {
				out.text += s
			}
			out.list = append(out.list, h.Creation.all(b)...)
		}
	}
	for _, content := range h.Content.all(message) {
		out.text += str(at(content, "text"))
		if at(content, "creations") != nil || at(content, "data") != nil {
			out.list = append(out.list, content)
		}
	}
	if len(out.text) == 0 {
		out.text = str(at(message, "content"))
	}
	out.creations = len(out.list) > 0
	return out
}

// refusalIn finds in words, or in a call to pay, that nothing will be made; empty if
// there is nothing of the kind. A word of load or haste is none: work goes on.
func (p *Profile) refusalIn(message any, text string) upstream.Class {
	if p.Results.History.Paywall.text(message) != "" {
		return upstream.Quota
	}
	rule, ok := p.rule(InText, "", text)
	if ok && text != "" && !p.affirms(text) && (rule.Class == upstream.ContentRejected || rule.Class == upstream.Quota) {
		return rule.Class
	}
	return ""
}

// status makes the state of a job from what its conversation shows. Success is only
// what the profile calls done and what has a link. Words alone end a job only after a
// while: they may be about something else, and the media is paid for.
func (d *Driver) status(r ref, v *view) (upstream.Status, *upstream.Error) {
	settled := r.age(d.now()) > time.Duration(d.profile.Poll.Settle)
	after := time.Duration(d.profile.Poll.Interval)
	switch {
	case v.made.whole(), v.made.some() && (r.Kind == job.Video || settled):
		return d.ready(&v.made)
	case v.made.reason != "":
		rule, _ := d.profile.rule(InText, "", v.made.reason)
		return failedBy(rule.Class, "the creation has failed"), nil
	case v.made.seen():
		return upstream.Status{State: upstream.Working, Phase: job.PhaseGenerating, After: after}, nil
	case v.refusal != "" && settled:
		return failedBy(v.refusal, "the conversation has a refusal in place of a creation"), nil
	case r.Class != "" && settled:
		return failedBy(r.Class, "an error came behind the acceptance, and nothing was made"), nil
	}
	return upstream.Status{State: upstream.Working, Phase: job.PhaseQueued, After: after}, nil
}

// ready gives the links of what is made, verbatim.
func (d *Driver) ready(made *creations) (upstream.Status, *upstream.Error) {
	sources, host := d.strangers(made.sources())
	if host != "" {
		return upstream.Status{}, &upstream.Error{
			Class: upstream.Unknown, Fault: fault.New(fault.Upstream, wire.SaysGarbled),
			Cause: fmt.Errorf("the media is at host %q, which is not in media_hosts of the profile", wire.Cut(host, 100)),
		}
	}
	return upstream.Status{State: upstream.Ready, Sources: sources}, nil
}

func failedBy(class upstream.Class, cause string) upstream.Status {
	f := jobFault(class)
	return upstream.Status{State: upstream.Failed, Failure: fault.Wrap(f.Code, f.Message, fmt.Errorf("%s: %s", class, cause))}
}
