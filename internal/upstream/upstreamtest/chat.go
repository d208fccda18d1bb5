package upstreamtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream"
)

func chatTests() []suiteTest {
	return []suiteTest{
		{"ChatAnswersWhole", testChat},
		{"ChatStreams", testStream},
		{"ChatStreamUsageOnlyIfAsked", testStreamUsage},
		{"ChatErrorsHaveOutcomes", testChatErrors},
		{"ChatStreamThatBreaksOffIsAnError", testBrokenStream},
		{"ChatStreamCloseEndsTheCall", testStreamClose},
		{"ChatStreamEndsWithItsContext", testStreamContext},
	}
}

func (b *bench) request(t *testing.T, prompt string) upstream.ChatRequest {
	t.Helper()
	messages, err := json.Marshal([]map[string]string{{"role": "user", "content": prompt}})
	if err != nil {
		t.Fatal(err)
	}
	return upstream.ChatRequest{
		Model: b.ChatModel, Public: publicName, Thinking: "disabled",
		Body: map[string]json.RawMessage{
			"model": json.RawMessage(`"whatever the caller wrote"`), "messages": messages,
			"an_unknown_field": json.RawMessage(`{"a":1}`), "temperature": json.RawMessage(`null`),
		},
	}
}

// completion is the part of OpenAI's objects that the contract speaks of.
type completion struct {
	ID      string
	Object  string
	Created int64
	Model   string
	Choices *[]struct {
		Delta, Message struct{ Content string }
		FinishReason   *string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
	Error json.RawMessage
}

// parse reads an object and checks what every one of them must have.
func parse(t *testing.T, raw []byte, object string) completion {
	t.Helper()
	var c completion
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	if c.ID == "" || c.Object != object || c.Created <= 0 || c.Model != publicName || c.Choices == nil || c.Error != nil {
		t.Errorf("not a whole %s: %s", object, raw)
	}
	for _, word := range []string{`"logprobs":null`, `"usage":null`, `"service_tier"`} {
		if bytes.Contains(raw, []byte(word)) {
			t.Errorf("%s is in %s", word, raw)
		}
	}
	return c
}

func testChat(t *testing.T, b *bench) {
	if b.ChatModel == "" {
		return
	}
	got, err := b.driver.Chat(t.Context(), with(goodKey), b.request(t, "hello"))
	if err != nil {
		t.Fatal(err)
	}
	c := parse(t, got.Body, "chat.completion")
	if len(*c.Choices) != 1 || (*c.Choices)[0].Message.Content == "" || (*c.Choices)[0].FinishReason == nil {
		t.Errorf("the answer is %s", got.Body)
	}
	if u := c.Usage; u == nil || u.Prompt <= 0 || u.Completion <= 0 || u.Total != u.Prompt+u.Completion {
		t.Errorf("the usage is in %s", got.Body)
	}
	b.wantLedger(t, 1, 1)
}

// said is what a stream said, and what ended it.
type said struct {
	text   string
	finish string
	usage  int // chunks with usage
	last   completion
	err    error
}

// listen reads a stream to its end and closes it.
func (b *bench) listen(t *testing.T, r upstream.ChatRequest) said {
	t.Helper()
	s, err := b.driver.ChatStream(t.Context(), with(goodKey), r)
	if err != nil {
		return said{err: err}
	}
	defer func() { _ = s.Close() }()
	var out said
	for {
		chunk, err := s.Next()
		if err != nil {
			out.err = err
			return out
		}
		if bytes.ContainsAny(chunk, "\r\n") {
			t.Errorf("a chunk has more than a line: %q", chunk)
		}
		out.add(parse(t, chunk, "chat.completion.chunk"))
	}
}

func (s *said) add(c completion) {
	s.last = c
	if c.Usage != nil {
		s.usage++
	}
	for _, choice := range *c.Choices {
		s.text += choice.Delta.Content
		if choice.FinishReason != nil {
			s.finish = *choice.FinishReason
		}
	}
}

func testStream(t *testing.T, b *bench) {
	if b.ChatModel == "" {
		return
	}
	got := b.listen(t, b.request(t, "hello sim:chunks=200"))
	if got.err != io.EOF { //nolint:errorlint // the contract says io.EOF itself
		t.Fatalf("ended with %v", got.err)
	}
	if want := strings.TrimSpace(strings.Repeat("word ", 200)); got.text != want || got.finish != "stop" {
		t.Errorf("heard %d bytes, finished with %q", len(got.text), got.finish)
	}
	b.wantLedger(t, 1, 1)
}

func testStreamUsage(t *testing.T, b *bench) {
	if b.ChatModel == "" {
		return
	}
	if got := b.listen(t, b.request(t, "hello")); got.usage != 0 {
		t.Errorf("%d chunks with usage that nobody asked for", got.usage)
	}
	r := b.request(t, "hello")
	r.IncludeUsage = true
	got := b.listen(t, r)
	if got.usage != 1 || got.last.Usage == nil || len(*got.last.Choices) != 0 || got.last.Usage.Total <= 0 {
		t.Errorf("%d chunks with usage; the last is %+v", got.usage, got.last)
	}
}

func testChatErrors(t *testing.T, b *bench) {
	if b.ChatModel == "" {
		return
	}
	tests := []struct {
		key, prompt string
		class       upstream.Class
		outcome     upstream.Outcome
	}{
		{refusedKey, "hello", upstream.Auth, upstream.Rejected},
		{limitedKey, "hello", upstream.RateLimited, upstream.Rejected},
		{goodKey, "hello sim:reject", upstream.ContentRejected, upstream.Rejected},
		{goodKey, "hello sim:429=7", upstream.RateLimited, upstream.Rejected},
		{goodKey, "hello sim:500", upstream.Transient, upstream.Ambiguous},
		{goodKey, "hello sim:drop", upstream.Transient, upstream.Ambiguous},
		{goodKey, "hello sim:redirect", upstream.Unknown, upstream.Ambiguous},
	}
	for _, tt := range tests {
		before := b.sim.Ledger().Totals.Submissions
		_, err := b.driver.Chat(t.Context(), with(tt.key), b.request(t, tt.prompt))
		b.wantError(t, err, tt.class, tt.outcome)
		_, err = b.driver.ChatStream(t.Context(), with(tt.key), b.request(t, tt.prompt))
		b.wantError(t, err, tt.class, tt.outcome)
		if n := b.sim.Ledger().Totals.Submissions - before; n > 2 {
			t.Errorf("%s: two calls were %d requests", tt.prompt, n)
		}
	}
	_, err := b.New(t, "http://"+unused(t), Patient).Chat(t.Context(), with(goodKey), b.request(t, "hello"))
	b.wantError(t, err, upstream.Transient, upstream.NotSent)
}

func testBrokenStream(t *testing.T, b *bench) {
	if b.ChatModel == "" {
		return
	}
	for _, prompt := range []string{"hello sim:chunks=50 sim:sse-eof", "hello sim:chunks=50 sim:sse-error"} {
		got := b.listen(t, b.request(t, prompt))
		e := upstream.AsError(got.err)
		if got.err == nil || got.err == io.EOF || got.finish != "" { //nolint:errorlint // the contract says io.EOF itself
			t.Errorf("%s: ended with %v after %q", prompt, got.err, got.finish)
		}
		b.wantError(t, got.err, e.Class, "")
		if strings.Contains(prompt, "eof") && e.Class != upstream.Transient {
			t.Errorf("%s: got %v", prompt, e)
		}
	}
}

// endless is more than fits into the buffers between the two ends.
const endless = "hello sim:chunks=200000"

func testStreamClose(t *testing.T, b *bench) {
	if b.ChatModel == "" {
		return
	}
	s, err := b.driver.ChatStream(t.Context(), with(goodKey), b.request(t, endless))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Next(); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	b.wantUnanswered(t)
}

func testStreamContext(t *testing.T, b *bench) {
	if b.ChatModel == "" {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, err := b.driver.ChatStream(ctx, with(goodKey), b.request(t, endless))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	cancel()
	for err == nil {
		_, err = s.Next()
	}
	if err == io.EOF { //nolint:errorlint // the contract says io.EOF itself
		t.Error("an answer that was cut off ended like a whole one")
	}
	b.wantUnanswered(t)
}

// wantUnanswered: the upstream noticed that its caller has gone.
func (b *bench) wantUnanswered(t *testing.T) {
	t.Helper()
	for _, s := range b.sim.Ledger().Submissions {
		if s.Answered {
			t.Error("the upstream sent its whole answer to nobody")
		}
	}
}
