package tintype_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

const (
	imageAnswer = `{"id":"job-1","model":"Seedream 4.0","object":"chat.completion",
 "choices":[{"index":0,"message":{"role":"assistant","content":"以下是为您生成的图片：\n![image](https://h/1.jpg)","images":["https://h/1.jpg"]},"finish_reason":"stop"}],
 "data":[{"url":"https://h/1.jpg"}],"created":1763985148}`
	videoAnswer = `{"id":"job-2","model":"doubao-video","object":"chat.completion",
 "choices":[{"index":0,"message":{"role":"assistant","content":"![视频封面](https://h/cover.jpg)\n视频链接: https://h/video.mp4",
   "videos":[{"vid":"v02834g1","cover":"https://h/cover.jpg","url":"https://h/video.mp4"}]},"finish_reason":"stop"}],
 "data":[{"url":"https://h/video.mp4","cover":"https://h/cover.jpg","vid":"v02834g1"}],"created":1763985200}`
	chatAnswer = `{"id":"397193850645250","model":"doubao","object":"chat.completion",
 "choices":[{"index":0,"message":{"role":"assistant","content":"你好"},"finish_reason":"stop"}],
 "usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},"created":1733300587}`
	jobAnswer = `{"id":"job-1","object":"job","status":"queued"}`
	done      = "data: [DONE]\n\n"
)

// call is one method of the client, and the request that it should send.
type call struct {
	name   string
	do     func(context.Context, *tintype.Client) error
	method string
	path   string
	body   string // JSON; empty: no body
	prefer string
	accept string
	answer http.HandlerFunc
}

// keyed tells whether the request has a key, so that it may be made again.
func (c call) keyed() bool { return strings.HasSuffix(c.path, "/generations") }

func drain(chunks func(func(*tintype.Chunk, error) bool)) error {
	for _, err := range chunks {
		if err != nil {
			return err
		}
	}
	return nil
}

func calls() []call {
	image := tintype.ImageRequest{Model: "Seedream 4.0", Prompt: "cat", Image: "https://h/in.png", Ratio: "16:9", Style: "3D", ResponseFormat: tintype.FormatBase64}
	const imageBody = `"model":"Seedream 4.0","prompt":"cat","image":"https://h/in.png","ratio":"16:9","style":"3D","response_format":"b64_json"`
	video := tintype.VideoRequest{Prompt: "cat", Ratio: "9:16", Stream: true} // the methods know better
	const videoBody = `"prompt":"cat","ratio":"9:16"`
	temperature := 0.5
	chat := tintype.ChatRequest{
		Model: "doubao",
		Messages: []tintype.ChatMessage{
			tintype.UserMessage("hi"),
			{Role: "user", Parts: []tintype.ContentPart{tintype.TextPart("what?"), tintype.ImagePart("data:image/png;base64,AA==")}},
		},
		Temperature:   &temperature,
		StreamOptions: &tintype.StreamOptions{IncludeUsage: true},
		Extra:         map[string]any{"seed": 7, "model": "not this"},
	}
	const chatBody = `"model":"doubao","messages":[{"role":"user","content":"hi"},
		{"role":"user","content":[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}],
		"temperature":0.5,"seed":7`
	const images, videos, chats = "/v1/images/generations", "/v1/video/generations", "/v1/chat/completions"
	const aJSON, aStream = "application/json", "text/event-stream"
	return []call{
		{
			"Images.Generate", func(ctx context.Context, c *tintype.Client) error {
				_, err := c.Images.Generate(ctx, image)
				return err
			},
			"POST", images, "{" + imageBody + "}", "respond-async", aJSON, answer(200, imageAnswer),
		},
		{
			"Images.Stream", func(ctx context.Context, c *tintype.Client) error { return drain(c.Images.Stream(ctx, image)) },
			"POST", images, "{" + imageBody + `,"stream":true}`, "", aStream, stream(done),
		},
		{
			"Images.Submit", func(ctx context.Context, c *tintype.Client) error { _, err := c.Images.Submit(ctx, image); return err },
			"POST", images, "{" + imageBody + "}", "respond-async", aJSON, answer(202, jobAnswer),
		},
		{
			"Videos.Generate", func(ctx context.Context, c *tintype.Client) error {
				_, err := c.Videos.Generate(ctx, video)
				return err
			},
			"POST", videos, "{" + videoBody + "}", "respond-async", aJSON, answer(200, videoAnswer),
		},
		{
			"Videos.Stream", func(ctx context.Context, c *tintype.Client) error { return drain(c.Videos.Stream(ctx, video)) },
			"POST", videos, "{" + videoBody + `,"stream":true}`, "", aStream, stream(done),
		},
		{
			"Videos.Submit", func(ctx context.Context, c *tintype.Client) error { _, err := c.Videos.Submit(ctx, video); return err },
			"POST", videos, "{" + videoBody + "}", "respond-async", aJSON, answer(202, jobAnswer),
		},
		{
			"Chat.Create", func(ctx context.Context, c *tintype.Client) error { _, err := c.Chat.Create(ctx, chat); return err },
			"POST", chats, "{" + chatBody + "}", "", aJSON, answer(200, chatAnswer),
		},
		{
			"Chat.Stream", func(ctx context.Context, c *tintype.Client) error { return drain(c.Chat.Stream(ctx, chat)) },
			"POST", chats, "{" + chatBody + `,"stream":true,"stream_options":{"include_usage":true}}`, "", aStream, stream(done),
		},
		{
			"Jobs.Get", func(ctx context.Context, c *tintype.Client) error { _, err := c.Jobs.Get(ctx, "a/b c"); return err },
			"GET", "/v1/jobs/a%2Fb%20c", "", "", aJSON, answer(200, jobAnswer),
		},
		{
			"Jobs.Wait", func(ctx context.Context, c *tintype.Client) error { _, err := c.Jobs.Wait(ctx, "a/b"); return err },
			"GET", "/v1/jobs/a%2Fb", "", "", aJSON, answer(200, `{"id":"job-1","object":"job","status":"succeeded"}`),
		},
		{
			"Jobs.Cancel", func(ctx context.Context, c *tintype.Client) error { _, err := c.Jobs.Cancel(ctx, "a/b"); return err },
			"POST", "/v1/jobs/a%2Fb/cancel", "", "", aJSON, answer(202, jobAnswer),
		},
		{
			"Jobs.Delete", func(ctx context.Context, c *tintype.Client) error { _, err := c.Jobs.Delete(ctx, "a/b"); return err },
			"DELETE", "/v1/jobs/a%2Fb", "", "", aJSON, answer(200, `{"id":"a/b","object":"job.deleted","deleted":true}`),
		},
		{
			"Jobs.List", func(ctx context.Context, c *tintype.Client) error {
				for _, err := range c.Jobs.List(ctx, tintype.ListOptions{Kind: tintype.KindVideo, PageSize: 7}) {
					return err
				}
				return nil
			},
			"GET", "/v1/jobs?kind=video&limit=7", "", "", aJSON, answer(200, `{"object":"list","data":[]}`),
		},
		{
			"Jobs.Events", func(ctx context.Context, c *tintype.Client) error {
				for _, err := range c.Jobs.Events(ctx, "a/b", 0) {
					return err
				}
				return nil
			},
			"GET", "/v1/jobs/a%2Fb/events", "", "", aStream, stream(kept(1, tintype.EventFailed, tintype.StatusFailed)),
		},
		{
			"Models.List", func(ctx context.Context, c *tintype.Client) error { _, err := c.Models.List(ctx); return err },
			"GET", "/v1/models", "", "", aJSON, answer(200, `{"object":"list","data":[]}`),
		},
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(calls(), webhookCalls()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				checkRequest(t, r, tt)
				tt.answer(w, r)
			}, tintype.WithUserAgent("test/1"))

			if err := tt.do(t.Context(), c); err != nil {
				t.Error(err)
			}
			if requests.Load() != 1 {
				t.Errorf("%d requests", requests.Load())
			}
		})
	}
}

