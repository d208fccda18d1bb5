package openai_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/openai"
)

// TestGuards: the credential is for the content of the upstream's own videos, and
// for no link that the upstream may have chosen.
func TestGuards(t *testing.T) {
	t.Parallel()
	const base = "https://api.example.com/v1"
	videos := driver(t, base, func(c *openai.Config) { c.Thumbnails = true })
	for url, want := range map[string]bool{
		base + "/videos/video_1/content":                           true,
		base + "/videos/video_1/content?variant=thumbnail":         true,
		base + "/videos/a%2Fb/content":                             true,
		base + "/files/1":                                          false,
		base + "/videos/video_1":                                   false,
		"https://api.example.com.evil.example/v1/videos/v/content": false,
		"https://evil.example/v1/videos/v/content":                 false,
		"http://api.example.com/v1/videos/v/content":               false,
		"": false,
	} {
		if got := videos.Guards(job.Source{Role: job.Primary, URL: url}); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
	if driver(t, base, newAPI).Guards(job.Source{URL: base + "/videos/v/content"}) {
		t.Error("new-api has no such links")
	}
	h := http.Header{}
	videos.Authorize(acc(), h)
	if h.Get("Authorization") != "Bearer "+key {
		t.Errorf("the head is %v", h)
	}
	videos.Authorize(account.Account{Secret: account.NewSecret("two\nlines")}, http.Header{})
}

// TestReadySources: where a finished video is, with an id that needs escaping.
func TestReadySources(t *testing.T) {
	t.Parallel()
	srv := newServer(t, reply(200, `{"status":"completed","url":"https://elsewhere.example/v.mp4"}`))
	d := driver(t, srv.URL+"/v1", func(c *openai.Config) { c.Thumbnails = true })
	got, err := d.Status(t.Context(), acc(), "a/b")
	want := []job.Source{
		{Role: job.Primary, URL: srv.URL + "/v1/videos/a%2Fb/content"},
		{Role: job.Cover, URL: srv.URL + "/v1/videos/a%2Fb/content?variant=thumbnail"},
	}
	if err != nil || len(got.Sources) != 2 || got.Sources[0].URL != want[0].URL || got.Sources[1].URL != want[1].URL || got.Sources[1].Role != job.Cover {
		t.Errorf("got %+v, %v", got.Sources, err)
	}
	for _, s := range got.Sources {
		if !d.Guards(s) || strings.Contains(s.URL, key) {
			t.Errorf("%s is open, or has the credential in it", s.URL)
		}
	}
}

// TestChatErrorsInside: an error in the place of an answer has an outcome, one in
// the middle of a stream has none.
func TestChatErrorsInside(t *testing.T) {
	t.Parallel()
	const hello = `data: {"id":"1","created":1,"choices":[{"index":0,"delta":{"content":"hi"}}]}` + "\n\n"
	for _, tt := range []struct {
		code    string
		outcome upstream.Outcome
	}{
		{"rate_limit_exceeded", upstream.Rejected},
		{"overloaded_error", upstream.Ambiguous}, // it may have begun
		{"pool_exhausted", upstream.Rejected},
		{"server_error", upstream.Ambiguous},
	} {
		answers := make(chan http.HandlerFunc, 1)
		d := answering(t, answers)
		answers <- reply(200, "  "+envelope(tt.code, "", ""))
		_, err := d.Chat(t.Context(), acc(), chat())
		if e := sound(t, err); e.Outcome != tt.outcome {
			t.Errorf("%s: %v", tt.code, e)
		}
		event := "data: " + envelope(tt.code, "", "") + "\n\n"
		answers <- reply(200, event)
		_, err = d.ChatStream(t.Context(), acc(), chat())
		if e := sound(t, err); e.Class != upstream.Unknown { // it was not sent as a stream
			t.Errorf("%s: %v", tt.code, e)
		}
		answers <- events(event)
		_, err = d.ChatStream(t.Context(), acc(), chat())
		if e := sound(t, err); e.Outcome != tt.outcome {
			t.Errorf("%s in the first chunk: %v", tt.code, e)
		}
		answers <- events(hello + event)
		s, err := d.ChatStream(t.Context(), acc(), chat())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Next(); err != nil {
			t.Error(err)
		}
		_, err = s.Next()
		if e := sound(t, err); e.Outcome != "" || errors.Is(err, io.EOF) {
			t.Errorf("%s in the middle: %v", tt.code, e)
		}
		_ = s.Close()
	}
}

func events(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, text)
	}
}
