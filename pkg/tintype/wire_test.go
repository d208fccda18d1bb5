package tintype_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// The wire is a promise to others: these are the very bytes, null for null.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		value any
		want  string
	}{
		{
			"error without field and code",
			tintype.ErrorBody{Error: tintype.ErrorDetail{Message: "m", Type: "t"}},
			`{"error":{"message":"m","type":"t","param":null,"code":null}}`,
		},
		{
			"error in full",
			tintype.ErrorBody{Error: tintype.ErrorDetail{Message: "m", Type: "t", Param: new("prompt"), Code: new("invalid_request"), JobID: "j"}},
			`{"error":{"message":"m","type":"t","param":"prompt","code":"invalid_request","job_id":"j"}}`,
		},
		{
			"first chunk",
			tintype.Chunk{ID: "j", Object: tintype.ObjectChunk, Created: 1, Model: "m", Seq: 9, Choices: []tintype.ChunkChoice{{Delta: tintype.Delta{Role: "assistant", Content: new("")}}}},
			`{"id":"j","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
		},
		{
			"chunk of progress",
			tintype.Chunk{ID: "j", Choices: []tintype.ChunkChoice{{Delta: tintype.Delta{Content: new("")}}}, Progress: &tintype.Progress{Phase: tintype.PhaseQueued, Position: new(0)}},
			`{"id":"j","object":"","created":0,"model":"","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}],"progress":{"phase":"queued","percent":0,"position":0,"eta_seconds":null}}`,
		},
		{
			"last chunk",
			tintype.Chunk{ID: "j", Choices: []tintype.ChunkChoice{{FinishReason: new("stop")}}},
			`{"id":"j","object":"","created":0,"model":"","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`,
		},
		{
			"chunk of usage",
			&tintype.Chunk{ID: "1", Usage: &tintype.Usage{TotalTokens: 2}},
			`{"id":"1","object":"","created":0,"model":"","choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":2}}`,
		},
		{
			"image in base64",
			tintype.MediaResponse{ID: "j", Object: tintype.ObjectCompletion, Created: 1, Choices: []tintype.Choice{{FinishReason: "stop", Message: tintype.Message{Role: "assistant", Content: "c", Images: tintype.Links{"l"}}}}, Data: []tintype.DataItem{{B64JSON: "AA=="}}},
			`{"id":"j","model":"","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"c","images":["l"]},"finish_reason":"stop"}],"created":1,"data":[{"b64_json":"AA=="}]}`,
		},
		{
			"video",
			tintype.MediaResponse{ID: "j", Choices: []tintype.Choice{{Message: tintype.Message{Videos: []tintype.Video{{VID: "v", Cover: "c", URL: "u"}}}}}, Data: []tintype.DataItem{{URL: "u", Cover: "c", VID: "v"}}},
			`{"id":"j","model":"","object":"","choices":[{"index":0,"message":{"role":"","content":"","videos":[{"vid":"v","cover":"c","url":"u"}]},"finish_reason":""}],"created":0,"data":[{"url":"u","cover":"c","vid":"v"}]}`,
		},
		{
			"new job",
			tintype.Job{ID: "j", Object: tintype.ObjectJob, Kind: tintype.KindImage, Model: "m", Status: tintype.StatusQueued, Phase: tintype.PhaseQueued, CreatedAt: noon, Deadline: noon.Add(time.Minute), ExpiresAt: noon.Add(time.Hour), Queue: &tintype.Queue{Position: 1, Depth: 2}, URLs: tintype.JobURLs{Get: "g"}},
			`{"id":"j","object":"job","kind":"image","model":"m","status":"queued","phase":"queued","progress":0,
			"created_at":"2026-11-23T12:00:00Z","started_at":null,"finished_at":null,"deadline":"2026-11-23T12:01:00Z","expires_at":"2026-11-23T13:00:00Z",
			"queue":{"position":1,"depth":2},"eta":null,"media":[],"usage":null,"cancel":null,"recovered":false,"recoverable_until":null,"webhook":null,"timeline":[],"urls":{"get":"g"}}`,
		},
		{"finished job", fullJob(), fullJobJSON},
		{
			"event",
			tintype.Event{Seq: 1, Type: tintype.EventQueued, Time: noon, Job: fullJob()},
			`{"seq":1,"type":"job.queued","time":"2026-11-23T12:00:00Z","job":` + fullJobJSON + `}`,
		},
		{
			"model",
			tintype.ModelList{Object: tintype.ObjectList, Data: []tintype.Model{{ID: "Seedream 4.0", Object: tintype.ObjectModel, Created: 1, OwnedBy: "ark", Kind: tintype.KindImage, Ratios: []string{"1:1"}, Sizes: []string{"2048x2048"}}}},
			`{"object":"list","data":[{"id":"Seedream 4.0","object":"model","created":1,"owned_by":"ark","kind":"image","ratios":["1:1"],"sizes":["2048x2048"]}]}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			sameJSON(t, "JSON", string(got), tt.want)
		})
	}
}

func fullJob() tintype.Job {
	return tintype.Job{
		ID: "j", Object: tintype.ObjectJob, Kind: tintype.KindVideo, Model: "m", Status: tintype.StatusFailed, Progress: 100,
		CreatedAt: noon, StartedAt: &noon, FinishedAt: &noon, Deadline: noon, ExpiresAt: noon,
		ETA: &tintype.ETA{P50At: noon, P90At: noon, N: 20},
		Media: []tintype.Media{{
			ID: "0", Type: "video/mp4", URL: "u", CoverURL: "c", Bytes: 5, SHA256: "ab", Width: 16, Height: 9, Duration: 5.04, FPS: 24,
		}},
		Choices:   []tintype.Choice{{FinishReason: "stop", Message: tintype.Message{Role: "assistant", Content: "c"}}},
		Usage:     &tintype.MediaUsage{OutputTokens: 1, TotalTokens: 2, Images: 3},
		Error:     &tintype.ErrorDetail{Message: "m", Type: "t", Code: new("media_invalid")},
		Cancel:    &tintype.Cancel{RequestedAt: noon, Outcome: tintype.CancelTooLate, Billing: tintype.BillingCharged},
		Recovered: true,
		Timeline:  []tintype.Moment{{Event: tintype.EventQueued, At: noon}},
		URLs:      tintype.JobURLs{Get: "g", Events: "e", Cancel: "x", Content: "c"},
	}
}

const fullJobJSON = `{"id":"j","object":"job","kind":"video","model":"m","status":"failed","phase":"","progress":100,
	"created_at":"2026-11-23T12:00:00Z","started_at":"2026-11-23T12:00:00Z","finished_at":"2026-11-23T12:00:00Z",
	"deadline":"2026-11-23T12:00:00Z","expires_at":"2026-11-23T12:00:00Z","queue":null,
	"eta":{"p50_at":"2026-11-23T12:00:00Z","p90_at":"2026-11-23T12:00:00Z","n":20},
	"media":[{"id":"0","type":"video/mp4","url":"u","cover_url":"c","bytes":5,"sha256":"ab","width":16,"height":9,"duration_seconds":5.04,"fps":24}],
	"choices":[{"index":0,"message":{"role":"assistant","content":"c"},"finish_reason":"stop"}],
	"usage":{"output_tokens":1,"total_tokens":2,"images":3},"error":{"message":"m","type":"t","param":null,"code":"media_invalid"},
	"cancel":{"requested_at":"2026-11-23T12:00:00Z","outcome":"too_late","billing":"charged"},"recovered":true,"recoverable_until":null,"webhook":null,
	"timeline":[{"event":"job.queued","at":"2026-11-23T12:00:00Z"}],"urls":{"get":"g","events":"e","cancel":"x","content":"c"}}`

// What the server writes the client reads back, field for field.
func TestJobSurvivesTheWire(t *testing.T) {
	t.Parallel()
	var got tintype.Job
	if err := json.Unmarshal([]byte(fullJobJSON), &got); err != nil {
		t.Fatal(err)
	}
	equal(t, "job", got, fullJob())
}

func TestChatMessages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     tintype.ChatMessage
		out      string // if it is written otherwise than it was read
	}{
		{"text", `{"role":"user","content":"hi"}`, tintype.UserMessage("hi"), ""},
		{"no text", `{"role":"user","content":""}`, tintype.UserMessage(""), ""},
		{
			"parts", `{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"u"}}]}`,
			tintype.ChatMessage{Role: "user", Parts: []tintype.ContentPart{tintype.TextPart("a"), tintype.ImagePart("u")}},
			"",
		},
		{
			"tool calls", `{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]}`,
			tintype.ChatMessage{Role: "assistant", ToolCalls: json.RawMessage(`[{"id":"1"}]`)},
			`{"role":"assistant","content":"","tool_calls":[{"id":"1"}]}`,
		},
		{
			"tool result", `{"role":"tool","content":"5","tool_call_id":"1","name":"f"}`,
			tintype.ChatMessage{Role: "tool", Content: "5", ToolCallID: "1", Name: "f"},
			"",
		},
		{
			"thoughts", `{"role":"assistant","reasoning_content":"hm","future":1}`,
			tintype.ChatMessage{Role: "assistant", ReasoningContent: "hm"},
			`{"role":"assistant","content":"","reasoning_content":"hm"}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got tintype.ChatMessage
			if err := json.Unmarshal([]byte(tt.in), &got); err != nil {
				t.Fatal(err)
			}
			equal(t, "message", got, tt.want)
			out, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.out
			if want == "" {
				want = tt.in
			}
			sameJSON(t, "JSON", string(out), want)
		})
	}
	for _, bad := range []string{`[]`, `{"content":7}`, `{"content":[7]}`, `{"content":{}}`} {
		if err := json.Unmarshal([]byte(bad), new(tintype.ChatMessage)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

// Some chat models attach images as objects; that must not break the stream.
func TestLinks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]tintype.Links{
		`null`:        nil,
		`[]`:          nil,
		`["a","b"]`:   {"a", "b"},
		`["",null,7]`: nil,
		`[{"type":"image_url","image_url":{"url":"a"}},{"url":"b"},{"other":1},"c"]`: {"a", "b", "c"},
	} {
		got := tintype.Links{"old"}
		if err := json.Unmarshal([]byte(in), &got); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if len(got)+len(want) > 0 {
			equal(t, in, got, want)
		}
	}
	if err := json.Unmarshal([]byte(`"a"`), new(tintype.Links)); err == nil {
		t.Error("a string is no list")
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	for status, want := range map[tintype.Status]bool{
		tintype.StatusQueued: false, tintype.StatusRunning: false, tintype.StatusMirroring: false, "future": false,
		tintype.StatusSucceeded: true, tintype.StatusFailed: true, tintype.StatusCanceled: true,
	} {
		equal(t, string(status), status.Final(), want)
	}
}
