// Package chat holds the conversation with an upstream that speaks OpenAI's chat
// protocol, or nearly: it sends a request and makes of the answer, whole or
// streamed, what OpenAI's own would be, byte for byte as far as it can.
package chat

import (
	"bytes"
	"cmp"
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
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/sse"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// answerBytes is the most that is read of an answer.
const answerBytes = 32 << 20

// Client is what a driver says of its upstream's chats. All of it is required.
type Client struct {
	// HeaderTimeout is how long the first byte of an answer may take, and
	// IdleTimeout the longest silence within one.
	HeaderTimeout, IdleTimeout time.Duration

	Now func() time.Time

	// URL is where requests are posted, by way of Via.
	URL string
	Via *http.Transport

	// Body writes a request as the upstream wants it.
	Body func(r upstream.ChatRequest, stream bool) ([]byte, *upstream.Error)

	// Refusal makes the error of a complete answer outside of 2xx.
	Refusal func(a wire.Answer, body []byte) *upstream.Error

	// Inside makes the error of a 200, or of a chunk (then h is nil), with an
	// error in it; nil if it cannot be read. Its outcome says what the error means
	// in the place of an answer.
	Inside func(c wire.Call, h http.Header, body []byte) *upstream.Error
}

// Whole sends a request and gives the answer whole. It is a driver's Chat.
func (c *Client) Whole(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatAnswer, error) {
	answer, failure := c.whole(ctx, a, r)
	if failure != nil {
		return upstream.ChatAnswer{}, failure
	}
	return answer, nil
}

// Stream sends a request and returns when the first chunk is there, so that an
// error in its place is one of this call, when another account may still be
// tried. It is a driver's ChatStream.
func (c *Client) Stream(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatStream, error) {
	s, failure := c.stream(ctx, a, r)
	if failure != nil {
		return nil, failure
	}
	return s, nil
}

// call makes the request. A chat may go out on a connection of the pool, and on
// another one if that turns out to be dead.
func (c *Client) call(a account.Account, r upstream.ChatRequest, stream bool) (wire.Call, *upstream.Error) {
	if !wire.Usable(a.Secret) {
		return wire.Call{}, wire.BadCredential()
	}
	body, refusal := c.Body(r, stream)
	if refusal != nil {
		return wire.Call{}, refusal
	}
	accept := "application/json"
	if stream {
		accept = "text/event-stream"
	}
	return wire.Call{
		Op: wire.Chat, Method: http.MethodPost, URL: c.URL,
		Secret: a.Secret, Body: body, Accept: accept, Via: c.Via, Rewind: true,
	}, nil
}

func (c *Client) whole(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatAnswer, *upstream.Error) {
	call, refusal := c.call(a, r, false)
	if refusal != nil {
		return upstream.ChatAnswer{}, refusal
	}
	ctx, w := wire.NewWatch(ctx, c.HeaderTimeout)
	defer w.Stop()
	ans, err := call.Send(ctx)
	if err != nil {
		return upstream.ChatAnswer{}, call.Failure(ctx, err)
	}
	defer func() { _ = ans.Body.Close() }()
	raw, failure := c.answer(ctx, ans, w)
	if failure != nil {
		return upstream.ChatAnswer{}, failure
	}
	body, failure := c.rewrite(ans, raw, r)
	return upstream.ChatAnswer{Body: body}, failure
}

// answer reads a whole answer that must be a 2xx.
func (c *Client) answer(ctx context.Context, ans wire.Answer, w *wire.Watch) ([]byte, *upstream.Error) {
	ans.Body = w.Guard(ans.Body, c.IdleTimeout)
	raw, err := ans.Whole(answerBytes)
	switch {
	case err != nil:
		return nil, ans.Call.Failure(ctx, fmt.Errorf("status %d: %w", ans.StatusCode, err))
	case ans.StatusCode/100 != 2:
		return nil, c.Refusal(ans, raw)
	}
	return raw, nil
}

func (c *Client) stream(ctx context.Context, a account.Account, r upstream.ChatRequest) (*stream, *upstream.Error) {
	call, refusal := c.call(a, r, true)
	if refusal != nil {
		return nil, refusal
	}
	ctx, w := wire.NewWatch(ctx, c.HeaderTimeout)
	ans, err := call.Send(ctx)
	if err != nil {
		defer w.Stop()
		return nil, call.Failure(ctx, err)
	}
	s, failure := c.open(ctx, ans, w, r)
	if failure != nil {
		_ = ans.Body.Close()
		w.Stop()
		return nil, failure
	}
	return s, nil
}

func (c *Client) open(ctx context.Context, ans wire.Answer, w *wire.Watch, r upstream.ChatRequest) (*stream, *upstream.Error) {
	if ans.StatusCode/100 != 2 || !strings.HasPrefix(ans.Header.Get("Content-Type"), "text/event-stream") {
		return nil, c.noStream(ctx, ans, w)
	}
	body := w.Guard(ans.Body, c.IdleTimeout)
	s := &stream{
		client: c, ctx: ctx, call: ans.Call, watch: w, body: body,
		events: sse.NewReader(body, streamLineBytes), request: r, model: rawjson.AppendString(nil, r.Public),
	}
	first, err := s.read()
	if err != nil && !errors.Is(err, io.EOF) {
		e := upstream.AsError(err)
		e.Outcome = cmp.Or(e.Outcome, wire.OutcomeOfClass(e.Class))
		return nil, e
	}
	s.first, s.firstErr, s.hasFirst = first, err, true
	return s, nil
}

// noStream makes the error of an answer that is no stream of events.
func (c *Client) noStream(ctx context.Context, ans wire.Answer, w *wire.Watch) *upstream.Error {
	raw, failure := c.answer(ctx, ans, w)
	if failure != nil {
		return failure
	}
	if e := c.Inside(ans.Call, ans.Header, raw); e != nil {
		return e
	}
	return wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, errors.New("a 200 that is no stream of events"))
}