func checkRequest(t *testing.T, r *http.Request, want call) {
	t.Helper()
	equal(t, "request", r.Method+" "+r.RequestURI, want.method+" "+want.path)
	body, _ := io.ReadAll(r.Body)
	contentType := ""
	if want.body != "" {
		contentType = "application/json"
		sameJSON(t, "body", string(body), want.body)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer k-1", "User-Agent": "test/1", "Content-Type": contentType,
		"Accept": want.accept, "Prefer": want.prefer,
	} {
		equal(t, name, r.Header.Get(name), value)
	}
	if key := r.Header.Get("Idempotency-Key"); (len(key) >= 20) != want.keyed() { // with one net/http would send it twice by itself, too
		t.Errorf("Idempotency-Key: %q", key)
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ base, path string }{
		{"", "/v1/models"},
		{"/", "/v1/models"},
		{"/v1", "/v1/models"},
		{"/v1/", "/v1/models"},
		{"/media/v1//", "/media/v1/models"},
		{"/media%20a/", "/media%20a/v1/models"},
	} {
		t.Run("good"+tt.base, func(t *testing.T) {
			t.Parallel()
			c := serveAt(t, tt.base, func(w http.ResponseWriter, r *http.Request) {
				equal(t, "path", r.RequestURI, tt.path)
				answer(200, `{"object":"list","data":[]}`)(w, r)
			})
			if _, err := c.Models.List(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	for _, bad := range []string{
		"", "127.0.0.1:8080", "localhost:8080", "/v1", "ftp://h", "http://", "http://h:port", "http://u:p@h", "http://h?x=1", "http://h#a",
	} {
		t.Run("bad "+bad, func(t *testing.T) {
			t.Parallel()
			if c, err := tintype.NewClient(bad); err == nil || c != nil {
				t.Errorf("NewClient(%q) = %v, %v", bad, c, err)
			}
		})
	}
}

func TestNoKeyNoCredential(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if got, ok := r.Header["Authorization"]; ok {
			t.Errorf("Authorization: %q", got)
		}
		equal(t, "User-Agent", r.UserAgent(), "tintype-go")
		answer(200, jobAnswer)(w, r)
	}, tintype.WithKey(""), tintype.WithHTTPClient(nil))
	if _, err := c.Jobs.Get(t.Context(), "job-1"); err != nil {
		t.Error(err)
	}
}

func TestEmptyJobIDSendsNothing(t *testing.T) {
	t.Parallel()
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("request to %s", r.URL) })
	for name, do := range map[string]func(context.Context, string) (*tintype.Job, error){
		"Get": c.Jobs.Get, "Wait": c.Jobs.Wait, "Cancel": c.Jobs.Cancel, "Delete": c.Jobs.Delete,
	} {
		if _, err := do(t.Context(), ""); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, err := range c.Jobs.Events(t.Context(), "", 0) {
		if err == nil {
			t.Error("Events: no error")
		}
	}
}
