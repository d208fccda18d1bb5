package tintype_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// mediaStream is the dialect of the contract, B3.
const mediaStream = `data: {"id":"job-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}

id: 2
data: {"id":"job-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}],"progress":{"phase":"queued","percent":0,"position":3,"eta_seconds":12}}

data: {"id":"job-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}],"progress":{"phase":"generating","percent":30,"position":null,"eta_seconds":null}}

id: 5
data: {"id":"job-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"![image](https://h/1.png)"},"finish_reason":null}]}

data: {"id":"job-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"images":["https://h/1.png"]},"finish_reason":null}]}

data: {"id":"job-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"videos":[{"vid":"v","url":"https://h/1.mp4"}]},"finish_reason":null}]}

data: {"id":"job-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}

data: [DONE]

`

// read collects a stream: its chunks, and the error that ended it.
func read(chunks func(func(*tintype.Chunk, error) bool)) (all []*tintype.Chunk, err error) {
	for chunk, e := range chunks {
		if e != nil {
			err = e
			continue // an error is the last
		}
		all = append(all, chunk)
	}
	return all, err
}

func TestMediaStream(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"LF":                    mediaStream,
		"CR LF":                 strings.ReplaceAll(mediaStream, "\n", "\r\n"),
		"CR":                    strings.ReplaceAll(mediaStream, "\n", "\r"),
		"comments, names":       ": hello\n\n" + strings.ReplaceAll(mediaStream, "data: {", ": hb\nevent: chunk\ndata: {"),
		"without space":         strings.ReplaceAll(mediaStream, "data: ", "data:"),
		"bytes after the end":   mediaStream + "data: {\"choices\":[]}\n\n",
		"data over more lines":  strings.ReplaceAll(mediaStream, `,"object"`, ",\ndata: \"object\""),
		"error that is null":    strings.ReplaceAll(mediaStream, `{"id"`, `{"error":null,"id"`),
		"byte order mark first": "\ufeff" + mediaStream,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, stream(body))
			chunks, err := read(c.Images.Stream(t.Context(), tintype.ImageRequest{Prompt: "cat"}))
			if err != nil {
				t.Fatal(err)
			}
			checkMediaStream(t, chunks)
		})
	}
}

func checkMediaStream(t *testing.T, chunks []*tintype.Chunk) {
	t.Helper()
	var text strings.Builder
	var images []string
	var videos []tintype.Video
	var progress []tintype.Progress
	var seqs []int64
	for _, chunk := range chunks {
		text.WriteString(chunk.Text())
		images = append(images, chunk.Images()...)
		videos = append(videos, chunk.Videos()...)
		seqs = append(seqs, chunk.Seq)
		if chunk.Progress != nil {
			progress = append(progress, *chunk.Progress)
		}
	}
	three, twelve := 3, 12
	equal(t, "text", text.String(), "![image](https://h/1.png)")
	equal(t, "images", images, []string{"https://h/1.png"})
	equal(t, "videos", videos, []tintype.Video{{VID: "v", URL: "https://h/1.mp4"}})
	equal(t, "seqs", seqs, []int64{0, 2, 0, 5, 0, 0, 0})
	equal(t, "progress", progress, []tintype.Progress{
		{Phase: tintype.PhaseQueued, Position: &three, ETASeconds: &twelve},
		{Phase: tintype.PhaseGenerating, Percent: 30},
	})
	last := chunks[len(chunks)-1].Choices[0].FinishReason
	if last == nil || *last != "stop" {
		t.Errorf("finish reason is %v", last)
	}
}

func TestChatStream(t *testing.T) {
	t.Parallel()
	const body = `data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","reasoning_content":"hm"},"finish_reason":null}]}

data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hel"}}]}

data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}

data: {"id":"1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}

data: [DONE]

`
	c := serve(t, stream(body))
	text, usage := "", tintype.Usage{}
	for chunk, err := range c.Chat.Stream(t.Context(), tintype.ChatRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		text += chunk.Text()
		if chunk.Usage != nil {
			usage = *chunk.Usage
		}
	}
	equal(t, "text", text, "Hello")
	equal(t, "usage", usage, tintype.Usage{PromptTokens: 1, CompletionTokens: 2, TotalTokens: 3})
}

// first is a complete chunk with an id.
const first = "id: 4\ndata: {\"id\":\"job-1\",\"choices\":[]}\n\n"

