package openai

import (
	"context"
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
	return d.chats().Whole(ctx, a, r)
}

// ChatStream implements [upstream.Driver].
func (d *Driver) ChatStream(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatStream, error) {
	return d.chats().Stream(ctx, a, r)
}

func (d *Driver) chats() *chat.Client {
	return &chat.Client{
		HeaderTimeout: d.cfg.ChatHeaderTimeout, IdleTimeout: d.cfg.ChatIdleTimeout, Now: d.now,
		URL: d.base + "/chat/completions", Via: d.pooled, Body: d.chatBody, Refusal: d.refusal, Inside: d.errorInside,
	}
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
func (d *Driver) chatBody(r upstream.ChatRequest, stream bool) ([]byte, *upstream.Error) {
	if !d.cfg.Chat {
		return nil, unable("This model cannot be used for chat.", "model")
	}
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
