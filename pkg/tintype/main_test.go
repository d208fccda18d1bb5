package tintype_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/pkg/tintype"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server that answers by h, and makes a client of it.
func serve(t *testing.T, h http.HandlerFunc, options ...tintype.Option) *tintype.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	options = append([]tintype.Option{tintype.WithHTTPClient(srv.Client()), tintype.WithKey("k-1")}, options...)
	c, err := tintype.NewClient(srv.URL, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serveAt is serve for a server whose base URL has a path.
func serveAt(t *testing.T, path string, h http.HandlerFunc) *tintype.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := tintype.NewClient(srv.URL+path, tintype.WithHTTPClient(srv.Client()))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer answers every request with a status and a body of JSON.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// stream answers every request with a stream of these bytes about job-1.
func stream(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		w.Header().Set("X-Job-Id", "job-1")
		_, _ = w.Write([]byte(body))
	}
}

// kept is an event of job-1's log as the events endpoint writes it.
func kept(seq int, event tintype.EventType, status tintype.Status) string {
	return fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", seq, event, eventJSON(seq, event, status))
}

func eventJSON(seq int, event tintype.EventType, status tintype.Status) string {
	return fmt.Sprintf(`{"seq":%d,"type":%q,"time":"2026-11-23T10:00:00Z","job":{"id":"job-1","object":"job","status":%q}}`,
		seq, event, status)
}

// equal compares two values by their JSON, which says more than a dump.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	t.Errorf("%s:\n got %s\nwant %s", what, g, w)
}

// sameJSON compares two JSON texts but for white space and the order of keys.
func sameJSON(t *testing.T, what, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%s: %v in %s", what, err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: the test is wrong: %v", what, err)
	}
	equal(t, what, g, w)
}
