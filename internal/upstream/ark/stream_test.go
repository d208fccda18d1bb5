package ark_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

// The chunks of the documented sample.
const (
	chunkThink = `{"choices":[{"delta":{"content":"","reasoning_content":"hmm","role":"assistant"},"index":0}],"created":1742632436,"id":"0217","model":"m","service_tier":"default","object":"chat.completion.chunk","usage":null}`
	chunkHello = `{"choices":[{"delta":{"content":"Hello","role":"assistant"},"index":0,"logprobs":null}],"created":1742632436,"id":"0217","model":"m","service_tier":"default","object":"chat.completion.chunk","usage":null}`
	chunkStop  = `{"choices":[{"delta":{"content":"","role":"assistant"},"finish_reason":"stop","index":0}],"created":1742632436,"id":"0217","model":"m","service_tier":"default","object":"chat.completion.chunk","usage":null}`
	chunkUsage = `{"choices":[],"created":1742632436,"id":"0217","model":"m","service_tier":"default","object":"chat.completion.chunk","usage":{"completion_tokens":9,"prompt_tokens":19,"total_tokens":28}}`

	outHead  = `{"id":"0217","object":"chat.completion.chunk","created":1742632436,"model":"doubao","choices":[`
	outThink = outHead + `{"delta":{"content":"","reasoning_content":"hmm","role":"assistant"},"index":0}]}`
	outHello = outHead + `{"delta":{"content":"Hello","role":"assistant"},"index":0}]}`
	outStop  = outHead + `{"delta":{"content":"","role":"assistant"},"finish_reason":"stop","index":0}]}`
	outUsage = outHead + `],"usage":{"completion_tokens":9,"prompt_tokens":19,"total_tokens":28}}`
	outGuess = outHead + `],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`
)

// events answers with one event per text.
func events(data ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, d := range data {
			_, _ = io.WriteString(w, "data: "+d+"\n\n")
		}
	}
}

// streamAll reads a stream to its end and gives what ended it.
func streamAll(t *testing.T, d *ark.Driver, r upstream.ChatRequest) ([]string, error) {
	t.Helper()
	s, err := d.ChatStream(t.Context(), acc(), r)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	var got []string
	for {
		chunk, err := s.Next()
		if err != nil {
			if _, again := s.Next(); again != err { //nolint:errorlint // the very same
				t.Errorf("after %v came %v", err, again)
			}
			return got, err
		}
		got = append(got, string(chunk))
	}
}

