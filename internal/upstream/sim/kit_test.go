package sim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kit is a running simulator with a client that speaks to it.
type kit struct {
	t      *testing.T
	sim    *sim.Simulator
	clock  *clock.Manual // nil if the simulator runs in real time
	url    string
	client *http.Client
	key    string
}

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// newKit starts a simulator with a clock that stands still, in which images
// and chats take no time.
func newKit(t *testing.T, change func(*sim.Config)) *kit {
	t.Helper()
	m := clock.NewManual(start)
	cfg := sim.Config{Clock: m, ImageTime: -1, ChatChunkDelay: -1}
	if change != nil {
		change(&cfg)
	}
	s := sim.New(cfg)
	srv := httptest.NewServer(s)
	client := &http.Client{
		Transport:     &http.Transport{},
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		srv.CloseClientConnections()
		srv.Close()
		s.Close()
	})
	return &kit{t: t, sim: s, clock: m, url: srv.URL, client: client, key: "sim-test"}
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// do sends a request and reads the answer. The error is that of the request.
func (k *kit) do(ctx context.Context, method, url, body string, header ...string) (answer, error) {
	k.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = k.url + url
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	if strings.Contains(url, "/api/v3/") || strings.Contains(url, "/openai/v1/") {
		req.Header.Set("Authorization", "Bearer "+k.key)
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := k.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: data, err: err}, nil
}

// must sends a request that must be answered, with that status.
func (k *kit) must(status int, method, url, body string, header ...string) answer {
	k.t.Helper()
	a, err := k.do(k.t.Context(), method, url, body, header...)
	if err != nil {
		k.t.Fatalf("%s %s: %v", method, url, err)
	}
	if a.status != status {
		k.t.Fatalf("%s %s: status %d, want %d: %s", method, url, a.status, status, clip(a.body))
	}
	return a
}

func clip(b []byte) []byte { return b[:min(len(b), 500)] }

// as decodes an answer.
func as[T any](t *testing.T, a answer) T {
	t.Helper()
	var out T
	d := json.NewDecoder(bytes.NewReader(a.body))
	if err := d.Decode(&out); err != nil {
		t.Fatalf("decode %s: %v", clip(a.body), err)
	}
	return out
}

const (
	chatRoute  = "/api/v3/chat/completions"
	imageRoute = "/api/v3/images/generations"
	taskRoute  = "/api/v3/contents/generations/tasks"
)

type errorBody struct {
	Error struct{ Code, Message, Param, Type string }
}

type imageBody struct {
	Model   string
	Created int64
	Data    []struct {
		URL   string
		B64   string `json:"b64_json"`
		Size  string
		Error *struct{ Code, Message string }
	}
	Usage *struct {
		GeneratedImages int `json:"generated_images"`
		OutputTokens    int `json:"output_tokens"`
		TotalTokens     int `json:"total_tokens"`
	}
	Error *struct{ Code, Message string }
}

type taskBody struct {
	ID, Model, Status, Resolution, Ratio string
	Content                              *struct {
		VideoURL  string `json:"video_url"`
		LastFrame string `json:"last_frame_url"`
	}
	Usage *struct {
		CompletionTokens int `json:"completion_tokens"`
	}
	Error            *struct{ Code, Message string }
	CreatedAt        int64 `json:"created_at"`
	UpdatedAt        int64 `json:"updated_at"`
	Duration, Frames *int64
	Seed             *int64
	FPS              int    `json:"framespersecond"`
	SafetyIdentifier string `json:"safety_identifier"`
}

// jsonOf builds a request body.
func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

type obj = map[string]any

// imageOf is a request for an image, with more fields if given.
func imageOf(prompt string, more ...obj) string {
	return merged(obj{"model": "doubao-seedream-4-0-250828", "prompt": prompt, "watermark": false}, more)
}

// videoOf is a request for a video, with more fields if given.
func videoOf(prompt string, more ...obj) string {
	return merged(obj{"model": "doubao-seedance-1-0-pro-250528", "content": []obj{{"type": "text", "text": prompt}}}, more)
}

// chatOf is a request for a chat, with more fields if given.
func chatOf(prompt string, more ...obj) string {
	return merged(obj{"model": "doubao-seed-2-0-lite-260428", "messages": []obj{{"role": "user", "content": prompt}}}, more)
}

func merged(into obj, more []obj) string {
	for _, m := range more {
		for k, v := range m {
			if into[k] = v; v == nil {
				delete(into, k)
			}
		}
	}
	return jsonOf(into)
}

// create starts a video and returns its id.
func (k *kit) create(body string) string {
	k.t.Helper()
	return as[taskBody](k.t, k.must(200, "POST", taskRoute, body)).ID
}

func (k *kit) get(id string) taskBody {
	k.t.Helper()
	return as[taskBody](k.t, k.must(200, "GET", taskRoute+"/"+id, ""))
}

func (k *kit) image(body string) imageBody {
	k.t.Helper()
	return as[imageBody](k.t, k.must(200, "POST", imageRoute, body))
}
