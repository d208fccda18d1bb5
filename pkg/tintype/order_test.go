package tintype_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// mill is a server that makes one job for each key and says what it was asked. Each
// step answers one request, the last one all that follow.
type mill struct {
	mu    sync.Mutex
	steps []http.HandlerFunc
	asked []string // method and path, with the cursor
	keys  map[string]bool
}

func (m *mill) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	m.mu.Lock()
	line := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/v1/")
	if cursor := r.Header.Get("Last-Event-ID"); cursor != "" {
		line += " " + cursor
	}
	if r.Method == http.MethodPost {
		if m.keys == nil {
			m.keys = map[string]bool{}
		}
		m.keys[r.Header.Get("Idempotency-Key")] = true
		line += " " + r.Header.Get("Prefer")
	}
	m.asked = append(m.asked, strings.TrimSpace(line))
	step := m.steps[min(len(m.asked), len(m.steps))-1]
	m.mu.Unlock()
	step(w, r)
}

// said gives what was asked so far.
func (m *mill) said() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.asked)
}

// sent gives the keys that came.
func (m *mill) sent() map[string]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.keys)
}

// lost takes a request and never answers it.
func lost(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// later refuses for now.
func later(code int, header, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(header, value)
		answer(code, `{"error":{"message":"Not now.","type":"server_error","param":null,"code":"queue_full"}}`)(w, r)
	}
}

// cutAnswer begins to answer about job-1 and breaks off.
func cutAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Job-Id", "job-1")
	_, _ = w.Write([]byte("  "))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

const (
	filmJob = `{"id":"job-1","object":"job","kind":"video","model":"m","status":"succeeded","created_at":"2026-11-23T10:00:00Z",` +
		`"media":[{"url":"https://h/1.mp4","type":"video/mp4","bytes":5,"sha256":"ab"}],` +
		`"choices":[{"index":0,"message":{"role":"assistant","content":"x","videos":[{"vid":"v","url":"https://h/1.mp4","cover":"https://h/1.jpg"}]},"finish_reason":"stop"}]}`
	filmDone   = "id: 4\nevent: job.succeeded\ndata: {\"seq\":4,\"type\":\"job.succeeded\",\"job\":" + filmJob + "}\n\n"
	failedJob  = `{"id":"job-1","object":"job","status":"failed","error":{"message":"Bad.","type":"server_error","param":null,"code":"generation_failed"}}`
	failedDone = "id: 4\nevent: job.failed\ndata: {\"seq\":4,\"type\":\"job.failed\",\"job\":" + failedJob + "}\n\n"
	post       = "POST video/generations respond-async"
	events     = "GET jobs/job-1/events"
)

var (
	accepted  = answer(http.StatusAccepted, jobAnswer)
	forbidden = answer(http.StatusForbidden, `{"error":{"message":"No.","type":"permission_error","param":null,"code":"permission_denied"}}`)
)

// TestGenerate: whatever breaks on the way, there is one job, and its result.
func TestGenerate(t *testing.T) {
	t.Parallel()
	many := make([]http.HandlerFunc, 40)
	for i := range many {
		many[i] = lost
	}
	for _, tt := range []struct {
		name  string
		steps []http.HandlerFunc
		asked []string
		most  time.Duration
	}{
		{"nothing breaks", []http.HandlerFunc{accepted, stream(queued + filmDone)}, []string{post, events}, 0},
		{"the answer is lost", []http.HandlerFunc{lost, cutAnswer, accepted, stream(filmDone)}, []string{post, post, post, events}, 2 * time.Second},
		{"lost for long", append(append([]http.HandlerFunc{accepted, stream(queued)}, many...), stream(filmDone)), nil, 30 * time.Minute},
		{"busy", []http.HandlerFunc{later(503, "Retry-After", "7"), later(429, "Retry-After-Ms", "100"), accepted, stream(filmDone)}, []string{post, post, post, events}, 7200 * time.Millisecond},
		{"the log breaks", []http.HandlerFunc{accepted, cut(quick + queued + submitted), status(502), stream(filmDone)}, []string{post, events, events + " 2", events + " 2"}, time.Second},
		{"the log cannot be had at first", []http.HandlerFunc{accepted, status(503), stream(filmDone)}, []string{post, events, events}, 2 * time.Second},
		{"made at once", []http.HandlerFunc{answer(200, videoAnswer)}, []string{post}, 0},
		{"made already", []http.HandlerFunc{answer(202, filmJob)}, []string{post}, 0},
		{
			"too many wait there",
			[]http.HandlerFunc{answer(504, `{"error":{"message":"Later.","type":"server_error","param":null,"code":"wait_timeout","job_id":"job-1"}}`), stream(filmDone)},
			[]string{post, events},
			0,
		},
		{"events that tell little", []http.HandlerFunc{accepted, stream(succeeded), answer(200, filmJob)}, []string{post, events, "GET jobs/job-1"}, 0},
		{
			"a key that may not read",
			[]http.HandlerFunc{accepted, forbidden, answer(200, " "+videoAnswer)},
			[]string{post, events, "POST video/generations"},
			0,
		},
		{
			"a key that may not read, and cuts",
			[]http.HandlerFunc{accepted, forbidden, cutAnswer, later(409, "Retry-After-Ms", "100"), answer(200, videoAnswer)},
			[]string{post, events, "POST video/generations", "POST video/generations", "POST video/generations"},
			2 * time.Second,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &mill{steps: tt.steps}
			inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
				begin := time.Now()
				film, err := c.Videos.Generate(t.Context(), tintype.VideoRequest{Prompt: "cat"})
				if err != nil || len(film.Data) != 1 || !strings.HasSuffix(film.Data[0].URL, ".mp4") || film.Data[0].VID == "" {
					t.Errorf("%+v, %v", film, err)
				}
				if tt.asked != nil {
					equal(t, "asked", m.said(), tt.asked)
				}
				equal(t, "keys", len(m.sent()), 1)
				within(t, "it", time.Since(begin), 0, tt.most)
			})
		})
	}
}

