package clients_test

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// TestBrowser: a page on another origin asks for a film, follows it with an
// EventSource whose connection breaks after every second event, plays what was made
// from its middle, and may read what it was refused.
func TestBrowser(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("page.html")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	origin := httptest.NewUnstartedServer(mux)
	s := start(t, map[string]string{"SERVER_CORS_ALLOWED_ORIGINS": "http://" + origin.Listener.Addr().String()})
	var connections atomic.Int64
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(page)
	})
	mux.HandleFunc("GET /events/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.cutEvents(t, w, r, int(connections.Add(1)))
	})
	origin.Start()
	defer origin.Close()
	var got struct {
		Job, Last, Refused, Error string
		Status, Opened            int
		Seqs                      []int
		Film                      struct{ Duration, At, Width float64 }
	}
	address := origin.URL + "/?" + url.Values{"api": {s.apis[0].URL()}, "key": {patient}}.Encode()
	browse(t, &got, address, "window.result")
	t.Logf("%+v", got)
	if got.Error != "" || got.Job == "" || got.Status != http.StatusAccepted || got.Last != "job.succeeded" {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.Seqs, numbers(len(got.Seqs))) || got.Opened < 3 {
		t.Errorf("the log reads %v over %d connections", got.Seqs, got.Opened)
	}
	if f := got.Film; f.Width == 0 || f.Duration == 0 || f.At < f.Duration/3 || f.At > f.Duration*2/3 {
		t.Errorf("the film plays as %+v", f)
	}
	if got.Refused != "401 authentication_error named" {
		t.Errorf("the page reads %q of a refusal", got.Refused)
	}
}

// browse opens a page in Chromium and reads an expression, once it is true, into v.
func browse(t *testing.T, v any, page, result string) {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: run `make test-clients`")
	}
	visit(t, v, nil, []string{"PAGE=" + page, "RESULT=" + result, "CHROMIUM=" + chromium}, "node", "browser.mjs")
}

// TestReference: the page about the API shows all of it, and asks no other host.
func TestReference(t *testing.T) {
	t.Parallel()
	s := start(t)
	var got struct {
		Operations     int
		Errors, Others []string
	}
	browse(t, &got, s.apis[0].URL()+"/docs", `document.querySelector('.opblock, .errors-wrapper') && {
		operations: document.querySelectorAll('.opblock').length,
		errors: [...document.querySelectorAll('.errors-wrapper')].map((e) => e.innerText),
		others: performance.getEntriesByType('resource').map((e) => e.name).filter((url) => !url.startsWith(location.origin)),
	}`)
	if got.Operations < 40 || len(got.Errors) > 0 || len(got.Others) > 0 {
		t.Errorf("%+v", got)
	}
}

// cutEvents is a page's own server: it asks the API in turn for a job's events, with
// the key, and breaks the connection off behind the second.
func (s *service) cutEvents(t *testing.T, w http.ResponseWriter, r *http.Request, turn int) {
	t.Helper()
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.apis[turn%2].URL()+"/v1/jobs/"+r.PathValue("id")+"/events", http.NoBody)
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+patient)
	req.Header.Set("Last-Event-ID", r.Header.Get("Last-Event-ID"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	lines, seen := bufio.NewScanner(resp.Body), 0
	for lines.Scan() {
		if _, err := w.Write(append(bytes.Clone(lines.Bytes()), '\n')); err != nil {
			return
		}
		if strings.HasPrefix(lines.Text(), "id:") {
			seen++
		}
		if lines.Text() == "" {
			_ = http.NewResponseController(w).Flush()
			if seen == 2 {
				panic(http.ErrAbortHandler)
			}
		}
	}
}
