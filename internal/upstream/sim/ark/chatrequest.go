package ark

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

type chatRequest struct {
	Model               string          `json:"model"`
	Messages            []message       `json:"messages"`
	Stream              bool            `json:"stream"`
	StreamOptions       *streamOptions  `json:"stream_options"`
	MaxTokens           *int            `json:"max_tokens"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	Temperature         *float64        `json:"temperature"`
	TopP                *float64        `json:"top_p"`
	Stop                stringOrList    `json:"stop"`
	FrequencyPenalty    *float64        `json:"frequency_penalty"`
	PresencePenalty     *float64        `json:"presence_penalty"`
	Logprobs            *bool           `json:"logprobs"`
	TopLogprobs         *int            `json:"top_logprobs"`
	LogitBias           map[string]int  `json:"logit_bias"`
	Tools               []any           `json:"tools"`
	ToolChoice          any             `json:"tool_choice"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls"`
	ResponseFormat      *responseFormat `json:"response_format"`
	Thinking            *thinking       `json:"thinking"`
	ReasoningEffort     *string         `json:"reasoning_effort"`
	ServiceTier         *string         `json:"service_tier"`
	User                string          `json:"user"`
	N                   *int            `json:"n"`
}

type streamOptions struct {
	IncludeUsage      bool `json:"include_usage"`
	ChunkIncludeUsage bool `json:"chunk_include_usage"`
}

type thinking struct {
	Type string `json:"type"`
}

type responseFormat struct {
	Type       string `json:"type"`
	JSONSchema any    `json:"json_schema"`
}

type message struct {
	Role             string   `json:"role"`
	Content          contents `json:"content"`
	Name             string   `json:"name"`
	ReasoningContent string   `json:"reasoning_content"`
	EncryptedContent string   `json:"encrypted_content"`
	ToolCalls        []any    `json:"tool_calls"`
	ToolCallID       string   `json:"tool_call_id"`
}

// contents is a string, or a list of parts.
type contents []chatPart

// UnmarshalJSON reads both forms.
func (c *contents) UnmarshalJSON(data []byte) error {
	var text string
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	if json.Unmarshal(data, &text) == nil {
		*c = contents{{Type: "text", Text: text}}
		return nil
	}
	var parts []chatPart
	if err := strictly(data, &parts); err != nil {
		return err
	}
	*c = parts
	return nil
}

type chatPart struct {
	Type       string     `json:"type"`
	Text       string     `json:"text"`
	ImageURL   *chatImage `json:"image_url"`
	VideoURL   any        `json:"video_url"`
	InputAudio any        `json:"input_audio"`
	File       any        `json:"file"`
}

type chatImage struct {
	URL             string `json:"url"`
	FileID          string `json:"file_id"`
	Detail          string `json:"detail"`
	ImagePixelLimit *struct {
		MinPixels int `json:"min_pixels"`
		MaxPixels int `json:"max_pixels"`
	} `json:"image_pixel_limit"`
}

// stringOrList is a JSON string or an array of them.
type stringOrList []string

// UnmarshalJSON reads both forms.
func (s *stringOrList) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*s = stringOrList{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(s))
}

// lastUser is the text of the last message of the user, which is what the
// answer is about and where tags are looked for.
func (r *chatRequest) lastUser() string {
	for _, m := range slices.Backward(r.Messages) {
		if m.Role == "user" {
			return m.text()
		}
	}
	return ""
}

