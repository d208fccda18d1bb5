package doubaoweb_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// talk is a chat request with one message of the user.
func talk(text string) upstream.ChatRequest {
	return conversation(map[string]any{"role": "user", "content": text})
}

func conversation(messages ...any) upstream.ChatRequest {
	raw, err := json.Marshal(messages)
	if err != nil {
		panic(err)
	}
	return upstream.ChatRequest{Model: "doubao", Public: "web", Body: map[string]json.RawMessage{"messages": raw}}
}

type obj = map[string]any

// hear reads a streamed answer: its text, its reasoning, and what ended it.
func (k *kit) hear(t *testing.T, r upstream.ChatRequest) (text, reasoning string, err error) {
	t.Helper()
	s, err := k.ChatStream(t.Context(), acc(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for {
		b, err := s.Next()
		if err != nil {
			return text, reasoning, err
		}
		var c struct {
			Choices []struct {
				Delta struct {
					Content   string `json:"content"`
					Reasoning string `json:"reasoning_content"`
				}
			}
		}
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		for _, choice := range c.Choices {
			text, reasoning = text+choice.Delta.Content, reasoning+choice.Delta.Reasoning
		}
	}
}

// TestChatInEveryForm: however the frames come, the same words are heard.
func TestChatInEveryForm(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, k *kit) {
		for _, tag := range []string{"", " sim:web-split", " sim:web-onewrite", " sim:web-unknown", " sim:web-noack", " sim:web-noend"} {
			text, reasoning, err := k.hear(t, talk("你好，世界"+tag))
			if !errors.Is(err, io.EOF) || !strings.Contains(text, "你好，世界"+tag) || strings.Contains(text, "not this") || strings.ContainsRune(text, '\uFFFD') || reasoning != "" {
				t.Errorf("%q: heard %q and %q, ended with %v", tag, text, reasoning, err)
			}
			if n := strings.Count(text, "模拟回答"); n != 1 {
				t.Errorf("%q: the answer is there %d times", tag, n)
			}
		}
	})
}

func TestChatThinks(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, k *kit) {
		r := talk("hello")
		r.Thinking = "enabled"
		text, reasoning, err := k.hear(t, r)
		if !errors.Is(err, io.EOF) || !strings.Contains(reasoning, "simulator") || !strings.HasPrefix(text, "Hello!") {
			t.Errorf("heard %q and %q, ended with %v", text, reasoning, err)
		}
		r.Body["thinking"] = json.RawMessage(`{"type":"disabled"}`)
		if _, reasoning, _ := k.hear(t, r); reasoning != "" {
			t.Errorf("it thinks %q although the caller does not want it", reasoning)
		}
	})
}

// TestChatIsOneText: the upstream reads one message, so the others are told in it.
func TestChatIsOneText(t *testing.T) {
	t.Parallel()
	k := newKit(t, profile(t))
	_, err := k.Chat(t.Context(), acc(), conversation(
		obj{"role": "system", "content": "Be brief."}, obj{"role": "user", "content": []obj{{"type": "text", "text": "Hi"}}},
		obj{"role": "assistant", "content": "Hello"}, obj{"role": "user", "content": "Why?"},
	))
	if err != nil {
		t.Fatal(err)
	}
	want := "系统：Be brief.\n\n用户：Hi\n\n助手：Hello\n\n用户：Why?"
	if got := k.sim.Ledger().Submissions[0].Prompt; got != want {
		t.Errorf("the upstream read %q, want %q", got, want)
	}
}

func TestChatSees(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, k *kit) {
		uri := "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture(t, 40, 30))
		text, _, err := k.hear(t, conversation(obj{"role": "user", "content": []obj{
			{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": obj{"url": uri}},
		}}))
		if !errors.Is(err, io.EOF) || !strings.Contains(text, "40 x 30") {
			t.Errorf("heard %q, ended with %v", text, err)
		}
	})
}

func TestChatRefuses(t *testing.T) {
	t.Parallel()
	k := newKit(t, profile(t))
	image := func(url string) upstream.ChatRequest {
		return conversation(obj{"role": "user", "content": []obj{{"type": "image_url", "image_url": obj{"url": url}}}})
	}
	for param, requests := range map[string][]upstream.ChatRequest{
		"messages":            {conversation(), {}, talk(" "), {Body: map[string]json.RawMessage{"messages": json.RawMessage(`{}`)}}},
		"messages[0].content": {image("http://127.0.0.1/x.png"), image("data:image/png,abc"), image("data:image/png;base64,?"), conversation(obj{"role": "user", "content": 7}), conversation(obj{"role": "user", "content": []obj{{"type": "audio"}}})},
	} {
		for _, r := range requests {
			_, err := k.Chat(t.Context(), acc(), r)
			if e := fails(t, err); e.Outcome != upstream.Rejected || e.Fault.Code != fault.Invalid || e.Fault.Param != param {
				t.Errorf("%s: got %v", r.Body["messages"], e)
			}
		}
	}
	if n := k.sim.Ledger().Totals.Submissions; n != 0 {
		t.Errorf("%d submissions", n)
	}
}