func TestChatStream(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		usage bool
		in    http.HandlerFunc
		want  []string
		class upstream.Class // empty: ends well
	}{
		{"sample", false, events(chunkThink, chunkHello, chunkStop, "[DONE]"), []string{outThink, outHello, outStop}, ""},
		{"usage", true, events(chunkHello, chunkStop, chunkUsage, "[DONE]"), []string{outHello, outStop, outUsage}, ""},
		{"usage that nobody asked for", false, events(chunkHello, chunkStop, chunkUsage, "[DONE]"), []string{outHello, outStop}, ""},
		{"usage that did not come", true, events(chunkHello, chunkStop, "[DONE]"), []string{outHello, outStop, outGuess}, ""},
		{"no DONE", false, events(chunkHello, chunkStop), []string{outHello, outStop}, ""},
		{"no DONE, usage did not come", true, events(chunkHello, chunkStop), []string{outHello, outStop, outGuess}, ""},
		{"DONE, nothing finished", false, events(chunkHello, "[DONE]"), []string{outHello}, ""},
		{"several lines, comments, names", false, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, ": hi\r\n\r\nevent: x\r\nid: 1\r\ndata: "+strings.Replace(chunkHello, `,"created"`, ",\r\ndata: \"created\"", 1)+"\r\n\r\ndata: [DONE]\r\n\r\n")
		}, []string{outHello}, ""},
		{"head only in the first", false, events(chunkHello, `{"choices":[{"delta":{},"index":0}]}`, "[DONE]"), []string{outHello, outHead + `{"delta":{},"index":0}]}`}, ""},
		{"no choices", false, events(chunkHello, `{"id":"0217","created":1742632436}`, "[DONE]"), []string{outHello, outHead + `]}`}, ""},
		{"broken off", false, events(chunkHello), []string{outHello}, upstream.Transient},
		{"broken off in an event", false, func(w http.ResponseWriter, r *http.Request) {
			events(chunkHello)(w, r)
			_, _ = io.WriteString(w, "data: "+chunkStop)
		}, []string{outHello}, upstream.Transient},
		{"error in between", false, events(chunkHello, `{"error":{"code":"RequestBurstTooFast","message":"m"}}`), []string{outHello}, upstream.RateLimited},
		{"policy in between", false, events(chunkHello, `{"error":{"code":"OutputTextSensitiveContentDetected","message":"m"}}`), []string{outHello}, upstream.ContentRejected},
		{"odd error in between", false, events(chunkHello, `{"error":"x"}`), []string{outHello}, upstream.Unknown},
		{"no JSON", false, events(chunkHello, `{"a":`), []string{outHello}, upstream.Unknown},
		{"no object", false, events(chunkHello, `[]`), []string{outHello}, upstream.Unknown},
		{"first is an error", false, events(`{"error":{"code":"ModelNotOpen","message":"m"}}`), nil, upstream.NotServed},
		{"nothing", false, events("[DONE]"), nil, upstream.Empty},
		{"nothing at all", false, events(), nil, upstream.Transient},
		{"too long", false, events(`{"a":"` + strings.Repeat("x", 5<<20) + `"}`), nil, upstream.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, tt.in)
			r := chat()
			r.IncludeUsage = tt.usage
			got, err := streamAll(t, driver(t, w.URL), r)
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if tt.class == "" && err != io.EOF { //nolint:errorlint // as the contract says
				t.Errorf("ended with %v", err)
			}
			if tt.class != "" {
				e := fails(t, err)
				if e.Class != tt.class || (e.Outcome != "") != (tt.want == nil) {
					t.Errorf("ended with %v", e)
				}
			}
			want := `{"model":"doubao-seed-2-0-lite-260428","messages":[{"role":"user","content":"hi"}],"stream":true}`
			if tt.usage {
				want = strings.Replace(want, `true}`, `true,"stream_options":{"include_usage":true}}`, 1)
			}
			sameJSON(t, w.only(t).body, want)
		})
	}
}

// TestChunksAreNotHeldBack: the server sends a chunk only after the one before
// has reached the caller. A driver that held one back would hang here.
func TestChunksAreNotHeldBack(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	w := newWire(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		for range 3 {
			_, _ = io.WriteString(w, "data: "+chunkHello+"\n\n")
			_ = rc.Flush()
			<-read
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	s, err := driver(t, w.URL).ChatStream(t.Context(), acc(), chat())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 3 {
		if chunk, err := s.Next(); err != nil || string(chunk) != outHello {
			t.Fatalf("%s, %v", chunk, err)
		}
		read <- struct{}{}
	}
	if _, err := s.Next(); err != io.EOF { //nolint:errorlint // as the contract says
		t.Errorf("ended with %v", err)
	}
}

// TestStreamEndsWithItsCaller: closing, and ending the context, both end the
// call at the upstream.
func TestStreamEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"close", "context"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			w := newWire(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				events(chunkHello)(w, r)
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, err := driver(t, w.URL).ChatStream(ctx, acc(), chat())
			if err != nil {
				t.Fatal(err)
			}
			if how == "context" {
				cancel()
				if _, err := drain(s); err == nil || err == io.EOF { //nolint:errorlint // as the contract says
					t.Errorf("ended with %v", err)
				}
			}
			_ = s.Close()
			<-gone
		})
	}
}

func drain(s upstream.ChatStream) (int, error) {
	for n := 0; ; n++ {
		if _, err := s.Next(); err != nil {
			return n, err
		}
	}
}

// TestStreamSilence: an answer may take any time, but not be silent for long.
func TestStreamSilence(t *testing.T) {
	t.Parallel()
	w := newWire(t, func(w http.ResponseWriter, r *http.Request) {
		events(chunkHello)(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	got, err := streamAll(t, driver(t, w.URL, hasty), chat())
	if e := fails(t, err); len(got) != 1 || e.Class != upstream.Timeout {
		t.Errorf("%q, %v", got, e)
	}
}