func (m message) text() string {
	var texts []string
	for _, p := range m.Content {
		if p.Type == "text" {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// check finds the first thing that Ark would refuse.
func (r *chatRequest) check(m model) *problem {
	for _, f := range []func(model) *problem{r.checkMessages, r.checkNumbers, r.checkChoices} {
		if bad := f(m); bad != nil {
			return bad
		}
	}
	return nil
}

func (r *chatRequest) checkMessages(model) *problem {
	if len(r.Messages) == 0 {
		return missing("messages")
	}
	for i, m := range r.Messages {
		if !slices.Contains([]string{"system", "user", "assistant", "tool"}, m.Role) {
			return &problem{
				Status: 400, Code: "InvalidParameter", Type: "BadRequest",
				Message: "The parameter `messages.role` specified in the request are not valid: invalid value: `" + m.Role +
					"`, supported values are: `system`, `assistant`, `user`, `tool`.",
			}
		}
		if len(m.Content) == 0 && m.Role != "assistant" {
			return missing("messages.content")
		}
		for j, part := range m.Content {
			if bad := part.check(fmt.Sprintf("messages[%d].content[%d]", i, j)); bad != nil {
				return bad
			}
		}
	}
	return nil
}

func (c chatPart) check(at string) *problem {
	present := map[string]bool{
		"text": true, "image_url": c.ImageURL != nil, "video_url": c.VideoURL != nil,
		"input_audio": c.InputAudio != nil, "file": c.File != nil,
	}
	has, known := present[c.Type]
	if !known {
		return invalid(at+".type", "invalid value: `%s`, supported values are: `text`, `image_url`, `video_url`, `input_audio`, `file`", c.Type)
	}
	if !has {
		return missing(at + "." + c.Type)
	}
	if c.ImageURL == nil {
		return nil
	}
	if c.ImageURL.URL == "" && c.ImageURL.FileID == "" {
		return &problem{
			Status: 400, Code: "InvalidImageURL.EmptyURL", Param: at + ".image_url.url", Type: "BadRequest",
			Message: "The request failed because the image URL `" + at + ".image_url.url` is empty.",
		}
	}
	return oneOf(at+".image_url.detail", c.ImageURL.Detail, "", "auto", "low", "high", "xhigh")
}

func (r *chatRequest) checkNumbers(m model) *problem {
	if r.MaxTokens != nil && r.MaxCompletionTokens != nil {
		return invalid("max_tokens", "max_tokens and max_completion_tokens cannot be set at the same time")
	}
	for _, f := range []struct {
		name     string
		value    *float64
		min, max float64
	}{
		{"max_tokens", float(r.MaxTokens), 1, 65536},
		{"max_completion_tokens", float(r.MaxCompletionTokens), 1, 65536},
		{"temperature", r.Temperature, 0, 2},
		{"top_p", r.TopP, 0, 1},
		{"frequency_penalty", r.FrequencyPenalty, -2, 2},
		{"presence_penalty", r.PresencePenalty, -2, 2},
		{"top_logprobs", float(r.TopLogprobs), 0, 20},
		{"n", float(r.N), 1, 1},
	} {
		if f.value != nil && (*f.value < f.min || *f.value > f.max) {
			return invalid(f.name, "the value must be between %v and %v", f.min, f.max)
		}
	}
	if len(r.Stop) > 4 {
		return invalid("stop", "at most 4 sequences are supported")
	}
	if (r.FrequencyPenalty != nil || r.PresencePenalty != nil) && newChat(m) {
		return unsupported("frequency_penalty", m.id)
	}
	return nil
}

// newChat tells whether a model is of those that dropped the penalties.
func newChat(m model) bool {
	base := vendor.ReplaceAllString(m.id, "")
	return strings.HasPrefix(base, "seed-1-8") || strings.HasPrefix(base, "seed-2-")
}

func float(n *int) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

func (r *chatRequest) checkChoices(m model) *problem {
	if r.StreamOptions != nil && !r.Stream {
		return invalid("stream_options", "it can only be set when stream is true")
	}
	if r.Thinking != nil {
		if bad := oneOf("thinking.type", r.Thinking.Type, "enabled", "disabled", "auto"); bad != nil {
			return bad
		}
		if !m.chat.thinks && r.Thinking.Type != "disabled" {
			return unsupported("thinking.type", m.id)
		}
	}
	if len(r.Stop) > 0 && r.thinks(m) {
		return unsupported("stop", m.id)
	}
	if r.ReasoningEffort != nil {
		if bad := oneOf("reasoning_effort", *r.ReasoningEffort, "minimal", "low", "medium", "high", "max"); bad != nil {
			return bad
		}
	}
	if r.ServiceTier != nil {
		if bad := oneOf("service_tier", *r.ServiceTier, "auto", "default", "fast"); bad != nil {
			return bad
		}
	}
	if r.ResponseFormat != nil {
		return oneOf("response_format.type", r.ResponseFormat.Type, "text", "json_object", "json_schema")
	}
	return nil
}

// thinks tells whether the answer comes with its reasoning.
func (r *chatRequest) thinks(m model) bool {
	if r.Thinking != nil {
		return r.Thinking.Type != "disabled"
	}
	return m.chat.thinks
}

// oneOf refuses a value outside of a list.
func oneOf(param, value string, allowed ...string) *problem {
	if slices.Contains(allowed, value) {
		return nil
	}
	var quoted []string
	for _, a := range allowed {
		if a != "" {
			quoted = append(quoted, "`"+a+"`")
		}
	}
	return invalid(param, "invalid value: `%s`, supported values are: %s", value, strings.Join(quoted, ", "))
}
