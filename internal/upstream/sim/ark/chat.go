package ark

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
	"github.com/tintypehq/tintype/internal/upstream/sim/say"
)

type chatResponse struct {
	Choices     []choice   `json:"choices"`
	Created     int64      `json:"created"`
	ID          string     `json:"id"`
	Model       string     `json:"model"`
	ServiceTier string     `json:"service_tier"`
	Object      string     `json:"object"`
	Usage       *chatUsage `json:"usage"`
}

type choice struct {
	FinishReason string      `json:"finish_reason,omitempty"`
	Index        int         `json:"index"`
	Logprobs     *struct{}   `json:"logprobs"`
	Message      *answerText `json:"message,omitempty"`
	Delta        *answerText `json:"delta,omitempty"`
}

type answerText struct {
	Content          string `json:"content"`
	ReasoningContent string `json:"reasoning_content,omitempty"`
	Role             string `json:"role"`
}

type chatUsage struct {
	CompletionTokens    int `json:"completion_tokens"`
	PromptTokens        int `json:"prompt_tokens"`
	TotalTokens         int `json:"total_tokens"`
	PromptTokensDetails struct {
		CachedTokens int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionTokensDetails struct {
		ReasoningTokens int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// talk is one chat: what was asked and what will be answered.
type talk struct {
	req       chatRequest
	model     model
	created   int64
	id        string
	reasoning []string // in pieces, as they are streamed
	answer    []string
	finish    string
	usage     chatUsage
}

// chat answers POST /chat/completions.
func (p *Protocol) chat(ctx context.Context, c *call) (faults.Answer, *problem) {
	c.Entry.Kind = ledger.Chat
	t := &talk{id: c.RequestID, created: p.cfg.Clock.Now().Unix()}
	if bad := decode(c.Body, &t.req); bad != nil {
		return faults.Answer{}, bad
	}
	c.Entry.Prompt = t.req.lastUser()
	var bad *problem
	if t.model, bad = p.mayUse(c, t.req.Model, chatModel); bad != nil {
		return faults.Answer{}, bad
	}
	if bad := t.req.check(t.model); bad != nil {
		return faults.Answer{}, bad
	}
	seen, bad := p.lookAt(ctx, &t.req)
	if bad != nil {
		return faults.Answer{}, bad
	}
	if _, bad := p.begin(ctx, c, faults.Chat, c.Entry.Prompt); bad != nil {
		return faults.Answer{}, bad
	}
	if !c.Holder.Take("chat "+t.model.id, 1, c.Holder.ChatRPM, p.cfg.Clock.Now()) {
		return faults.Answer{}, modelLimit("ModelAccountRpmRateLimitExceeded", "requests per minute (RPM)")
	}
	p.cfg.Accepted(c, 1)
	t.compose(seen, c.Set)
	if bad := lie(c); bad != nil {
		return faults.Answer{}, bad
	}
	if f, ok := c.Set.Get(faults.Ready); ok && clock.Sleep(ctx, p.cfg.Clock, f.Duration(0)) != nil {
		return faults.Answer{}, internalError() // nobody reads it: the caller has gone
	}
	if !t.req.Stream || c.Spoilt() {
		return jsonAnswer(t.whole())
	}
	p.cfg.Stream(ctx, c, t.chunks(p.cfg.ChunkDelay), envelope{Error: internalError().withID(c.RequestID)})
	return faults.Answer{Status: 200}, nil
}

// lookAt checks every picture of the conversation and describes those of the
// last message.
func (p *Protocol) lookAt(ctx context.Context, req *chatRequest) ([]string, *problem) {
	var seen []string
	for i, m := range req.Messages {
		seen = nil
		for j, part := range m.Content {
			if part.ImageURL == nil || part.ImageURL.URL == "" {
				continue
			}
			at := fmt.Sprintf("messages[%d].content[%d].image_url.url", i, j)
			pic, bad := p.picture(ctx, part.ImageURL.URL, chatPictures(at))
			if bad != nil {
				return nil, bad
			}
			seen = append(seen, fmt.Sprintf("%d x %d pixels (%s)", pic.width, pic.height, pic.format))
		}
	}
	return seen, nil
}

// compose writes the answer. The same question always gets the same one.
func (t *talk) compose(seen []string, set faults.Set) {
	question := t.req.lastUser()
	text := say.Reply(question, t.model.id, seen)
	if f, ok := set.Get(faults.Chunks); ok {
		text = strings.TrimSpace(strings.Repeat("word ", f.Int(1)))
	}
	if t.req.ResponseFormat != nil && t.req.ResponseFormat.Type != "text" {
		object, _ := json.Marshal(map[string]string{"answer": text}) // a string can always be marshaled
		text = string(object)
	}
	t.answer, t.finish = say.Pieces(text), "stop"
	if t.req.thinks(t.model) {
		t.reasoning = say.Pieces(fmt.Sprintf("The user wrote %d characters. I will say that I am a simulator and repeat what was asked.", len([]rune(question))))
	}
	t.limit()
	t.count()
}

// limit cuts the answer to the length that the caller allows.
func (t *talk) limit() {
	most := -1
	if t.req.MaxTokens != nil {
		most = *t.req.MaxTokens
	}
	if n := t.req.MaxCompletionTokens; n != nil {
		most = max(0, *n-say.Tokens(t.reasoning))
	}
	for most >= 0 && say.Tokens(t.answer) > most && len(t.answer) > 0 {
		t.answer, t.finish = t.answer[:len(t.answer)-1], "length"
	}
}

func (t *talk) count() {
	u := &t.usage
	for _, m := range t.req.Messages {
		u.PromptTokens += 4 + say.Tokens([]string{m.text()})
		for _, part := range m.Content {
			if part.ImageURL != nil {
				u.PromptTokens += 1024
			}
		}
	}
	u.CompletionTokensDetails.ReasoningTokens = say.Tokens(t.reasoning)
	u.CompletionTokens = say.Tokens(t.answer) + u.CompletionTokensDetails.ReasoningTokens
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
}

func (t *talk) whole() chatResponse {
	return chatResponse{
		Choices: []choice{{FinishReason: t.finish, Message: &answerText{
			Content: strings.Join(t.answer, ""), ReasoningContent: strings.Join(t.reasoning, ""), Role: "assistant",
		}}},
		Created: t.created, ID: t.id, Model: t.model.id, ServiceTier: "default", Object: "chat.completion", Usage: &t.usage,
	}
}

// chunks are the events of the streamed answer.
func (t *talk) chunks(delay time.Duration) []desk.Event {
	var out []desk.Event
	add := func(text answerText, finish string) {
		text.Role = "assistant"
		out = append(out, t.chunk([]choice{{Delta: &text, FinishReason: finish}}, delay))
	}
	for _, s := range t.reasoning {
		add(answerText{ReasoningContent: s}, "")
	}
	for _, s := range t.answer {
		add(answerText{Content: s}, "")
	}
	add(answerText{}, t.finish)
	if t.req.StreamOptions != nil && t.req.StreamOptions.IncludeUsage {
		e := t.chunk([]choice{}, 0)
		e.Data = func() any { return t.chunkBody([]choice{}, &t.usage) }
		out = append(out, e)
	}
	return out
}

func (t *talk) chunk(choices []choice, delay time.Duration) desk.Event {
	var usage *chatUsage
	if t.req.StreamOptions != nil && t.req.StreamOptions.ChunkIncludeUsage {
		usage = &t.usage
	}
	return desk.Event{After: delay, Data: func() any { return t.chunkBody(choices, usage) }}
}

func (t *talk) chunkBody(choices []choice, usage *chatUsage) chatResponse {
	return chatResponse{
		Choices: choices, Created: t.created, ID: t.id, Model: t.model.id,
		ServiceTier: "default", Object: "chat.completion.chunk", Usage: usage,
	}
}
