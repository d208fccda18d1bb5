package ark

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/sse"
)

// Chat implements [upstream.Driver].
func (d *Driver) Chat(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatAnswer, error) {
	c, refusal := d.chatCall(a, r, false)
	if refusal != nil {
		return upstream.ChatAnswer{}, refusal
	}
	ctx, w := newWatch(ctx, d.cfg.ChatHeaderTimeout)
	defer w.stop()
	ans, err := c.send(ctx)
	if err != nil {
		return upstream.ChatAnswer{}, c.failure(ctx, err)
	}
	defer func() { _ = ans.Body.Close() }()
	raw, failure := d.chatAnswer(ctx, ans, w)
	if failure != nil {
		return upstream.ChatAnswer{}, failure
	}
	body, failure := d.rewriteAnswer(ans, raw, r)
	if failure != nil {
		return upstream.ChatAnswer{}, failure
	}
	return upstream.ChatAnswer{Body: body}, nil
}

// chatAnswer reads a whole answer that must be a 2xx.
func (d *Driver) chatAnswer(ctx context.Context, ans answer, w *watch) ([]byte, *upstream.Error) {
	ans.Body = w.guard(ans.Body, d.cfg.ChatIdleTimeout)
	raw, err := ans.whole(chatAnswerBytes)
	switch {
	case err != nil:
		return nil, ans.call.failure(ctx, fmt.Errorf("status %d: %w", ans.StatusCode, err))
	case ans.StatusCode/100 != 2:
		return nil, d.refusal(ans, raw)
	}
	return raw, nil
}

// ChatStream implements [upstream.Driver]. It returns when the first chunk is
// there, so that an error in its place is one of this call, when another account
// may still be tried.
func (d *Driver) ChatStream(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatStream, error) {
	c, refusal := d.chatCall(a, r, true)
	if refusal != nil {
		return nil, refusal
	}
	ctx, w := newWatch(ctx, d.cfg.ChatHeaderTimeout)
	ans, err := c.send(ctx)
	if err != nil {
		defer w.stop()
		return nil, c.failure(ctx, err)
	}
	s, failure := d.openStream(ctx, ans, w, r)
	if failure != nil {
		_ = ans.Body.Close()
		w.stop()
		return nil, failure
	}
	return s, nil
}

func (d *Driver) openStream(ctx context.Context, ans answer, w *watch, r upstream.ChatRequest) (*chatStream, *upstream.Error) {
	if ans.StatusCode/100 != 2 || !strings.HasPrefix(ans.Header.Get("Content-Type"), "text/event-stream") {
		return nil, d.noStream(ctx, ans, w)
	}
	body := w.guard(ans.Body, d.cfg.ChatIdleTimeout)
	s := &chatStream{
		driver: d, ctx: ctx, call: ans.call, watch: w, body: body,
		events: sse.NewReader(body, streamLineBytes), request: r, model: appendString(nil, r.Public),
	}
	first, err := s.read()
	if err != nil && !errors.Is(err, io.EOF) {
		e := upstream.AsError(err)
		e.Outcome = outcomeOfClass(e.Class)
		return nil, e
	}
	s.first, s.firstErr, s.hasFirst = first, err, true
	return s, nil
}

// noStream makes the error of an answer that is no stream of events.
func (d *Driver) noStream(ctx context.Context, ans answer, w *watch) *upstream.Error {
	raw, failure := d.chatAnswer(ctx, ans, w)
	if failure != nil {
		return failure
	}
	if e := d.errorIn(ans, raw); e != nil {
		return e
	}
	return ambiguous(upstream.Unknown, saysGarbled, errors.New("a 200 that is no stream of events"))
}

// errorIn finds the upstream's error in a 200; nil if there is none.
func (d *Driver) errorIn(ans answer, raw []byte) *upstream.Error {
	env, ok := parseEnvelope(raw)
	if !ok {
		return nil
	}
	e := d.classify(ans.call, 0, ans.Header, env)
	e.Outcome = outcomeOfClass(e.Class)
	return e
}

