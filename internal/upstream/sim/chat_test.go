package sim_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

type chatBody struct {
	ID, Object, Model string
	Created           int64
	Choices           []struct {
		FinishReason   string `json:"finish_reason"`
		Message, Delta *struct {
			Content, Role    string
			ReasoningContent string `json:"reasoning_content"`
		}
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
	Error *struct{ Code, Message string }
}

func TestChatAnswer(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.must(200, "POST", chatRoute, chatOf("how are you?"))
	c := as[chatBody](t, a)
	if c.ID != a.header.Get("X-Request-Id") || c.Object != "chat.completion" || c.Created != start.Unix() {
		t.Errorf("%+v", c)
	}
	m := c.Choices[0].Message
	if !strings.Contains(m.Content, `"how are you?"`) || m.Role != "assistant" || m.ReasoningContent == "" || c.Choices[0].FinishReason != "stop" {
		t.Errorf("%+v", m)
	}
	if u := c.Usage; u.Total != u.Prompt+u.Completion || u.Prompt == 0 || u.Completion == 0 {
		t.Errorf("%+v", u)
	}
	for name, more := range map[string]obj{
		"disabled":     {"thinking": obj{"type": "disabled"}},
		"cannot think": {"model": "doubao-1-5-pro-32k-250115"},
	} {
		if r := as[chatBody](t, k.must(200, "POST", chatRoute, chatOf("x", more))).Choices[0].Message.ReasoningContent; r != "" {
			t.Errorf("%s: reasoning %q", name, r)
		}
	}
	if text := as[chatBody](t, k.must(200, "POST", chatRoute, chatOf("你好吗"))).Choices[0].Message.Content; !strings.Contains(text, "“你好吗”") {
		t.Errorf("%q", text)
	}
	text := as[chatBody](t, k.must(200, "POST", chatRoute, chatOf("x", obj{"response_format": obj{"type": "json_object"}}))).Choices[0].Message.Content
	if !json.Valid([]byte(text)) {
		t.Errorf("not JSON: %s", text)
	}
}

func TestChatLimit(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c := as[chatBody](t, k.must(200, "POST", chatRoute, chatOf("x", obj{"max_tokens": 5, "thinking": obj{"type": "disabled"}})))
	if c.Choices[0].FinishReason != "length" || c.Usage.Completion > 5 || c.Choices[0].Message.Content == "" {
		t.Errorf("%+v %+v", c.Choices[0], c.Usage)
	}
}

func TestChatStream(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	whole := as[chatBody](t, k.must(200, "POST", chatRoute, chatOf("tell me 故事")))
	for _, usage := range []bool{false, true} {
		more := obj{"stream": true}
		if usage {
			more["stream_options"] = obj{"include_usage": true}
		}
		all := events(t, k.must(200, "POST", chatRoute, chatOf("tell me 故事", more)).body)
		if all[len(all)-1].data != "[DONE]" {
			t.Fatalf("no end: %+v", all)
		}
		var text, reasoning, finish string
		var last chatBody
		for _, e := range all[:len(all)-1] {
			last = chatBody{}
			if err := json.Unmarshal([]byte(e.data), &last); err != nil || e.name != "" {
				t.Fatal(e, err)
			}
			for _, c := range last.Choices {
				text, reasoning, finish = text+c.Delta.Content, reasoning+c.Delta.ReasoningContent, c.FinishReason
			}
		}
		want := whole.Choices[0]
		if text != want.Message.Content || reasoning != want.Message.ReasoningContent || finish != "stop" {
			t.Errorf("%q %q %q", text, reasoning, finish)
		}
		if (last.Usage != nil) != usage || (usage && (len(last.Choices) != 0 || *last.Usage != *whole.Usage)) {
			t.Errorf("usage %v: %+v", usage, last)
		}
	}
}

// The chunks must come one by one, not all at the end.
func TestChatStreamIsNotHeldBack(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.ChatChunkDelay = time.Second })
	req, err := http.NewRequestWithContext(t.Context(), "POST", k.url+chatRoute, strings.NewReader(chatOf("x sim:chunks=3", obj{"stream": true, "thinking": obj{"type": "disabled"}})))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sim-a")
	resp, err := k.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 4096)
	for _, want := range []string{`"word"`, `" word"`, `" word"`} {
		if err := k.clock.AwaitTimers(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		k.clock.Advance(time.Second)
		n, err := resp.Body.Read(buf)
		if err != nil || strings.Count(string(buf[:n]), "data: ") != 1 || !strings.Contains(string(buf[:n]), want) {
			t.Fatalf("%q %v", buf[:n], err)
		}
	}
}

func TestChatVision(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	files := httptest.NewServer(http.NotFoundHandler())
	defer files.Close()
	ask := func(url string) string {
		return chatOf("", obj{"messages": []obj{{"role": "user", "content": []obj{
			{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": obj{"url": url}},
		}}}})
	}
	c := as[chatBody](t, k.must(200, "POST", chatRoute, ask(dataURI("png", 640, 480))))
	if text := c.Choices[0].Message.Content; !strings.Contains(text, "640 x 480 pixels (png)") {
		t.Errorf("%q", text)
	}
	if c.Usage.Prompt < 1000 {
		t.Errorf("a picture costs tokens: %+v", c.Usage)
	}
	checkError(t, k.must(400, "POST", chatRoute, ask(dataURI("png", 13, 15))), "InvalidParameter")
	checkError(t, k.must(400, "POST", chatRoute, ask(files.URL)), "InvalidParameter")
}
