package doubaoweb

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
	"github.com/tintypehq/tintype/internal/upstream/sim/media"
	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
	"github.com/tintypehq/tintype/internal/upstream/sim/say"
)

// completion answers the one route of chat, images and videos of a dialect.
func (p *Protocol) completion(where place) handler {
	return func(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
		c.Entry.Kind = ledger.Chat
		read := readNumeric
		if where == named {
			read = readNamed
		}
		w, bad := read(c.Body)
		if bad != nil {
			return faults.Answer{}, bad
		}
		c.Entry.Kind, c.Entry.Prompt, c.Entry.Model = w.kind, w.prompt, w.model
		for _, key := range w.files {
			if !p.stored(key) {
				return faults.Answer{}, invalid("an attachment that was not uploaded")
			}
		}
		op := faults.Create
		if w.kind == ledger.Chat {
			op = faults.Chat
		}
		tags, err := faults.Parse(w.prompt)
		if err != nil {
			return faults.Answer{}, invalid(err.Error())
		}
		if bad := p.trouble(ctx, c, op, "", w.prompt, tags, where); bad != nil {
			return faults.Answer{}, bad
		}
		t := p.talk(c, w, where)
		frames, bad := p.carryOut(c, w, t, tags)
		if bad == nil {
			bad = orders(c, where, true)
		}
		if bad != nil {
			return faults.Answer{}, bad
		}
		return p.send(ctx, c, where, frames)
	}
}

// talk begins an answer.
func (p *Protocol) talk(c *desk.Call, w wish, where place) *talk {
	t := &talk{
		place: where, conversation: newID(), local: w.local, localConversation: w.localConversation, message: newID(), reply: newID(),
		noAck: c.Set.Has(faults.WebNoAck), noEnd: c.Set.Has(faults.WebNoEnd), odd: c.Set.Has(faults.WebUnknown), older: c.Set.Has(faults.WebOld),
	}
	if w.kind == ledger.Chat {
		t.delay = p.desk.ChunkDelay
	}
	if c.Set.Has(faults.WebTask) {
		t.task = newID()
	}
	return t
}

// carryOut does what is asked for, writes it down and gives the frames of the answer.
func (p *Protocol) carryOut(c *desk.Call, w wish, t *talk, tags []faults.Fault) ([]frame, *problem) {
	frames := t.open()
	if f, ok := c.Set.Get(faults.WebHeartbeat); ok {
		wait := f.Duration(time.Minute)
		for range 4 {
			beat := t.heartbeat()
			beat.after = wait / 4
			frames = append(frames, beat)
		}
	}
	switch w.kind {
	case ledger.Image:
		return append(frames, p.paint(c, w, t, tags)...), nil
	case ledger.Video:
		more, bad := p.film(c, w, t, tags)
		return append(frames, more...), bad
	case ledger.Chat:
	}
	p.desk.Accepted(c, 1)
	return append(frames, p.chat(c, w, t)...), nil
}

// chat says something.
func (p *Protocol) chat(c *desk.Call, w wish, t *talk) []frame {
	var seen []string
	for _, key := range w.files {
		seen = append(seen, p.describe(key))
	}
	words := say.Reply(w.prompt, "the web", seen)
	if f, ok := c.Set.Get(faults.Chunks); ok {
		words = strings.TrimSpace(strings.Repeat("word ", f.Int(1)))
	}
	var out []frame
	if w.thinks {
		out = append(out, t.think("I will say that I am a simulator.")...)
	}
	for i, piece := range say.Pieces(words) {
		if i == 0 && t.place == named {
			out = append(out, t.first(piece))
			continue
		}
		out = append(out, t.say(piece))
	}
	return append(out, t.close(words)...)
}

