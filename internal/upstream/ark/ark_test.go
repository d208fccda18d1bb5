package ark_test

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
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "sim-secret-key"

func acc() account.Account {
	return account.Account{ID: "a1", Upstream: "ark", Secret: account.NewSecret(key), MaxInFlight: 1}
}

// exchange is one request that a server got.
type exchange struct {
	method, path string
	header       http.Header
	body         []byte
}

// wire is an HTTP server that remembers what it was asked.
type wire struct {
	*httptest.Server
	mu  sync.Mutex
	got []exchange
}

// newWire starts a server that answers with a handler. The handler may read the
// body again.
func newWire(t *testing.T, answer http.HandlerFunc) *wire {
	t.Helper()
	w := &wire{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.got = append(w.got, exchange{r.Method, r.URL.Path, r.Header.Clone(), body})
		w.mu.Unlock()
		answer(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *wire) requests() []exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]exchange(nil), w.got...)
}

// only gives the one request that the server got.
func (w *wire) only(t *testing.T) exchange {
	t.Helper()
	got := w.requests()
	if len(got) != 1 {
		t.Fatalf("the server got %d requests, want 1", len(got))
	}
	return got[0]
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// driver makes a driver for a server, with times that no healthy answer needs.
func driver(t *testing.T, base string, change ...func(*ark.Config)) *ark.Driver {
	t.Helper()
	cfg := ark.Config{BaseURL: base}
	for _, c := range change {
		c(&cfg)
	}
	d, err := ark.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// hasty makes every time short.
func hasty(c *ark.Config) {
	const short = time.Second
	c.ImageTimeout, c.VideoTimeout, c.StatusTimeout = short, short, short
	c.ChatHeaderTimeout, c.ChatIdleTimeout = short, short
}

func image(prompt string) upstream.Submission {
	return upstream.Submission{Job: "01j", Fence: 1, Spec: job.Spec{
		Kind: job.Image, Prompt: prompt, UpstreamModel: "doubao-seedream-4-0-250828", Ratio: "1:1",
	}}
}

func video(prompt string) upstream.Submission {
	return upstream.Submission{Job: "01j", Fence: 1, Spec: job.Spec{
		Kind: job.Video, Prompt: prompt, UpstreamModel: "doubao-seedance-1-0-pro-250528", Ratio: "16:9",
	}}
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

func wantFault(t *testing.T, f *fault.Error, code fault.Code, param string) {
	t.Helper()
	if f == nil || f.Code != code || f.Param != param {
		t.Errorf("the fault is %v\nwant code %s, param %q", f, code, param)
	}
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

// answering starts a server that takes each answer from a channel, and a driver
// for it.
func answering(tb testing.TB, answers <-chan http.HandlerFunc) *ark.Driver {
	tb.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		(<-answers)(w, r)
	}))
	tb.Cleanup(srv.Close)
	d, err := ark.New(ark.Config{BaseURL: srv.URL})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(d.Close)
	return d
}

func chat() upstream.ChatRequest {
	return upstream.ChatRequest{
		Model: "doubao-seed-2-0-lite-260428", Public: "doubao",
		Body: map[string]json.RawMessage{"messages": json.RawMessage(`[{"role":"user","content":"hi"}]`)},
	}
}
