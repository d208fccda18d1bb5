package sdktest_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	_ "image/jpeg"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/volcengine/volcengine-go-sdk/service/arkruntime"
	"github.com/volcengine/volcengine-go-sdk/service/arkruntime/model"

	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
)

// setUp starts a simulator and a client of it that does not retry.
func setUp(t *testing.T, key string) (*arkruntime.Client, *sim.Simulator, *clock.Manual) {
	t.Helper()
	m := clock.NewManual(time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC))
	s := sim.New(sim.Config{Clock: m, ImageTime: -1, ChatChunkDelay: -1, Defaults: sim.Account{MaxRunning: 1}})
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		srv.Close()
	})
	return arkruntime.NewClientWithApiKey(key, arkruntime.WithBaseUrl(srv.URL+"/api/v3"), arkruntime.WithRetryTimes(0)), s, m
}

func TestChat(t *testing.T) {
	t.Parallel()
	client, _, _ := setUp(t, "sim-sdk")
	text := "how are you?"
	req := model.CreateChatCompletionRequest{
		Model: "doubao-seed-2-0-lite-260428",
		Messages: []*model.ChatCompletionMessage{{
			Role: model.ChatMessageRoleUser, Content: &model.ChatCompletionMessageContent{StringValue: &text},
		}},
		StreamOptions: nil,
	}
	whole, err := client.CreateChatCompletion(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := *whole.Choices[0].Message.Content.StringValue
	if !strings.Contains(want, text) || whole.Usage.TotalTokens == 0 || whole.Choices[0].FinishReason != model.FinishReasonStop {
		t.Errorf("%+v", whole)
	}
	if r := whole.Choices[0].Message.ReasoningContent; r == nil || *r == "" {
		t.Error("no reasoning")
	}

	req.StreamOptions = &model.StreamOptions{IncludeUsage: true}
	stream, err := client.CreateChatCompletionStream(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	var got strings.Builder
	var usage *model.Usage
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		usage = chunk.Usage
		for _, c := range chunk.Choices {
			got.WriteString(c.Delta.Content)
		}
	}
	if got.String() != want || usage == nil || usage.TotalTokens != whole.Usage.TotalTokens {
		t.Errorf("%q %+v", got.String(), usage)
	}
}

func TestChatStreamError(t *testing.T) {
	t.Parallel()
	client, _, _ := setUp(t, "sim-sdk")
	text := "x sim:sse-error"
	stream, err := client.CreateChatCompletionStream(t.Context(), model.CreateChatCompletionRequest{
		Model: "doubao-seed-2-0-lite-260428",
		Messages: []*model.ChatCompletionMessage{{
			Role: model.ChatMessageRoleUser, Content: &model.ChatCompletionMessageContent{StringValue: &text},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	for err == nil {
		_, err = stream.Recv()
	}
	if api := (*model.APIError)(nil); !errors.As(err, &api) || api.Code != "InternalServiceError" {
		t.Errorf("%v", err)
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	client, _, _ := setUp(t, "sim-sdk")
	size, off, auto, n := "1K", false, model.SequentialImageGeneration(model.SequentialImageGenerationAuto), 2
	req := model.GenerateImagesRequest{
		Model: "doubao-seedream-4-0-250828", Prompt: "a lake", Size: &size, Watermark: &off,
		SequentialImageGeneration: &auto, SequentialImageGenerationOptions: &model.SequentialImageGenerationOptions{MaxImages: &n},
	}
	out, err := client.GenerateImages(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Data) != n || out.Data[0].Size != "1024x1024" || out.Usage.GeneratedImages != int64(n) {
		t.Fatalf("%+v", out)
	}
	resp := get(t, *out.Data[1].Url)
	if img, format, err := image.DecodeConfig(bytes.NewReader(resp)); err != nil || format != "jpeg" || img.Width != 1024 {
		t.Errorf("%s %v", format, err)
	}

	stream, err := client.GenerateImagesStreaming(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	var kinds []string
	for {
		e, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, strings.TrimPrefix(e.Type, "image_generation."))
		if e.Url != nil {
			get(t, *e.Url)
		}
	}
	if got := strings.Join(kinds, " "); got != "partial_succeeded partial_succeeded completed" {
		t.Error(got)
	}
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", url, resp.StatusCode, err)
	}
	return data
}

func createVideo(ctx context.Context, client *arkruntime.Client, text string) (string, error) {
	yes, ratio, tag := true, "9:16", "fence-1"
	out, err := client.CreateContentGenerationTask(ctx, model.CreateContentGenerationTaskRequest{
		Model: "doubao-seedance-2-0-260128", Ratio: &ratio, ReturnLastFrame: &yes, SafetyIdentifier: &tag,
		Content: []*model.CreateContentGenerationContentItem{{Type: model.ContentGenerationContentItemTypeText, Text: &text}},
	})
	return out.ID, err
}

func TestVideo(t *testing.T) {
	t.Parallel()
	client, _, clock := setUp(t, "sim-sdk")
	ctx := t.Context()
	id, err := createVideo(ctx, client, "waves")
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := createVideo(ctx, client, "more waves sim:fail")
	if err != nil {
		t.Fatal(err)
	}
	status := func(id string) model.GetContentGenerationTaskResponse {
		v, err := client.GetContentGenerationTask(ctx, model.GetContentGenerationTaskRequest{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if a, b := status(id).Status, status(waiting).Status; a != model.StatusRunning || b != model.StatusQueued {
		t.Errorf("%s %s", a, b)
	}
	clock.Advance(12 * time.Second)
	v := status(id)
	if v.Status != model.StatusSucceeded || *v.Ratio != "9:16" || *v.Resolution != "720p" || *v.Duration != 5 || *v.SafetyIdentifier != "fence-1" || v.Usage.CompletionTokens != 108900 {
		t.Errorf("%+v", v)
	}
	if data := get(t, v.Content.VideoURL); string(data[4:8]) != "ftyp" {
		t.Errorf("%q", data[:8])
	}
	get(t, v.Content.LastFrameURL)
	if f := status(waiting); f.Status != model.StatusFailed || f.Error == nil || f.Error.Code != "OutputVideoSensitiveContentDetected" {
		t.Errorf("%+v", f)
	}
	state := model.StatusSucceeded
	list, err := client.ListContentGenerationTasks(ctx, model.ListContentGenerationTasksRequest{Filter: &model.ListContentGenerationTasksFilter{Status: &state, TaskIDs: []*string{&id, &waiting}}})
	if err != nil || list.Total != 1 || list.Items[0].ID != id {
		t.Errorf("%+v %v", list, err)
	}
	if err := client.DeleteContentGenerationTask(ctx, model.DeleteContentGenerationTaskRequest{ID: id}); err != nil {
		t.Error(err)
	}
	_, err = client.GetContentGenerationTask(ctx, model.GetContentGenerationTaskRequest{ID: id})
	if api := (*model.APIError)(nil); !errors.As(err, &api) || api.HTTPStatusCode != http.StatusNotFound {
		t.Errorf("%v", err)
	}
}

// The same DELETE that removes what is made (above) cancels what waits, which
// costs nothing then.
func TestCancel(t *testing.T) {
	t.Parallel()
	client, s, _ := setUp(t, "sim-sdk")
	ctx, one := t.Context(), 1
	running, err := createVideo(ctx, client, "waves")
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := createVideo(ctx, client, "more waves")
	if err != nil {
		t.Fatal(err)
	}
	err = client.DeleteContentGenerationTask(ctx, model.DeleteContentGenerationTaskRequest{ID: running})
	if api := (*model.APIError)(nil); !errors.As(err, &api) || api.HTTPStatusCode != http.StatusConflict || api.Code != "InvalidAction.RunningTaskDeletion" {
		t.Errorf("%v", err)
	}
	if err := client.DeleteContentGenerationTask(ctx, model.DeleteContentGenerationTaskRequest{ID: waiting}); err != nil {
		t.Error(err)
	}
	list, err := client.ListContentGenerationTasks(ctx, model.ListContentGenerationTasksRequest{PageNum: &one, PageSize: &one})
	if err != nil || list.Total != 2 || len(list.Items) != 1 || list.Items[0].ID != waiting || list.Items[0].Status != model.StatusCancelled {
		t.Errorf("%+v %v", list, err)
	}
	if n := s.Ledger().Totals.Charged; n != 1 {
		t.Errorf("%d charges", n)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]struct {
		status int
		code   string
	}{
		"wrong":       {401, "AuthenticationError"},
		"sim-limited": {429, "RateLimitExceeded.EndpointRPMExceeded"},
		"sim-sdk":     {400, "InputTextSensitiveContentDetected"},
	} {
		client, _, _ := setUp(t, key)
		_, err := createVideo(t.Context(), client, "x sim:reject")
		api := (*model.APIError)(nil)
		if !errors.As(err, &api) || api.HTTPStatusCode != want.status || api.Code != want.code || !strings.Contains(api.Message, "equest id: 02") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// The SDK retries creating a task, and can pay twice: the reason why the ark
// driver is not built on it.
func TestRetryIsASecondCharge(t *testing.T) {
	t.Parallel()
	_, s, _ := setUp(t, "sim-sdk")
	srv := httptest.NewServer(s)
	defer srv.Close()
	client := arkruntime.NewClientWithApiKey("sim-sdk", arkruntime.WithBaseUrl(srv.URL+"/api/v3"))
	if _, err := createVideo(t.Context(), client, "x sim:500,accepted,times=1"); err != nil {
		t.Fatal(err)
	}
	if n := s.Ledger().Totals.Charged; n != 2 {
		t.Errorf("%d charges", n)
	}
}