// object is the part of an answer or a chunk that goes on to the caller. Its
// fields are spans of the upstream's bytes.
type object struct {
	id, created, choices, usage []byte
	failed                      bool // it has an error
}

// readChat takes an object apart; raw must be valid JSON.
func readChat(raw []byte) object {
	var o object
	for key, value := range rawjson.Fields(raw) {
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
			o.failed = !rawjson.IsNull(value)
		}
	}
	return o
}

// rewrite makes OpenAI's object of the upstream's.
func (c *Client) rewrite(ans wire.Answer, raw []byte, r upstream.ChatRequest) (json.RawMessage, *upstream.Error) {
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return nil, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("an empty 200"))
	case !json.Valid(raw):
		return nil, wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, errors.New("a 200 that is not JSON"))
	}
	in := readChat(raw)
	if in.failed {
		return nil, c.errorInside(ans, raw)
	}
	if !rawjson.HasElement(in.choices) {
		return nil, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("a 200 without choices"))
	}
	o := rawjson.NewObject(len(raw) + len(r.Public) + 256)
	writeHead(o, in, "chat.completion", rawjson.AppendString(nil, r.Public), c.Now())
	o.Key("choices")
	writeChoices(o, in.choices)
	if rawjson.IsNull(in.usage) {
		writeUsage(o, CountMessages(r.Body["messages"]), countChoices(in.choices))
	} else {
		o.Raw("usage", in.usage)
	}
	return o.Done(), nil
}

func (c *Client) errorInside(ans wire.Answer, raw []byte) *upstream.Error {
	if e := c.Inside(ans.Call, ans.Header, raw); e != nil {
		return e
	}
	return wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, errors.New("an error without a code"))
}

// writeHead writes the first fields of an answer or a chunk.
func writeHead(o *rawjson.Object, in object, kind string, model []byte, now time.Time) {
	if rawjson.IsNull(in.id) {
		o.Str("id", "chatcmpl-"+fmt.Sprintf("%x", now.UnixNano()))
	} else {
		o.Raw("id", in.id)
	}
	o.Key("object").Text(`"` + kind + `"`)
	if rawjson.IsNull(in.created) {
		o.Int("created", now.Unix())
	} else {
		o.Raw("created", in.created)
	}
	o.Raw("model", model)
}

// writeChoices copies the choices but for logprobs that are null.
func writeChoices(o *rawjson.Object, choices []byte) (finished bool) {
	o.Text("[")
	first := true
	for choice := range rawjson.Elements(choices) {
		if !first {
			o.Text(",")
		}
		first = false
		finished = writeChoice(o, choice) || finished
	}
	o.Text("]")
	return finished
}

func writeChoice(o *rawjson.Object, choice []byte) (finished bool) {
	o.Text("{")
	for key, value := range rawjson.Fields(choice) {
		null := rawjson.IsNull(value)
		switch {
		case null && string(key) == "logprobs":
			continue
		case !null && string(key) == "finish_reason":
			finished = true
		}
		o.Span(key, value)
	}
	o.Text("}")
	return finished
}

func writeUsage(o *rawjson.Object, prompt, completion int64) {
	o.Key("usage").Text("{")
	o.Int("prompt_tokens", prompt)
	o.Int("completion_tokens", completion)
	o.Int("total_tokens", prompt+completion)
	o.Text("}")
}
