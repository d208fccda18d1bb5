package tintype

import (
	"encoding/json"
	"strings"
)

// Chunk is one piece of a streamed answer. A stream of media says its progress
// in chunks without text, then the markdown in one chunk, the links in a chunk
// of their own and "stop" in the last.
type Chunk struct {
	ID      string        `json:"id"`     // of media: the job's id
	Object  string        `json:"object"` // ObjectChunk
	Created int64         `json:"created"`
	Model   string        `json:"model"`
	Choices []ChunkChoice `json:"choices"`         // empty in a chat's chunk of usage; never null
	Usage   *Usage        `json:"usage,omitempty"` // of chat, in its last chunk, if asked for

	// Progress is set in the chunks of a media stream that are about
	// waiting, else nil.
	Progress *Progress `json:"progress,omitempty"`

	// Seq is the number of the job's event that this chunk tells, from the
	// "id:" line. Zero for chat and for chunks that are no event.
	Seq int64 `json:"-"`
}

// ChunkChoice is a piece of one alternative; there is one, of index 0.
type ChunkChoice struct {
	Index        int     `json:"index"`
	Delta        Delta   `json:"delta"`
	FinishReason *string `json:"finish_reason"` // nil until the last piece
}

// Delta is what a chunk adds to the message.
type Delta struct {
	Role             string  `json:"role,omitempty"`
	Content          *string `json:"content,omitempty"` // nil: none; "" is a heartbeat
	ReasoningContent string  `json:"reasoning_content,omitempty"`
	Images           Links   `json:"images,omitempty"`
	Videos           []Video `json:"videos,omitempty"`

	// ToolCalls is the upstream's list, as it came; nil if there is none.
	ToolCalls json.RawMessage `json:"tool_calls,omitempty"`
}

// Progress says how far a job has come.
type Progress struct {
	Phase      Phase `json:"phase"`
	Percent    int   `json:"percent"`     // 0 to 100, by milestones
	Position   *int  `json:"position"`    // jobs ahead of this one; nil outside of the line
	ETASeconds *int  `json:"eta_seconds"` // until the result, whole seconds; nil if unknown
}

// Text is what the chunk adds to the message's text, often "".
func (c Chunk) Text() string {
	var b strings.Builder
	for i := range c.Choices {
		if p := c.Choices[i].Delta.Content; p != nil {
			b.WriteString(*p)
		}
	}
	return b.String()
}

// Images are the links to images that the chunk adds, often none.
func (c Chunk) Images() []string {
	var all []string
	for i := range c.Choices {
		all = append(all, c.Choices[i].Delta.Images...)
	}
	return all
}

// Videos are the films that the chunk adds, often none.
func (c Chunk) Videos() []Video {
	var all []Video
	for i := range c.Choices {
		all = append(all, c.Choices[i].Delta.Videos...)
	}
	return all
}

// MarshalJSON writes nil Choices as an empty list: some readers fail on a chunk
// whose choices are null.
func (c Chunk) MarshalJSON() ([]byte, error) {
	type plain Chunk
	if c.Choices == nil {
		c.Choices = []ChunkChoice{}
	}
	return json.Marshal(plain(c))
}
