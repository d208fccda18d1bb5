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

func ExampleImageService_Generate() {
	url, stop := speak(answer(http.StatusOK, "   "+imageAnswer)) // the spaces keep proxies awake
	defer stop()

	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()

	image, err := client.Images.Generate(ctx, tintype.ImageRequest{Prompt: "a cat at sea", Ratio: "16:9"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(image.ID, image.Data[0].URL)
	// Output: job-1 https://h/1.jpg
}

func ExampleVideoService_Stream() {
	url, stop := speak(stream(mediaStream))
	defer stop()

	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	for chunk, err := range client.Videos.Stream(context.Background(), tintype.VideoRequest{Prompt: "a cat at sea"}) {
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

// speakOfAVideo starts a server that makes one video, of three bytes. Its
// connections break now and then.
func speakOfAVideo() (url string, stop func()) {
	const film = `"media":[{"url":"/v1/media/c/video-0.mp4","type":"video/mp4","bytes":3,` +
		`"sha256":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}],` +
		`"choices":[{"message":{"videos":[{"vid":"v-1","url":"/v1/media/c/video-0.mp4"}]}}]`
	done := `{"id":"job-1","object":"job","kind":"video","status":"succeeded","progress":100,` + film + `}`
	last := "id: 3\nevent: job.succeeded\ndata: " + `{"seq":3,"type":"job.succeeded","job":` + done + "}\n\n"
	return speak(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST /v1/video/generations":
			answer(http.StatusAccepted, jobAnswer)(w, r)
		case "GET /v1/jobs/job-1/events":
			if r.Header.Get("Last-Event-ID") == "" {
				cut(quick+queued+submitted)(w, r)
			}
			stream(last)(w, r)
		case "GET /v1/jobs/job-1":
			answer(http.StatusOK, done)(w, r)
		default:
			_, _ = w.Write([]byte("foo"))
		}
	})
}

// The call waits for the video, however often its connection breaks.
func ExampleVideoService_Generate() {
	url, stop := speakOfAVideo()
	defer stop()

	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()

	video, err := client.Videos.Generate(ctx, tintype.VideoRequest{Prompt: "a cat at sea"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	n, err := client.Media.Download(ctx, video.Media[0], &file) // checked against its SHA-256
	fmt.Println(video.ID, n, err)
	// Output: job-1 3 <nil>
}

// A job is submitted, followed and fetched. The log is read over as many
// connections as it takes.
func ExampleVideoService_Submit() {
	url, stop := speakOfAVideo()
	defer stop()

	ctx := context.Background()
	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	handle, err := client.Videos.Submit(ctx, tintype.VideoRequest{Prompt: "a cat at sea"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for event, err := range handle.Events(ctx, 0) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.Type, event.Job.Status)
	}
	job, err := handle.Wait(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer
	n, err := client.Media.Download(ctx, job.Media[0], &file)
	fmt.Println(n, err)
	// Output:
	// job.queued queued
	// job.submitted running
	// job.succeeded succeeded
	// 3 <nil>
}

// Another process needs nothing but the job's id.
func ExampleJobService_Handle() {
	url, stop := speakOfAVideo()
	defer stop()

	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	id := "job-1" // from where the first process has written it down
	job, err := client.Jobs.Handle(id).Wait(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job.Status, job.Media[0].Bytes)
	// Output: succeeded 3
}

func ExampleJobService_List() {
	pages := map[string]string{
		"":      `{"object":"list","data":[{"id":"job-3"},{"id":"job-2"}],"first_id":"job-3","last_id":"job-2","has_more":true}`,
		"job-2": `{"object":"list","data":[{"id":"job-1"}],"first_id":"job-1","last_id":"job-1","has_more":false}`,
	}
	url, stop := speak(func(w http.ResponseWriter, r *http.Request) {
		answer(http.StatusOK, pages[r.FormValue("after")])(w, r)
	})
	defer stop()

	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	running := tintype.ListOptions{Status: []tintype.Status{tintype.StatusQueued, tintype.StatusRunning}}
	for job, err := range client.Jobs.List(context.Background(), running) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(job.ID)
	}
	// Output:
	// job-3
	// job-2
	// job-1
}

// An endpoint is made once, and its secret kept where the receiver has it from.
func ExampleWebhookService_Create() {
	url, stop := speak(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST /v1/webhooks":
			answer(http.StatusCreated, endpointAnswer)(w, r)
		case "POST /v1/webhooks/we_1/test":
			answer(http.StatusOK, `{"at":"2026-11-27T05:00:00Z","status":204,"error":null,"duration_ms":12}`)(w, r)
		}
	})
	defer stop()

	ctx := context.Background()
	client, err := tintype.NewClient(url, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		fmt.Println(err)
		return
	}
	endpoint, err := client.Webhooks.Create(ctx, tintype.WebhookRequest{URL: "https://h/hook"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.ID, endpoint.Secret) // it is not shown again

	attempt, err := client.Webhooks.Test(ctx, endpoint.ID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(attempt.Status, attempt.Error == nil)
	// Output:
	// we_1 whsec_MDEy
	// 204 true
}

func ExampleChatService_Stream() {
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
	for chunk, err := range client.Chat.Stream(context.Background(), request) {
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
	_, err = client.Images.Generate(context.Background(), tintype.ImageRequest{})
	if e, ok := errors.AsType[*tintype.APIError](err); ok && e.Code == tintype.CodeInvalidRequest {
		fmt.Println(e.Param, "–", e.Message)
	}
	// Output: prompt – Write a prompt.
}

// A wait that ends is not the end of the job.
func ExampleIncompleteError() {
	url, stop := speak(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			answer(http.StatusAccepted, jobAnswer)(w, r)
		case r.URL.Path == "/v1/jobs/job-1":
			answer(http.StatusOK, `{"id":"job-1","object":"job","status":"succeeded"}`)(w, r)
		default:
			silent(queued)(w, r)
		}
	})
	defer stop()

	client, err := tintype.NewClient(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = client.Videos.Generate(ctx, tintype.VideoRequest{Prompt: "a cat at sea"})
	broken, ok := errors.AsType[*tintype.IncompleteError](err)
	if !ok {
		fmt.Println(err)
		return
	}
	fmt.Println(broken.JobID, errors.Is(err, context.DeadlineExceeded))

	job, err := client.Jobs.Wait(context.Background(), broken.JobID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job.Status)
	// Output:
	// job-1 true
	// succeeded
}
