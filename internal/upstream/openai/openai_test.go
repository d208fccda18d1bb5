package openai_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/openai"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "sim-fuzzed-credential"

func acc() account.Account {
	return account.Account{ID: "a1", Upstream: "openai", Secret: account.NewSecret(key), MaxInFlight: 1}
}

// exchange is one request that a server got.
type exchange struct {
	method, path string
	header       http.Header
	body         []byte
}

// server is an HTTP server that remembers what it was asked.
type server struct {
	*httptest.Server
	mu  sync.Mutex
	got []exchange
}

func newServer(t *testing.T, answer http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.got = append(s.got, exchange{r.Method, r.URL.Path, r.Header.Clone(), body})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// only gives the one request that the server got.
func (s *server) only(t *testing.T) exchange {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) != 1 {
		t.Fatalf("the server got %d requests, want 1", len(s.got))
	}
	return s.got[0]
}

func reply(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// everything is an upstream that has all there is.
func everything(c *openai.Config) {
	c.Chat, c.Images, c.Edits, c.Videos = true, true, true, openai.Videos
}

// driver makes a driver for a server, with times that no healthy answer needs.
func driver(tb testing.TB, base string, change ...func(*openai.Config)) *openai.Driver {
	tb.Helper()
	cfg := openai.Config{BaseURL: base}
	everything(&cfg)
	for _, c := range change {
		c(&cfg)
	}
	d, err := openai.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(d.Close)
	return d
}

// hasty makes every time short.
func hasty(c *openai.Config) {
	const short = time.Second
	c.ImageTimeout, c.VideoTimeout, c.StatusTimeout = short, short, short
	c.ChatHeaderTimeout, c.ChatIdleTimeout = short, short
}

func newAPI(c *openai.Config) { c.Videos = openai.NewAPI }

func image(change ...func(*upstream.Submission)) upstream.Submission {
	return submission(job.Spec{Kind: job.Image, Prompt: "a cat", UpstreamModel: "gpt-image-1"}, change)
}

func video(change ...func(*upstream.Submission)) upstream.Submission {
	return submission(job.Spec{Kind: job.Video, Prompt: "a cat", UpstreamModel: "sora-2"}, change)
}

func submission(spec job.Spec, change []func(*upstream.Submission)) upstream.Submission {
	s := upstream.Submission{Job: "01j", Fence: 1, Spec: spec}
	for _, f := range change {
		f(&s)
	}
	return s
}

func chat() upstream.ChatRequest {
	return upstream.ChatRequest{
		Model: "gpt-4o-mini", Public: "chat",
		Body: map[string]json.RawMessage{"messages": json.RawMessage(`[{"role":"user","content":"hi"}]`)},
	}
}

// fails takes a driver's error apart and checks what every error promises.
func fails(t *testing.T, err error) *upstream.Error {
	t.Helper()
	e, ok := err.(*upstream.Error) //nolint:errorlint // the contract says that it is one, unwrapped
	if !ok {
		t.Fatalf("the error is %T %v, want *upstream.Error", err, err)
	}
	if e.Fault == nil || e.Fault.Message == "" {
		t.Fatalf("%v has no fault", e)
	}
	return e
}

// sameJSON compares two JSON texts by what they say.
func sameJSON(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("the test's own JSON: %v", err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
