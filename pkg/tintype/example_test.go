package tintype_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// speak starts a server that answers one path as the contract says. The
// examples use it in place of a real one.
func speak(h http.HandlerFunc) (url string, stop func()) {
	srv := httptest.NewServer(h)
	return srv.URL, srv.Close
}

func ExampleClient_Image() {
	url, stop := speak(answer(http.StatusOK, "   "+imageAnswer)) // the spaces keep proxies awake
	defer stop()

	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	image, err := client.Image(ctx, tintype.ImageRequest{Prompt: "a cat at sea", Ratio: "16:9"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(image.ID, image.Data[0].URL)
	// Output: job-1 https://h/1.jpg
}

func ExampleClient_VideoStream() {
	url, stop := speak(stream(mediaStream))
	defer stop()

	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	for chunk, err := range client.VideoStream(context.Background(), tintype.VideoRequest{Prompt: "a cat at sea"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if p := chunk.Progress; p != nil {
			fmt.Printf("%s, %d %%\n", p.Phase, p.Percent)
		}
		for _, video := range chunk.Videos() {
			fmt.Println(video.URL)
		}
	}
	// Output:
	// queued, 0 %
	// generating, 30 %
	// https://h/1.mp4
}

// A job is submitted, followed and fetched. The log is read over as many
// connections as it takes.
func ExampleClient_SubmitVideo() {
	url, stop := speak(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/video/generations":
			answer(http.StatusAccepted, jobAnswer)(w, r)
		case "/v1/jobs/job-1/events":
			succeeded := `{"seq":3,"type":"job.succeeded","job":{"id":"job-1","object":"job","status":"succeeded","progress":100,` +
				`"media":[{"url":"/v1/media/c/video-0.mp4","sha256":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}]}}`
			stream(queued+submitted+"id: 3\nevent: job.succeeded\ndata: "+succeeded+"\n\n")(w, r)
		default:
			_, _ = w.Write([]byte("foo"))
		}
	})
	defer stop()

	ctx := context.Background()
	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	job, err := client.SubmitVideo(ctx, tintype.VideoRequest{Prompt: "a cat at sea"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for event, err := range client.Events(ctx, job.ID, 0) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.Type, event.Job.Status)
		job = &event.Job
	}
	if err := job.Err(); err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	sum, n, err := client.Download(ctx, job.Media[0].URL, &file)
	fmt.Println(n, sum == job.Media[0].SHA256, err)
	// Output:
	// job.queued queued
	// job.submitted running
	// job.succeeded succeeded
	// 3 true <nil>
}

func ExampleClient_ChatStream() {
	url, stop := speak(stream(`data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Good "}}]}

data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"day."},"finish_reason":"stop"}]}

data: [DONE]

`))
	defer stop()

	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	request := tintype.ChatRequest{Model: "doubao", Messages: []tintype.ChatMessage{tintype.UserMessage("Good day.")}}
	for chunk, err := range client.ChatStream(context.Background(), request) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(chunk.Text())
	}
	// Output: Good day.
}

func ExampleAPIError() {
	url, stop := speak(answer(http.StatusOK, "  "+envelope)) // the status was sent before the failure was known
	defer stop()

	client, err := tintype.NewClient(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Image(context.Background(), tintype.ImageRequest{})
	if e, ok := errors.AsType[*tintype.APIError](err); ok && e.Code == tintype.CodeInvalidRequest {
		fmt.Println(e.Param, "–", e.Message)
	}
	// Output: prompt – Write a prompt.
}

// A connection that is lost, like a wait that ends, is not the end of the job.
func ExampleIncompleteError() {
	url, stop := speak(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			answer(http.StatusOK, `{"id":"job-1","object":"job","status":"running"}`)(w, r)
			return
		}
		cut("  ")(w, r)
	})
	defer stop()

	ctx := context.Background()
	client, err := tintype.NewClient(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Image(ctx, tintype.ImageRequest{Prompt: "a cat at sea"})
	broken, ok := errors.AsType[*tintype.IncompleteError](err)
	if !ok {
		fmt.Println(err)
		return
	}
	fmt.Println(broken)

	job, err := client.Job(ctx, broken.JobID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job.Status)
	// Output:
	// tintype: the answer about job job-1 broke off: unexpected EOF
	// running
}
