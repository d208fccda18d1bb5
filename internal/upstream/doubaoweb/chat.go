package doubaoweb

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/chat"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/sse"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// wholeBytes bounds an answer that is given whole.
const wholeBytes = 8 << 20

// Chat implements [upstream.Driver]: the upstream streams every answer, so this
// gathers one. The usage is estimated: the upstream does not tell any.
func (d *Driver) Chat(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatAnswer, error) {
	s, failure := d.talk(ctx, a, r)
	if failure != nil {
		return upstream.ChatAnswer{}, failure
	}
	defer func() { _ = s.Close() }()
	var text, reasoning strings.Builder
	for {
		p, failure := s.next()
		switch {
		case failure != nil:
			failure.Outcome = wire.OutcomeOfClass(failure.Class)
			return upstream.ChatAnswer{}, failure
		case p.kind == ended:
			return s.whole(text.String(), reasoning.String()), nil
		case p.kind == said:
			text.WriteString(p.text)
		case p.kind == thought:
			reasoning.WriteString(p.text)
		}
		if text.Len()+reasoning.Len() > wholeBytes {
			return upstream.ChatAnswer{}, wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, wire.ErrTooBig)
		}
	}
}

// ChatStream implements [upstream.Driver]. It returns when the first words are
// there, so that an error in their place is one of this call, when another account
// may still be tried.
func (d *Driver) ChatStream(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatStream, error) {
	s, failure := d.talk(ctx, a, r)
	if failure != nil {
		return nil, failure
	}
	return s, nil
}

// talk sends a chat request and waits for the first words of the answer.
func (d *Driver) talk(ctx context.Context, a account.Account, r upstream.ChatRequest) (*stream, *upstream.Error) {
	c, bad := d.chatCall(ctx, a, r)
	if bad != nil {
		return nil, bad
	}
	ctx, w := wire.NewWatch(ctx, d.cfg.ChatHeaderTimeout)
	ans, err := c.Send(ctx)
	if err != nil {
		defer w.Stop()
		return nil, d.discreet(c, c.Failure(ctx, err))
	}
	s := d.newStream(ctx, w, ans, r)
	if bad := s.open(ans); bad != nil {
		_ = s.Close()
		return nil, bad
	}
	return s, nil
}

func (d *Driver) newStream(ctx context.Context, w *wire.Watch, ans wire.Answer, r upstream.ChatRequest) *stream {
	body := w.Guard(ans.Body, d.cfg.ChatIdleTimeout)
	return &stream{
		driver: d, ctx: ctx, call: ans.Call, watch: w, body: body, events: sse.NewReader(body, frameBytes),
		decoder: &decoder{p: d.profile, dialect: d.profile.Dialect},
		id:      "chatcmpl-" + strings.ReplaceAll(newUUID(), "-", ""), created: d.now().Unix(),
		model: rawjson.AppendString(nil, r.Public), usage: r.IncludeUsage, asked: chat.CountMessages(r.Body["messages"]),
	}
}

// open refuses what is no stream and reads to the first words.
func (s *stream) open(ans wire.Answer) *upstream.Error {
	if !isStream(ans) {
		ans.Body = s.body
		raw, err := ans.Whole(wire.SmallAnswer)
		if err != nil {
			return s.driver.discreet(s.call, s.call.Failure(s.ctx, err))
		}
		return s.driver.noStream(ans, raw)
	}
	first, failure := s.next()
	if failure != nil {
		failure.Outcome = outcomeOfFirst(failure)
		return failure
	}
	s.first = &first
	return nil
}

// outcomeOfFirst tells what an error before the first words means: that of an error
// frame is set already.
func outcomeOfFirst(e *upstream.Error) upstream.Outcome {
	if e.Outcome != "" {
		return e.Outcome
	}
	return wire.OutcomeOfClass(e.Class)
}

// chatCall writes the request, with the images of the messages uploaded.
func (d *Driver) chatCall(ctx context.Context, a account.Account, r upstream.ChatRequest) (wire.Call, *upstream.Error) {
	if _, ok := d.cookies(a); !ok {
		return wire.Call{}, wire.BadCredential()
	}
	q, bad := d.profile.Wording.ask(r.Body["messages"])
	if bad != nil {
		return wire.Call{}, bad
	}
	files, bad := d.upload(ctx, a, q.images)
	if bad != nil {
		return wire.Call{}, bad
	}
	var n [8]byte
	_, _ = rand.Read(n[:]) // never fails
	v := localIDs(binary.BigEndian.Uint64(n[:]), newUUID(), newUUID())
	v["thinking"], v["thinking_level"] = thinks(r)
	v["model"] = r.Model
	endpoint, body, attachment := d.profile.Endpoints.Numeric, d.profile.Bodies.ChatNumeric, d.profile.Attachments.ChatNumeric
	if d.profile.Dialect == Named {
		endpoint, body, attachment = d.profile.Endpoints.Named, d.profile.Bodies.ChatNamed, d.profile.Attachments.Named
	}
	v.attach(q.text, files, attachment)
	c, bad := d.call(wire.Chat, a, endpoint, body, v)
	c.Accept, c.Rewind = "text/event-stream", true
	return c, bad
}

// brokenOff makes the error of a stream that ended too early.
func (s *stream) brokenOff(err error) *upstream.Error {
	switch {
	case errors.Is(err, sse.ErrTooLong):
		err = wire.ErrTooBig
	case errors.Is(err, io.EOF) && s.frames == 0:
		return &upstream.Error{Class: upstream.Empty, Outcome: upstream.Ambiguous, Fault: faultOf(upstream.Empty), Cause: errors.New("a stream without events")}
	}
	e := s.driver.discreet(s.call, s.call.Failure(s.ctx, err))
	e.Outcome = ""
	return e
}