func TestStreamsThatFail(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		chunks     int
		check      func(error) bool
	}{
		{"ends early", first, 1, isIncomplete(4)}, // and so do the nine that follow
		{"nothing at all", "", 0, isIncomplete(0)},
		{"last event cut", first + "data: [DONE]\n", 1, isIncomplete(4)},
		{"half a chunk", first + "data: {\"id\":", 1, isIncomplete(4)},
		{"error", first + "data: " + envelope + "\n\ndata: [DONE]\n\n", 1, isPromptError},
		{"error at once", "data: " + envelope + "\n\ndata: [DONE]\n\n", 0, isPromptError},
		{"error by another name", first + "event: error\ndata: " + envelope + "\n\n", 1, isPromptError},
		{"no JSON", first + "data: hello\n\n", 1, func(err error) bool { return strings.Contains(err.Error(), "not the API's") }},
		{"too large", first + "data: " + strings.Repeat("x", 5<<20) + "\n\n", 1, func(err error) bool { return errors.Is(err, tintype.ErrTooLarge) }},
		{
			"too large in lines", first + strings.Repeat("data: "+strings.Repeat("x", 1<<19)+"\n", 9) + "\n", 1,
			func(err error) bool { return errors.Is(err, tintype.ErrTooLarge) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			onlyOnce := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					stream(tt.body)(w, r)
					return
				}
				stream("")(w, r) // taken up again, it brings nothing
			})
			inFakeTime(t, onlyOnce, func(t *testing.T, c *tintype.Client) {
				chunks, err := read(c.Videos.Stream(t.Context(), tintype.VideoRequest{Prompt: "cat"}))
				if len(chunks) != tt.chunks {
					t.Errorf("%d chunks, want %d", len(chunks), tt.chunks)
				}
				if err == nil || !tt.check(err) {
					t.Errorf("error is %v", err)
				}
			})
		})
	}
}

func isIncomplete(seq int64) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*tintype.IncompleteError](err)
		return ok && e.JobID == "job-1" && e.Seq == seq && errors.Is(err, io.ErrUnexpectedEOF)
	}
}

func isPromptError(err error) bool {
	e, ok := errors.AsType[*tintype.APIError](err)
	return ok && e.Status == http.StatusOK && e.Code == tintype.CodeInvalidRequest && e.Param == "prompt" && e.JobID == "job-1"
}

// A chunk is there as soon as it is written, not when the next one is.
func TestChunksAreNotHeldBack(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{"LF": "\n", "CR LF": "\r\n", "CR": "\r"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan struct{})
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				for range 3 {
					_, _ = w.Write([]byte("data: {\"id\":\"1\",\"choices\":[]}" + end + end))
					_ = http.NewResponseController(w).Flush()
					select {
					case <-seen:
					case <-r.Context().Done():
						return
					}
				}
				_, _ = w.Write([]byte(done))
			})
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			n := 0
			for _, err := range c.Chat.Stream(ctx, tintype.ChatRequest{}) {
				if err != nil {
					t.Fatal(err)
				}
				n++
				seen <- struct{}{}
			}
			equal(t, "chunks", n, 3)
		})
	}
}

// endless streams until its reader leaves, and then says so.
func endless(left chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Job-Id", "job-1")
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(first))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	}
}

func TestLeavingTheLoopClosesTheStream(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	for _, err := range serve(t, endless(left)).Chat.Stream(t.Context(), tintype.ChatRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	<-left
}

func TestContextEndsTheStream(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var err error
	for _, e := range serve(t, endless(left)).Images.Stream(ctx, tintype.ImageRequest{Prompt: "cat"}) {
		err = e
		cancel()
	}
	<-left
	broken, ok := errors.AsType[*tintype.IncompleteError](err)
	if !ok || broken.JobID != "job-1" || broken.Seq != 4 || !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

// Nothing is paid before the loop begins, and nothing twice.
func TestStreamIsReadOnce(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		stream(mediaStream)(w, r)
	})
	chunks := c.Images.Stream(t.Context(), tintype.ImageRequest{Prompt: "cat"})
	equal(t, "requests before the loop", requests.Load(), int64(0))
	if _, err := read(chunks); err != nil {
		t.Fatal(err)
	}
	if _, err := read(chunks); !errors.Is(err, tintype.ErrStreamUsed) {
		t.Errorf("error is %v", err)
	}
	equal(t, "requests", requests.Load(), int64(1))
}

// A stream that was read to its end leaves its connection to the next call.
func TestConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	endsLater := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream(mediaStream)(w, r)
		_ = http.NewResponseController(w).Flush() // the end of the body comes by itself
	})
	inFakeTime(t, endsLater, func(t *testing.T, c *tintype.Client) {
		fresh := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			if !info.Reused {
				fresh++
			}
		}})
		for range 5 {
			if _, err := read(c.Images.Stream(ctx, tintype.ImageRequest{Prompt: "cat"})); err != nil {
				t.Fatal(err)
			}
		}
		equal(t, "connections", fresh, 1)
	})
}

// A server that says the last word and keeps the line open holds nobody up.
func TestOpenLineAfterTheEnd(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		stream(mediaStream)(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	if _, err := read(c.Images.Stream(t.Context(), tintype.ImageRequest{Prompt: "cat"})); err != nil {
		t.Error(err)
	}
}
