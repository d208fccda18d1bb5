package openai

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/say"
)

// chatRequest is the body of a chat, as far as the simulator acts upon it. The
// other fields are known by their names.
type chatRequest struct {
	Model         string    `json:"model"`
	Messages      []message `json:"messages"`
	Stream        bool      `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	chatSettings
}

// chatSettings change nothing about a simulated answer.
type chatSettings struct {
	MaxTokens           json.RawMessage `json:"max_tokens"`
	MaxCompletionTokens json.RawMessage `json:"max_completion_tokens"`
	Temperature         json.RawMessage `json:"temperature"`
	TopP                json.RawMessage `json:"top_p"`
	Stop                json.RawMessage `json:"stop"`
	Seed                json.RawMessage `json:"seed"`
	N                   json.RawMessage `json:"n"`
	FrequencyPenalty    json.RawMessage `json:"frequency_penalty"`
	PresencePenalty     json.RawMessage `json:"presence_penalty"`
	Logprobs            json.RawMessage `json:"logprobs"`
	TopLogprobs         json.RawMessage `json:"top_logprobs"`
	LogitBias           json.RawMessage `json:"logit_bias"`
	Tools               json.RawMessage `json:"tools"`
	ToolChoice          json.RawMessage `json:"tool_choice"`
	ParallelToolCalls   json.RawMessage `json:"parallel_tool_calls"`
	ResponseFormat      json.RawMessage `json:"response_format"`
	ReasoningEffort     json.RawMessage `json:"reasoning_effort"`
	User                json.RawMessage `json:"user"`
}

type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
	Name    string          `json:"name"`
}

// text is what a message says, its pictures left out.
func (m message) text() string {
	var s string
	if json.Unmarshal(m.Content, &s) == nil {
		return s
	}
	var parts []struct{ Text string }
	_ = json.Unmarshal(m.Content, &parts) // then it says nothing
	var all []string
	for _, p := range parts {
		all = append(all, p.Text)
	}
	return strings.Join(all, " ")
}

// talk is one chat: what was asked and what is answered.
type talk struct {
	chatRequest
	id      string
	created int64
	pieces  []string
	usage   map[string]int
}

// chat answers POST /chat/completions.
func (p *Protocol) chat(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	c.Entry.Kind = "chat"
	t := &talk{id: newID("chatcmpl-"), created: p.desk.Clock.Now().Unix()}
	if bad := decode(c.Body, &t.chatRequest); bad != nil {
		return faults.Answer{}, bad
	}
	if len(t.Messages) == 0 {
		return faults.Answer{}, missing("messages")
	}
	c.Entry.Prompt = t.Messages[len(t.Messages)-1].text()
	bad := p.mayUse(c, t.Model)
	if bad == nil {
		_, bad = p.begin(ctx, c, faults.Chat, c.Entry.Prompt)
	}
	if bad != nil {
		return faults.Answer{}, bad
	}
	if !c.Holder.Take("chat "+t.Model, 1, c.Holder.ChatRPM, p.desk.Clock.Now()) {
		return faults.Answer{}, tooMany("")
	}
	p.desk.Accepted(c, 1)
	if bad := lie(c); bad != nil {
		return faults.Answer{}, bad
	}
	if f, ok := c.Set.Get(faults.Ready); ok && clock.Sleep(ctx, p.desk.Clock, f.Duration(0)) != nil {
		return faults.Answer{}, internalError() // nobody reads it: the caller has gone
	}
	t.compose(c)
	if !t.Stream || c.Spoilt() {
		return jsonAnswer(t.whole())
	}
	p.desk.Stream(ctx, c, t.chunks(p.desk.ChunkDelay), internalError().envelope())
	return faults.Answer{Status: 200}, nil
}

// compose writes the answer.
func (t *talk) compose(c *desk.Call) {
	text := say.Reply(c.Entry.Prompt, t.Model, nil)
	if f, ok := c.Set.Get(faults.Chunks); ok {
		text = strings.TrimSpace(strings.Repeat("word ", f.Int(1)))
	}
	t.pieces = say.Pieces(text)
	asked := 0
	for _, m := range t.Messages {
		asked += 4 + say.Tokens([]string{m.text()})
	}
	said := say.Tokens(t.pieces)
	t.usage = map[string]int{"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
}

func (t *talk) object(kind string, choices []any) map[string]any {
	return map[string]any{
		"id": t.id, "object": kind, "created": t.created, "model": t.Model,
		"service_tier": "default", "system_fingerprint": "fp_sim", "choices": choices,
	}
}

func (t *talk) whole() any {
	o := t.object("chat.completion", []any{map[string]any{
		"index": 0, "logprobs": nil, "finish_reason": "stop",
		"message": map[string]any{"role": "assistant", "content": strings.Join(t.pieces, ""), "refusal": nil},
	}})
	o["usage"] = t.usage
	return o
}

// chunks are the events of the streamed answer. With usage asked for, each has
// the field, null but in the last.
func (t *talk) chunks(delay time.Duration) []desk.Event {
	counted := t.StreamOptions != nil && t.StreamOptions.IncludeUsage
	var out []desk.Event
	add := func(choices []any, usage any) {
		o := t.object("chat.completion.chunk", choices)
		if counted {
			o["usage"] = usage
		}
		out = append(out, desk.Event{After: delay, Data: func() any { return o }})
	}
	choice := func(delta map[string]string, finish any) []any {
		return []any{map[string]any{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": finish}}
	}
	add(choice(map[string]string{"role": "assistant", "content": ""}, nil), nil)
	for _, s := range t.pieces {
		add(choice(map[string]string{"content": s}, nil), nil)
	}
	add(choice(map[string]string{}, "stop"), nil)
	if counted {
		add([]any{}, t.usage)
	}
	return out
}