// TestGenerateTellsAll: the answer that is made of a job is the one that a blocking
// call gives.
func TestGenerateTellsAll(t *testing.T) {
	t.Parallel()
	m := &mill{steps: []http.HandlerFunc{accepted, stream(filmDone)}}
	film, err := serve(t, m.ServeHTTP).Videos.Generate(t.Context(), tintype.VideoRequest{Prompt: "cat"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "answer", film, &tintype.MediaResponse{
		ID: "job-1", Model: "m", Object: tintype.ObjectCompletion, Created: 1795428000,
		Choices: []tintype.Choice{{FinishReason: "stop", Message: tintype.Message{
			Role: "assistant", Content: "x", Videos: []tintype.Video{{VID: "v", URL: "https://h/1.mp4", Cover: "https://h/1.jpg"}},
		}}},
		Data:  []tintype.DataItem{{URL: "https://h/1.mp4", Cover: "https://h/1.jpg", VID: "v"}},
		Media: []tintype.Media{{URL: "https://h/1.mp4", Type: "video/mp4", Bytes: 5, SHA256: "ab"}},
	})
}

// TestGenerateBase64 puts the checked bytes where they were asked for.
func TestGenerateBase64(t *testing.T) {
	t.Parallel()
	const made = `{"id":"job-1","object":"job","status":"succeeded","media":[{"url":"/1.png","sha256":"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"}],` +
		`"choices":[{"message":{"images":["/1.png"]}}]}`
	for bytes, want := range map[string]error{"foo": nil, "fool": tintype.ErrWrongFile} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				answer(202, made)(w, r)
				return
			}
			_, _ = io.WriteString(w, bytes)
		})
		image, err := c.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "cat", ResponseFormat: tintype.FormatBase64})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", bytes, err)
		}
		if want == nil {
			equal(t, "data", image.Data, []tintype.DataItem{{B64JSON: base64.StdEncoding.EncodeToString([]byte("foo"))}})
		}
	}
}

// TestGenerateThatFails: a failure is told at once, and nothing is tried that
// cannot help.
func TestGenerateThatFails(t *testing.T) {
	t.Parallel()
	code := func(want tintype.Code, replayed bool) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*tintype.APIError](err)
			return ok && e.Code == want && e.Replayed == replayed
		}
	}
	replay := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Idempotency-Replayed", "true")
		accepted(w, r)
	}
	for _, tt := range []struct {
		name  string
		steps []http.HandlerFunc
		asked int
		check func(error) bool
	}{
		{"refused", []http.HandlerFunc{answer(400, envelope)}, 1, code(tintype.CodeInvalidRequest, false)},
		{"refused in a 200", []http.HandlerFunc{answer(200, "  "+envelope)}, 1, code(tintype.CodeInvalidRequest, false)},
		{"the job fails", []http.HandlerFunc{accepted, stream(failedDone)}, 2, code(tintype.CodeGenerationFailed, false)},
		{"the job failed before", []http.HandlerFunc{replay, stream(failedDone)}, 2, code(tintype.CodeGenerationFailed, true)},
		{"our own first try was lost", []http.HandlerFunc{lost, replay, stream(failedDone)}, 3, code(tintype.CodeGenerationFailed, false)},
		{"busy for good", []http.HandlerFunc{later(503, "Retry-After", "1")}, 3, code(tintype.CodeQueueFull, false)},
		{"must not be retried", []http.HandlerFunc{later(503, "X-Should-Retry", "false")}, 1, code(tintype.CodeQueueFull, false)},
		{"busy for long", []http.HandlerFunc{later(429, "Retry-After", "3600")}, 1, code(tintype.CodeQueueFull, false)},
		{"the job is gone", []http.HandlerFunc{accepted, answer(404, `{"error":{"message":"No.","type":"t","param":null,"code":"not_found"}}`)}, 2, code(tintype.CodeNotFound, false)},
		{"no result", []http.HandlerFunc{accepted, stream(succeeded), answer(200, `{"id":"job-1","object":"job","status":"succeeded"}`)}, 3, func(err error) bool {
			e, ok := errors.AsType[*tintype.IncompleteError](err)
			return ok && e.JobID == "job-1"
		}},
		{"late failure, and a key that may not read", []http.HandlerFunc{accepted, forbidden, answer(200, " "+envelope)}, 3, code(tintype.CodeInvalidRequest, false)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &mill{steps: tt.steps}
			inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
				film, err := c.Videos.Generate(t.Context(), tintype.VideoRequest{Prompt: "cat"})
				if err == nil || film != nil || !tt.check(err) {
					t.Errorf("%+v, %v", film, err)
				}
				equal(t, "asked", len(m.said()), tt.asked)
			})
		})
	}
}