// send streams the answer, unless it is to be spoilt: then of an answer that is cut
// in half only the first frame is begun, so that nobody can tell what was created.
func (p *Protocol) send(ctx context.Context, c *desk.Call, where place, frames []frame) (faults.Answer, *problem) {
	h := http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}
	if c.Spoilt() || c.Set.Has(faults.Truncate) {
		return faults.Answer{Status: http.StatusOK, Header: h, Body: frames[0].bytes(0)}, nil
	}
	failure := numericError(710029998, "internal", "internal") // the code is made up
	if where == named {
		failure = namedError(710029998, "internal")
	}
	if c.Set.Has(faults.WebAfter) {
		frames = append(frames[:1:1], failure)
	}
	if c.Entry.Kind == ledger.Image {
		defer p.desk.Board.Enter(c.Holder)()
	}
	p.stream(ctx, c, frames, failure)
	return faults.Answer{Status: http.StatusOK}, nil
}

// paint makes the images of a request, and shows them in two steps: first their
// names, then their links.
func (p *Protocol) paint(c *desk.Call, w wish, t *talk, tags []faults.Fault) []frame {
	n := 1
	if f, ok := c.Set.Get(faults.WebCount); ok {
		n = max(1, f.Int(1))
	}
	each := p.desk.ImageTime
	if f, ok := c.Set.Get(faults.Ready); ok {
		each = f.Duration(0) / time.Duration(n)
	}
	v := newConversation(c, w, t, tags)
	c.Entry.TaskID = t.conversation
	p.desk.Accepted(c, n)
	var planned, made []object
	for i := range n {
		key := fmt.Sprintf("tos-cn-i-sim/%s_%d", t.conversation, i)
		planned = append(planned, object{"type": 1, "image": object{"status": 1, "key": key}})
		if reason := failing(c.Set); reason != "" {
			made = append(made, object{"type": 1, "error_msg": reason, "image": object{"status": 3, "key": key}})
			continue
		}
		link := p.picture(c, w, tags, t.conversation, i)
		made = append(made, object{"type": 1, "image": object{
			"key": key, "status": 2, "image_ori": object{"url": link, "width": 512, "height": 512},
			"image_preview": object{"url": link + "&preview"}, "image_thumb": object{"url": link + "&thumb"},
		}})
	}
	v.made = made
	if c.Set.Has(faults.WebAfter) {
		v.made = nil
	}
	v.ready = p.desk.Clock.Now().Add(each * time.Duration(n))
	p.keep(v)
	if c.Set.Has(faults.WebLate) {
		return t.close("")
	}
	first, last := t.images(planned), t.images(made)
	last.after = each * time.Duration(n)
	return append(append(t.loading(), first, last, last.again()), t.close("")...)
}

// again is the same frame, right behind.
func (f frame) again() frame {
	f.after = 0
	return f
}

// failing is why what was accepted will not be made; empty if it will.
func failing(set faults.Set) string {
	switch {
	case set.Has(faults.Fail):
		return "The result violates the rules."
	case set.Has(faults.Broken):
		return "internal failure"
	}
	return ""
}

// picture puts one image into the store and gives its link.
func (p *Protocol) picture(c *desk.Call, w wish, tags []faults.Fault, conversation string, i int) string {
	width, height := pixels(w.ratio)
	spec := paint.Spec{Prompt: w.prompt, Seed: int64(i), Width: width, Height: height, Caption: []string{"doubao web", w.prompt}}
	if len(w.files) > 0 {
		spec.Input = p.thumb(w.files[0])
	}
	it := &media.Item{
		Path: fmt.Sprintf("doubaoweb/%s_%d.jpeg", conversation, i), ContentType: "image/jpeg",
		Seq: c.Seq, Prompt: w.prompt, Faults: tags,
		Make: func() ([]byte, error) { return paint.JPEG(spec) },
	}
	if f, ok := c.Set.Get(faults.Size); ok {
		it.SizeBytes = f.SizeBytes()
	}
	p.desk.Media.Put(it)
	return p.desk.Link(c, it, c.Set.Has(faults.Expired) || faults.Set(tags).Has(faults.Expired))
}