func (d *Driver) chatCall(a account.Account, r upstream.ChatRequest, stream bool) (call, *upstream.Error) {
	if !usable(a.Secret) {
		return call{}, badCredential()
	}
	body, refusal := chatBody(r, stream)
	if refusal != nil {
		return call{}, refusal
	}
	accept := "application/json"
	if stream {
		accept = "text/event-stream"
	}
	return call{
		op: opChat, method: http.MethodPost, url: d.base + "/chat/completions",
		secret: a.Secret, body: body, accept: accept, via: d.pooled, rewind: true,
	}, nil
}

// chatObject is the part of an answer or a chunk that goes on to the caller. Its
// fields are spans of the upstream's bytes.
type chatObject struct {
	id, created, choices, usage []byte
	failed                      bool // it has an error
}

// readChat takes an object apart; raw must be valid JSON.
func readChat(raw []byte) chatObject {
	var o chatObject
	for key, value := range fields(raw) {
		switch string(key) {
		case "id":
			o.id = value
		case "created":
			o.created = value
		case "choices":
			o.choices = value
		case "usage":
			o.usage = value
		case "error":
			o.failed = !isNull(value)
		}
	}
	return o
}

// rewriteAnswer makes OpenAI's object of the upstream's.
func (d *Driver) rewriteAnswer(ans answer, raw []byte, r upstream.ChatRequest) (json.RawMessage, *upstream.Error) {
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, ambiguous(upstream.Empty, saysEmpty, errors.New("an empty 200"))
	case !json.Valid(raw):
		return nil, ambiguous(upstream.Unknown, saysGarbled, errors.New("a 200 that is not JSON"))
	}
	in := readChat(raw)
	if in.failed {
		return nil, d.errorInside(ans, raw)
	}
	if !hasElement(in.choices) {
		return nil, ambiguous(upstream.Empty, saysEmpty, errors.New("a 200 without choices"))
	}
	o := newObject(len(raw) + len(r.Public) + 256)
	o.head(in, "chat.completion", appendString(nil, r.Public), d.now())
	o.key("choices")
	o.choices(in.choices)
	if isNull(in.usage) {
		o.usage(countMessages(r.Body["messages"]), countChoices(in.choices))
	} else {
		o.raw("usage", in.usage)
	}
	return o.done(), nil
}

func (d *Driver) errorInside(ans answer, raw []byte) *upstream.Error {
	if e := d.errorIn(ans, raw); e != nil {
		return e
	}
	return ambiguous(upstream.Unknown, saysGarbled, errors.New("an error without a code"))
}

// head writes the first fields of an answer or a chunk.
func (o *object) head(in chatObject, kind string, model []byte, now time.Time) {
	if isNull(in.id) {
		o.str("id", "chatcmpl-"+fmt.Sprintf("%x", now.UnixNano()))
	} else {
		o.raw("id", in.id)
	}
	o.key("object").text(`"` + kind + `"`)
	if isNull(in.created) {
		o.integer("created", now.Unix())
	} else {
		o.raw("created", in.created)
	}
	o.raw("model", model)
}

// choices copies the choices but for logprobs that are null.
func (o *object) choices(choices []byte) (finished bool) {
	o.text("[")
	first := true
	for choice := range elements(choices) {
		if !first {
			o.text(",")
		}
		first = false
		finished = o.choice(choice) || finished
	}
	o.text("]")
	return finished
}

func (o *object) choice(choice []byte) (finished bool) {
	o.text("{")
	for key, value := range fields(choice) {
		null := isNull(value)
		switch {
		case null && string(key) == "logprobs":
			continue
		case !null && string(key) == "finish_reason":
			finished = true
		}
		o.span(key, value)
	}
	o.text("}")
	return finished
}

func (o *object) usage(prompt, completion int64) {
	o.key("usage").text("{")
	o.integer("prompt_tokens", prompt)
	o.integer("completion_tokens", completion)
	o.integer("total_tokens", prompt+completion)
	o.text("}")
}