// TestContextEndsGenerate: the error has the job and the way back, wherever the
// context ends.
func TestContextEndsGenerate(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for _, tt := range []struct {
		name  string
		steps []http.HandlerFunc
		id    string
	}{
		{"before the job is known", []http.HandlerFunc{hang}, ""},
		{"while it is asked for again", []http.HandlerFunc{lost}, ""},
		{"while the log is read", []http.HandlerFunc{accepted, silent(queued)}, "job-1"},
		{"while the log is lost", []http.HandlerFunc{accepted, lost}, "job-1"},
		{"while the server is down", []http.HandlerFunc{accepted, status(503)}, "job-1"},
		{"while it may not read", []http.HandlerFunc{accepted, forbidden, hang}, "job-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &mill{steps: tt.steps}
			inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
				defer cancel()
				begin := time.Now()
				_, err := c.Videos.Generate(ctx, tintype.VideoRequest{Prompt: "cat", IdempotencyKey: "mine"})
				broken, ok := errors.AsType[*tintype.IncompleteError](err)
				if !ok || !errors.Is(err, context.DeadlineExceeded) || broken.JobID != tt.id || broken.IdempotencyKey != "mine" {
					t.Errorf("error is %v", err)
				}
				within(t, "it", time.Since(begin), 50*time.Second, 50*time.Second)
				for _, line := range m.said() {
					if strings.Contains(line, "cancel") {
						t.Errorf("it canceled: %v", m.said())
					}
				}
			})
		})
	}
}

// TestTooLateToWait: who is told to come back after its context's end learns at once
// why.
func TestTooLateToWait(t *testing.T) {
	t.Parallel()
	m := &mill{steps: []http.HandlerFunc{later(503, "Retry-After", "30")}}
	inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		begin := time.Now()
		_, err := c.Videos.Generate(ctx, tintype.VideoRequest{Prompt: "cat"})
		if e, ok := errors.AsType[*tintype.APIError](err); !ok || e.RetryAfter != 30*time.Second {
			t.Errorf("error is %v", err)
		}
		equal(t, "asked", len(m.said()), 1)
		within(t, "it", time.Since(begin), 0, 0)
	})
}

// TestKeyOutlived: a POST whose key the server may have forgotten is not sent: it
// could be paid twice.
func TestKeyOutlived(t *testing.T) {
	t.Parallel()
	m := &mill{steps: []http.HandlerFunc{lost}}
	inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
		begin := time.Now()
		_, err := c.Videos.Submit(t.Context(), tintype.VideoRequest{Prompt: "cat"})
		broken, ok := errors.AsType[*tintype.IncompleteError](err)
		if !ok || !m.sent()[broken.IdempotencyKey] || !errors.Is(err, io.EOF) {
			t.Errorf("error is %v", err)
		}
		within(t, "giving up", time.Since(begin), 58*time.Minute, time.Hour)
	})
}

// TestWait takes up a job by its id and gives it beside its failure.
func TestWait(t *testing.T) {
	t.Parallel()
	running := answer(200, `{"id":"job-1","object":"job","status":"running"}`)
	m := &mill{steps: []http.HandlerFunc{status(503), running, lost, stream(queued), stream(failedDone)}}
	inFakeTime(t, m, func(t *testing.T, c *tintype.Client) {
		job, err := c.Jobs.Handle("job-1").Wait(t.Context())
		e, ok := errors.AsType[*tintype.APIError](err)
		if !ok || e.Code != tintype.CodeGenerationFailed || job == nil || job.Status != tintype.StatusFailed {
			t.Errorf("%+v, %v", job, err)
		}
		equal(t, "asked", m.said(), []string{"GET jobs/job-1", "GET jobs/job-1", events, events, events + " 1"})
	})
}
