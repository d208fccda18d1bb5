package tintype_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

func TestMediaAnswers(t *testing.T) {
	t.Parallel()
	const spaces = "   \n\t "
	image := &tintype.MediaResponse{
		ID: "job-1", Model: "Seedream 4.0", Object: tintype.ObjectCompletion, Created: 1763985148,
		Choices: []tintype.Choice{{FinishReason: "stop", Message: tintype.Message{
			Role: "assistant", Content: "以下是为您生成的图片：\n![image](https://h/1.jpg)", Images: tintype.Links{"https://h/1.jpg"},
		}}},
		Data: []tintype.DataItem{{URL: "https://h/1.jpg"}},
	}
	video := &tintype.MediaResponse{
		ID: "job-2", Model: "doubao-video", Object: tintype.ObjectCompletion, Created: 1763985200,
		Choices: []tintype.Choice{{FinishReason: "stop", Message: tintype.Message{
			Role: "assistant", Content: "![视频封面](https://h/cover.jpg)\n视频链接: https://h/video.mp4",
			Videos: []tintype.Video{{VID: "v02834g1", Cover: "https://h/cover.jpg", URL: "https://h/video.mp4"}},
		}}},
		Data: []tintype.DataItem{{URL: "https://h/video.mp4", Cover: "https://h/cover.jpg", VID: "v02834g1"}},
	}
	for _, tt := range []struct {
		name, body string
		want       *tintype.MediaResponse
	}{
		{"image", imageAnswer, image},
		{"image after spaces", spaces + imageAnswer + "\n", image},
		{"video", videoAnswer, video},
		{"video after many spaces", strings.Repeat(" ", 10_000) + videoAnswer, video},
		{"an error that is null is none", `{"error":null,` + imageAnswer[1:], image},
		{"unknown fields", `{"future":[1],` + imageAnswer[1:], image},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, answer(http.StatusOK, tt.body))
			got, err := c.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "cat"})
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "answer", got, tt.want)
		})
	}
}

func TestChatAnswer(t *testing.T) {
	t.Parallel()
	c := serve(t, answer(http.StatusOK, "  "+chatAnswer))
	got, err := c.Chat.Create(t.Context(), tintype.ChatRequest{Messages: []tintype.ChatMessage{tintype.UserMessage("hi")}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "text", got.Text(), "你好")
	equal(t, "usage", got.Usage, tintype.Usage{PromptTokens: 1, CompletionTokens: 1, TotalTokens: 2})
}

// A blocking call sends its status and then spaces while the job runs.
func TestSpacesComeSlowly(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, piece := range []string{" ", " ", " ", imageAnswer[:40], imageAnswer[40:]} {
			_, _ = w.Write([]byte(piece))
			_ = http.NewResponseController(w).Flush()
		}
	})
	if got, err := c.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "cat"}); err != nil || got.ID != "job-1" {
		t.Errorf("%v, %v", got, err)
	}
}

// An answer to a chat that does not come to its end says why.
func TestAnswerBreaksOff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		h    http.HandlerFunc
	}{
		{"only spaces", answer(http.StatusOK, "    ")},
		{"half a body", answer(http.StatusOK, chatAnswer[:60])},
		{"shorter than announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("  "))
		}},
		{"connection cut", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := serve(t, tt.h).Chat.Create(t.Context(), tintype.ChatRequest{})
			broken, ok := errors.AsType[*tintype.IncompleteError](err)
			if !ok || broken.JobID != "" || broken.IdempotencyKey != "" || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// A context that ends the wait leaves the caller with the job, if the server
// has named it by then, and with the key in any case.
func TestContextEndsTheWait(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"before any answer": "", "between spaces": "  "} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waiting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body) // only then does the server see the client leave
				if begin != "" {
					stream(begin)(w, r)
					_ = http.NewResponseController(w).Flush()
				}
				<-r.Context().Done()
			})
			inFakeTime(t, waiting, func(t *testing.T, c *tintype.Client) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := c.Videos.Generate(ctx, tintype.VideoRequest{Prompt: "cat"})
				broken, ok := errors.AsType[*tintype.IncompleteError](err)
				want := map[bool]string{true: "job-1"}[begin != ""]
				if !errors.Is(err, context.DeadlineExceeded) || !ok || broken.JobID != want || broken.IdempotencyKey == "" {
					t.Errorf("error is %#v", err)
				}
			})
		})
	}
}

// What is not the API's answer is an error and never an empty result.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `[]`, `"ok"`, `null`, `{"status":"ok"}`, `<html>`, `{"id":7}`} {
		for _, tt := range calls() {
			if tt.name == "Models.List" && strings.HasPrefix(body, "{") || tt.name == "Models.List" && body == "null" {
				continue // a list may be empty
			}
			t.Run(tt.name+" "+body, func(t *testing.T) {
				t.Parallel()
				if err := tt.do(t.Context(), serve(t, answer(http.StatusOK, body))); err == nil {
					t.Error("no error")
				}
			})
		}
	}
}

func TestMediaInsteadOfJob(t *testing.T) {
	t.Parallel()
	var posts atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
			answer(http.StatusOK, imageAnswer)(w, r)
			return
		}
		equal(t, "path", r.URL.Path, "/v1/jobs/job-1")
		answer(http.StatusOK, `{"id":"job-1","object":"job","status":"succeeded"}`)(w, r)
	})
	job, err := c.Images.Submit(t.Context(), tintype.ImageRequest{Prompt: "cat"})
	if err != nil || job.Job.Status != tintype.StatusSucceeded || posts.Load() != 1 {
		t.Errorf("%v, %v after %d posts", job, err, posts.Load())
	}
}

// What is too large is not read to its end.
func TestAnswerTooLarge(t *testing.T) {
	t.Parallel()
	block := []byte(strings.Repeat(" ", 1<<20))
	left := make(chan bool, 1)
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for range 4 * tintype.MaxAnswerBytes / len(block) {
			if _, err := w.Write(block); err != nil {
				left <- true
				return
			}
		}
		left <- false
	})
	if _, err := c.Models.List(t.Context()); !errors.Is(err, tintype.ErrTooLarge) {
		t.Errorf("error is %v", err)
	}
	equal(t, "the client left early", <-left, true)
}
