package tintype

import (
	"encoding/json"
	"maps"
)

// ChatRequest asks for a chat answer: POST /v1/chat/completions. The fields
// here are the usual ones; what else the upstream knows goes into Extra.
type ChatRequest struct {
	Model    string        `json:"model,omitempty"` // empty: the server's default for chat
	Messages []ChatMessage `json:"messages"`        // required, oldest first

	Temperature *float64 `json:"temperature,omitempty"` // nil: the upstream's default
	TopP        *float64 `json:"top_p,omitempty"`       // nil: the upstream's default
	MaxTokens   int      `json:"max_tokens,omitempty"`  // zero: the upstream's limit
	Stop        []string `json:"stop,omitempty"`

	// Stream asks for chunks instead of one answer. The client's methods set
	// it themselves, whatever it was.
	Stream bool `json:"stream,omitempty"`

	// StreamOptions applies to streams. Nil: no chunk of usage.
	StreamOptions *StreamOptions `json:"stream_options,omitempty"`

	// Extra holds further fields of the body ("tools", "response_format", …).
	// It does not replace the fields above.
	Extra map[string]any `json:"-"`
}

// StreamOptions says what a stream tells beside the text.
type StreamOptions struct {
	IncludeUsage bool `json:"include_usage"` // the last chunk has Usage and no choices
}

// MarshalJSON writes the fields and Extra into one object.
func (r ChatRequest) MarshalJSON() ([]byte, error) {
	type plain ChatRequest
	own, err := json.Marshal(plain(r))
	if err != nil || len(r.Extra) == 0 {
		return own, err
	}
	body := maps.Clone(r.Extra)
	if err := json.Unmarshal(own, &body); err != nil {
		return nil, err
	}
	return json.Marshal(body)
}

// ChatMessage is one message of a chat. Its content is a text, or parts if
// there are any.
type ChatMessage struct {
	Role    string        `json:"role"` // "system", "user", "assistant", "tool"
	Content string        `json:"-"`    // "" in an answer that only calls tools
	Parts   []ContentPart `json:"-"`    // instead of Content: text and images

	Name             string          `json:"name,omitempty"`
	ReasoningContent string          `json:"reasoning_content,omitempty"` // of models that think aloud
	ToolCallID       string          `json:"tool_call_id,omitempty"`
	ToolCalls        json.RawMessage `json:"tool_calls,omitempty"` // as it came; nil if there are none
}

// ContentPart is a piece of a message. Make one with [TextPart] or [ImagePart].
type ContentPart struct {
	Type     string    `json:"type"` // "text" or "image_url"
	Text     string    `json:"text,omitempty"`
	ImageURL *ImageURL `json:"image_url,omitempty"`
}

// ImageURL points to an image.
type ImageURL struct {
	URL string `json:"url"` // http(s) or a data URI
}

// TextPart is a part that says text.
func TextPart(text string) ContentPart { return ContentPart{Type: "text", Text: text} }

// ImagePart is a part that shows the image at an http(s) URL or in a data URI.
func ImagePart(url string) ContentPart {
	return ContentPart{Type: "image_url", ImageURL: &ImageURL{URL: url}}
}

// UserMessage is a message of the user, in words.
func UserMessage(text string) ChatMessage { return ChatMessage{Role: "user", Content: text} }

// plainMessage is a ChatMessage without its methods.
type plainMessage ChatMessage

// MarshalJSON writes Parts as the content if there are any, else Content.
func (m ChatMessage) MarshalJSON() ([]byte, error) {
	var content any = m.Content
	if len(m.Parts) > 0 {
		content = m.Parts
	}
	return json.Marshal(struct {
		plainMessage
		Content any `json:"content"`
	}{plainMessage(m), content})
}

// UnmarshalJSON reads content that is a string, a list of parts or null.
func (m *ChatMessage) UnmarshalJSON(b []byte) error {
	var wire struct {
		plainMessage
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		return err
	}
	*m = ChatMessage(wire.plainMessage)
	if len(wire.Content) == 0 {
		return nil
	}
	if wire.Content[0] == '[' {
		return json.Unmarshal(wire.Content, &m.Parts)
	}
	return json.Unmarshal(wire.Content, &m.Content)
}

// ChatResponse is the answer to a ChatRequest.
type ChatResponse struct {
	ID      string       `json:"id"`
	Model   string       `json:"model"`
	Object  string       `json:"object"` // ObjectCompletion
	Choices []ChatChoice `json:"choices"`
	Usage   Usage        `json:"usage"`
	Created int64        `json:"created"` // unix seconds
}

// Text is the first choice's text, "" if there is none.
func (r *ChatResponse) Text() string {
	if len(r.Choices) == 0 {
		return ""
	}
	return r.Choices[0].Message.Content
}

// ChatChoice is one alternative of a ChatResponse.
type ChatChoice struct {
	Index        int         `json:"index"`
	Message      ChatMessage `json:"message"`
	FinishReason string      `json:"finish_reason"` // "stop", "length", "tool_calls", "content_filter"
}

// Usage counts the tokens of a chat.
type Usage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	TotalTokens      int64 `json:"total_tokens"`
}
