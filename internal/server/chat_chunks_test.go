package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/server"
)

// spoken is a chunk as a reader of streams sees it.
type spoken struct {
	ID      string          `json:"id"`
	Usage   json.RawMessage `json:"usage"`
	Choices []struct {
		Index  *int    `json:"index"`
		Finish *string `json:"finish_reason"`
		Delta  struct {
			Role, Content string
			Reasoning     string `json:"reasoning_content"`
		} `json:"delta"`
	} `json:"choices"`
}

// TestLongChunks: every line is under 64 KiB, and together they say the same.
func TestLongChunks(t *testing.T) {
	t.Parallel()
	long := map[string]string{
		"ascii": strings.Repeat("a", 200_000), "chinese": strings.Repeat("字", 50_000), "emoji": strings.Repeat("x😀", 40_000),
		"quotes": strings.Repeat(`"\`, 60_000), "control": strings.Repeat("\x01\n", 30_000), "separators": strings.Repeat("\u2028", 40_000),
	}
	for name, text := range long {
		for _, thought := range []string{"", text} {
			quotedText, _ := json.Marshal(text)
			quotedThought, _ := json.Marshal(thought)
			chunk := `{"id":"1","object":"chat.completion.chunk","usage":{"total_tokens":7},"choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":` +
				string(quotedThought) + `,"content":` + string(quotedText) + `},"finish_reason":"stop"}]}`
			checkPieces(t, name, server.SplitChunk(chunk), text, thought)
		}
	}
}

func checkPieces(t *testing.T, name string, pieces []string, text, thought string) {
	t.Helper()
	var said, thoughts strings.Builder
	for i, piece := range pieces {
		var c spoken
		if err := json.Unmarshal([]byte(piece), &c); err != nil || len(c.Choices) != 1 || c.Choices[0].Index == nil || c.ID != "1" {
			t.Fatalf("%s: piece %.200s: %v", name, piece, err)
		}
		one, last := c.Choices[0], i == len(pieces)-1
		if len("data: ")+len(piece) >= 64<<10 || strings.Contains(piece, "\n") {
			t.Errorf("%s: a line of %d bytes", name, len(piece))
		}
		if (one.Finish != nil) != last || (c.Usage != nil) != last || (one.Delta.Role != "") != (i == 0) {
			t.Errorf("%s: piece %d of %d: %.200s", name, i, len(pieces), piece)
		}
		if one.Delta.Reasoning != "" && said.Len() > 0 {
			t.Errorf("%s: a thought after the answer", name)
		}
		said.WriteString(one.Delta.Content)
		thoughts.WriteString(one.Delta.Reasoning)
	}
	if said.String() != text || thoughts.String() != thought || len(pieces) < 2 {
		t.Errorf("%s: %d pieces, text %t, thought %t", name, len(pieces), said.String() == text, thoughts.String() == thought)
	}
}

// TestShortChunks: what fits, and what is long for other reasons, stays as it is.
func TestShortChunks(t *testing.T) {
	t.Parallel()
	for _, chunk := range []string{
		`{"choices":[{"index":0,"delta":{"content":"x"}}]}`,
		`{"choices":[{"index":0,"delta":{"tool_calls":"` + strings.Repeat("a", 100_000) + `"}}]}`,
		`{"choices":[{"index":0,"delta":null}],"x":"` + strings.Repeat("a", 100_000) + `"}`,
		`{"choices":[],"x":"` + strings.Repeat("a", 100_000) + `"}`,
	} {
		if got := server.SplitChunk(chunk); len(got) != 1 || got[0] != chunk {
			t.Errorf("%.80s became %d pieces", chunk, len(got))
		}
	}
}
