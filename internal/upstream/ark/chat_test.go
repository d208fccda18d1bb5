package ark_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// wholeAnswer is the documented sample.
const wholeAnswer = `{"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":{"content":"Hello! \u4f60","reasoning_content":"hm","role":"assistant"}}],
 "created":1742631811,"id":"0217426318107460cfa43dc3f3683b1de1c09624ff49085a456ac",
 "model":"doubao-1-5-pro-32k-250115","service_tier":"default","object":"chat.completion",
 "usage":{"completion_tokens":9,"prompt_tokens":19,"total_tokens":28,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}`

func body(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestChatRequest(t *testing.T) {
	t.Parallel()
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	const out = `{"model":"doubao-seed-2-0-lite-260428","stream":false,`
	tests := []struct {
		name, body, thinking, want string
	}{
		{"plain", `{"model":"doubao",` + hi + `}`, "", out + hi + `}`},
		{"default thinking", `{` + hi + `}`, "disabled", out + hi + `,"thinking":{"type":"disabled"}}`},
		{"own thinking", `{` + hi + `,"thinking":{"type":"auto"}}`, "disabled", out + hi + `,"thinking":{"type":"auto"}}`},
		{"own effort", `{` + hi + `,"reasoning_effort":"high"}`, "disabled", out + hi + `,"reasoning_effort":"high"}`},
		{"null is no wish", `{` + hi + `,"thinking":null,"tools":null}`, "disabled", out + hi + `,"thinking":{"type":"disabled"}}`},
		{
			"known fields", `{` + hi + `,"temperature":0.5,"top_p":1,"stop":["a"],"tools":[{"type":"function"}],"tool_choice":"auto","response_format":{"type":"json_object"},"user":"u","n":2}`, "",
			out + hi + `,"temperature":0.5,"top_p":1,"stop":["a"],"tools":[{"type":"function"}],"tool_choice":"auto","response_format":{"type":"json_object"},"user":"u","n":2}`,
		},
		{"unknown fields", `{` + hi + `,"store":true,"metadata":{},"seed":1,"stream":true,"stream_options":{"include_usage":true},"n":1}`, "", out + hi + `}`},
		{"both limits", `{` + hi + `,"max_tokens":5,"max_completion_tokens":7}`, "", out + hi + `,"max_completion_tokens":7}`},
		{"old limit", `{` + hi + `,"max_tokens":5,"max_completion_tokens":null}`, "", out + hi + `,"max_tokens":5}`},
		{
			"developer", `{"messages":[{"role":"developer","content":"developer says \"developer\""},{"content":"x","role" : "developer"},{"role":"user","content":"hi"}]}`, "",
			out + `"messages":[{"role":"system","content":"developer says \"developer\""},{"content":"x","role":"system"},{"role":"user","content":"hi"}]}`,
		},
		{
			"images", `{"messages":[{"role":"user","content":[{"type":"text","text":"data:IMAGE/PNG;base64,AAA"},{"type":"image_url","image_url":{"url":"data:image/PNG;base64,AAbb","detail":"high"}},{"type":"image_url","image_url":{"url":"https://Example.com/A.PNG?X=Y"}},{"image_url":{"url":"DATA:image/jpeg;base64,CC"}}]}]}`, "",
			out + `"messages":[{"role":"user","content":[{"type":"text","text":"data:IMAGE/PNG;base64,AAA"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAbb","detail":"high"}},{"type":"image_url","image_url":{"url":"https://Example.com/A.PNG?X=Y"}},{"image_url":{"url":"data:image/jpeg;base64,CC"}}]}]}`,
		},
		{"image url as text", `{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"https://A/B"}]}]}`, "", out + `"messages":[{"role":"user","content":[{"type":"image_url","image_url":"https://A/B"}]}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, reply(200, wholeAnswer))
			r := chat()
			r.Body, r.Thinking = body(t, tt.body), tt.thinking
			before, _ := json.Marshal(r.Body)
			if _, err := driver(t, w.URL+"/api/v3").Chat(t.Context(), acc(), r); err != nil {
				t.Fatal(err)
			}
			got := w.only(t)
			sameJSON(t, got.body, tt.want)
			if got.path != "/api/v3/chat/completions" || got.header.Get("Accept") != "application/json" {
				t.Errorf("asked %s, %v", got.path, got.header)
			}
			if after, _ := json.Marshal(r.Body); string(after) != string(before) {
				t.Errorf("the caller's request was changed:\n%s\n%s", before, after)
			}
		})
	}
}

func TestChatWithoutMessages(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, wholeAnswer))
	for _, text := range []string{`{}`, `{"messages":null}`, `{"messages":[]}`, `{"messages":"hi"}`, `{"messages":{}}`} {
		r := chat()
		r.Body = body(t, text)
		_, err := driver(t, w.URL).Chat(t.Context(), acc(), r)
		e := fails(t, err)
		wantFault(t, e.Fault, fault.Invalid, "messages")
		if e.Outcome != upstream.Rejected {
			t.Errorf("%s: %v", text, e)
		}
	}
	if len(w.requests()) != 0 {
		t.Error("something was sent")
	}
}

func TestChatAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, answer, want string }{
		{"sample", wholeAnswer, `{"id":"0217426318107460cfa43dc3f3683b1de1c09624ff49085a456ac","object":"chat.completion","created":1742631811,"model":"my \"doubao\"",
			"choices":[{"finish_reason":"stop","index":0,"message":{"content":"Hello! 你","reasoning_content":"hm","role":"assistant"}}],
			"usage":{"completion_tokens":9,"prompt_tokens":19,"total_tokens":28,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}`},
		{
			"no usage, null error", `{"id":"i","created":1,"error":null,"choices":[{"index":0,"message":{"role":"assistant","content":"12345678"},"logprobs":{"content":[]}}]}`,
			`{"id":"i","object":"chat.completion","created":1,"model":"my \"doubao\"",
			"choices":[{"index":0,"message":{"role":"assistant","content":"12345678"},"logprobs":{"content":[]}}],
			"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`,
		},
		{
			"tools", `{"id":"i","created":1,"usage":null,"choices":[{"index":0,"finish_reason":"tool_calls","message":{"content":null,"tool_calls":[{"id":"a","function":{"arguments":"{\"a\":[1]}"}}]}},{"index":1}]}`,
			`{"id":"i","object":"chat.completion","created":1,"model":"my \"doubao\"",
			"choices":[{"index":0,"finish_reason":"tool_calls","message":{"content":null,"tool_calls":[{"id":"a","function":{"arguments":"{\"a\":[1]}"}}]}},{"index":1}],
			"usage":{"prompt_tokens":1,"completion_tokens":0,"total_tokens":1}}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, reply(200, tt.answer))
			r := chat()
			r.Public = `my "doubao"`
			got, err := driver(t, w.URL).Chat(t.Context(), acc(), r)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, got.Body, tt.want)
		})
	}
}

// TestChatAnswerLacksHead: an answer always has an id and a time.
func TestChatAnswerLacksHead(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, `{"choices":[{}]}`))
	got, err := driver(t, w.URL).Chat(t.Context(), acc(), chat())
	if err != nil {
		t.Fatal(err)
	}
	var a struct {
		ID      string
		Created int64
	}
	if err := json.Unmarshal(got.Body, &a); err != nil || a.ID == "" || a.Created < 1_700_000_000 {
		t.Errorf("%v: %s", err, got.Body)
	}
}

func TestChatErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		answer  http.HandlerFunc
		class   upstream.Class
		outcome upstream.Outcome
	}{
		{"empty", reply(200, ``), upstream.Empty, upstream.Ambiguous},
		{"no choices", reply(200, `{"choices":[]}`), upstream.Empty, upstream.Ambiguous},
		{"html", reply(200, `<html>`), upstream.Unknown, upstream.Ambiguous},
		{"cut JSON", reply(200, wholeAnswer[:100]), upstream.Unknown, upstream.Ambiguous},
		{"error in a 200", reply(200, `{"error":{"code":"RequestBurstTooFast","message":"m"}}`), upstream.RateLimited, upstream.Rejected},
		{"odd error in a 200", reply(200, `{"error":"no"}`), upstream.Unknown, upstream.Ambiguous},
		{"closes", hijack(""), upstream.Transient, upstream.Ambiguous},
		{"307", redirect(307), upstream.Unknown, upstream.Ambiguous},
		{"429", reply(429, `{"error":{"code":"AccountRateLimitExceeded","message":"m"}}`), upstream.RateLimited, upstream.Rejected},
		{"500", reply(500, ``), upstream.Transient, upstream.Ambiguous},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, tt.answer)
			d := driver(t, w.URL)
			_, whole := d.Chat(t.Context(), acc(), chat())
			_, stream := d.ChatStream(t.Context(), acc(), chat())
			for _, err := range []error{whole, stream} {
				e := fails(t, err)
				if err == stream && tt.class == upstream.Empty { //nolint:errorlint // the very one
					continue // a stream is told by its type first
				}
				if e.Class != tt.class || e.Outcome != tt.outcome {
					t.Errorf("got %v", e)
				}
			}
			if n := len(w.requests()); n != 2 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestChatUnreachable(t *testing.T) {
	t.Parallel()
	d := driver(t, "http://"+unused(t))
	_, whole := d.Chat(t.Context(), acc(), chat())
	_, stream := d.ChatStream(t.Context(), acc(), chat())
	for _, err := range []error{whole, stream} {
		if e := fails(t, err); e.Outcome != upstream.NotSent || e.Class != upstream.Transient {
			t.Errorf("got %v", e)
		}
	}
}

func TestChatSilence(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer http.HandlerFunc
	}{
		{"no head", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"no body", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, strings.Repeat(" ", 10))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := driver(t, newWire(t, tt.answer).URL, hasty)
			_, whole := d.Chat(t.Context(), acc(), chat())
			_, stream := d.ChatStream(t.Context(), acc(), chat())
			for _, err := range []error{whole, stream} {
				if e := fails(t, err); e.Class != upstream.Timeout || e.Outcome != upstream.Ambiguous {
					t.Errorf("got %v", e)
				}
			}
		})
	}
}

// TestChatKeepsConnections: the driver reads every answer to its end, so that
// one connection serves one caller after the other.
func TestChatKeepsConnections(t *testing.T) {
	t.Parallel()
	conns := map[string]bool{}
	w := newWire(t, func(w http.ResponseWriter, r *http.Request) {
		conns[r.RemoteAddr] = true
		if r.Header.Get("Accept") == "text/event-stream" {
			events(chunkHello, chunkStop, "[DONE]")(w, r)
			return
		}
		reply(200, wholeAnswer)(w, r)
	})
	d := driver(t, w.URL)
	for range 10 {
		if _, err := d.Chat(t.Context(), acc(), chat()); err != nil {
			t.Fatal(err)
		}
		if got, err := streamAll(t, d, chat()); len(got) != 2 || err != io.EOF { //nolint:errorlint // as the contract says
			t.Fatalf("%q, %v", got, err)
		}
	}
	if len(conns) != 1 {
		t.Errorf("%d connections", len(conns))
	}
}
