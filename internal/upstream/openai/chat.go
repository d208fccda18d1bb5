package openai

import (
	"context"
	"net/http"
	"slices"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/chat"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Chat implements [upstream.Driver].
func (d *Driver) Chat(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatAnswer, error) {
	c, refusal := d.chatCall(a, r, false)
	if refusal != nil {
		return upstream.ChatAnswer{}, refusal
	}
	answer, failure := d.chats().Whole(ctx, c, r)
	if failure != nil {
		return upstream.ChatAnswer{}, failure
	}
	return answer, nil
}

// ChatStream implements [upstream.Driver].
func (d *Driver) ChatStream(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatStream, error) {
	c, refusal := d.chatCall(a, r, true)
	if refusal != nil {
		return nil, refusal
	}
	s, failure := d.chats().Stream(ctx, c, r)
	if failure != nil {
		return nil, failure
	}
	return s, nil
}

func (d *Driver) chats() *chat.Client {
	return &chat.Client{
		HeaderTimeout: d.cfg.ChatHeaderTimeout, IdleTimeout: d.cfg.ChatIdleTimeout,
		Now: d.now, Refusal: d.refusal, Inside: d.errorInside,
	}
}

func (d *Driver) chatCall(a account.Account, r upstream.ChatRequest, stream bool) (wire.Call, *upstream.Error) {
	if !wire.Usable(a.Secret) {
		return wire.Call{}, wire.BadCredential()
	}
	if !d.cfg.Chat {
		return wire.Call{}, unable("This model cannot be used for chat.", "model")
	}
	body, refusal := chatBody(r, stream)
	if refusal != nil {
		return wire.Call{}, refusal
	}
	accept := "application/json"
	if stream {
		accept = "text/event-stream"
	}
	return wire.Call{
		Op: wire.Chat, Method: http.MethodPost, URL: d.base + "/chat/completions",
		Secret: a.Secret, Body: body, Accept: accept, Via: d.pooled, Rewind: true,
	}, nil
}

// chatFields are the fields of OpenAI's chat request that go through as the
// caller wrote them. The others are written by chatBody or dropped; store and
// metadata among them, since what is kept at the upstream is not the caller's to
// say.
func chatFields() []string {
	return []string{
		"max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "seed", "n",
		"frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "logit_bias",
		"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "response_format",
		"reasoning_effort", "verbosity", "modalities", "audio", "prediction", "web_search_options", "user",
	}
}

// chatBody writes the upstream's request from the caller's.
func chatBody(r upstream.ChatRequest, stream bool) ([]byte, *upstream.Error) {
	messages := r.Body["messages"]
	if !rawjson.HasElement(messages) {
		return nil, wire.Refused(fault.New(fault.Invalid, "messages must be a list of at least one message.").WithParam("messages"))
	}
	size := 1 << 10
	for _, v := range r.Body {
		size += len(v)
	}
	o := rawjson.NewObject(size)
	o.Str("model", r.Model)
	o.Raw("messages", messages)
	for _, name := range chatFields() {
		if v := r.Body[name]; !rawjson.IsNull(v) {
			o.Raw(name, v)
		}
	}
	if stream {
		o.Bool("stream", true)
	}
	if stream && r.IncludeUsage {
		o.Raw("stream_options", []byte(`{"include_usage":true}`))
	}
	return o.Done(), nil
}

// chatField lets through the fields of a chat request: there the caller's names
// are the upstream's.
func chatField(name string) string {
	if name == "model" || name == "messages" || slices.Contains(chatFields(), name) {
		return name
	}
	return ""
}
