package clients_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// ways is what a client got by each way that it has; empty where it has none.
type ways struct {
	Chat        string
	ChatStream  string `json:"chat_stream"`
	Image       string // a link, or the file as a data URI
	ImageStream string `json:"image_stream"`
	Video       string
	VideoStream string   `json:"video_stream"`
	Resumed     string   // of what was left and taken up at another process
	Seqs        []int    // of the events before and after that
	Errors      []string // class, status, code
}

// visitors are the programs that speak with a client, and what each calls an error.
var visitors = map[string]struct {
	argv   []string
	logs   bool // has been told the numbers of events
	errors []string
}{
	"openai": {[]string{"node", "ways.mjs"}, false, []string{
		"AuthenticationError 401 upstream_credential_rejected", "RateLimitError 429 rate_limit_exceeded", "BadRequestError 400 invalid_request", "NotFoundError 404 not_found",
	}},
	"ai": {[]string{"node", "ways_ai.mjs"}, false, []string{
		"AI_APICallError 401 upstream_credential_rejected", "AI_APICallError 429 rate_limit_exceeded", "AI_APICallError 400 invalid_request",
	}},
	"python": {[]string{"python3", "ways.py"}, true, []string{
		"HTTPError 401 upstream_credential_rejected", "HTTPError 429 rate_limit_exceeded", "HTTPError 400 invalid_request", "HTTPError 404 not_found",
	}},
	"curl": {[]string{"bash", "ways.sh"}, true, []string{
		"curl 401 upstream_credential_rejected", "curl 429 rate_limit_exceeded", "curl 400 invalid_request", "curl 404 not_found",
	}},
}

// visit runs a program that writes JSON into v.
func visit(t *testing.T, v any, input []byte, env []string, argv ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callsWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = bytes.NewReader(input), &out, &said, append(os.Environ(), env...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", argv, err, said.String())
	}
	if err := json.Unmarshal(out.Bytes(), v); err != nil {
		t.Fatalf("%s said %.300q: %v\n%s", argv, out.String(), err, said.String())
	}
}

// whereTo tells a visitor where the service is.
func (s *service) whereTo(base, key string) []string {
	return []string{"BASE=" + base, "OTHER=" + s.apis[1].URL(), "KEY=" + key, "OWN=sim-own"}
}

// TestWays: each client gets everything by every way that it has, takes up at
// another process what it has left, and learns in its own words what was wrong.
func TestWays(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{
		"AUTH_PASS_THROUGH": "true", "AUTH_TENANT_SECRET": strings.Repeat("tenant", 8),
		"SECURITY_KEYS": "clients:" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
	})
	for name, v := range visitors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got ways
			visit(t, &got, nil, s.whereTo(s.apis[0].URL(), patient), v.argv...)
			if !strings.Contains(got.Chat, "good morning") || got.ChatStream != got.Chat {
				t.Errorf("chat %q, streamed %q", got.Chat, got.ChatStream)
			}
			media := map[string]string{"image": got.Image, "resumed": got.Resumed}
			if name != "ai" {
				media["image stream"], media["video stream"] = got.ImageStream, got.VideoStream
				if !strings.HasSuffix(got.VideoStream, ".mp4") || !strings.HasSuffix(got.Resumed, ".mp4") {
					t.Errorf("no films: %s, %s", got.VideoStream, got.Resumed)
				}
			}
			for way, link := range media {
				if len(fileAt(t, link)) < 1000 {
					t.Errorf("%s: no media at %.100s", way, link)
				}
			}
			if whole := numbers(len(got.Seqs)); v.logs != (len(got.Seqs) > 4) || !slices.Equal(got.Seqs, whole) {
				t.Errorf("the log reads %v", got.Seqs)
			}
			if !slices.Equal(got.Errors, v.errors) {
				t.Errorf("%q", got.Errors)
			}
			for prompt, n := range s.charges(t) {
				if strings.HasSuffix(prompt, "by "+name) && n != 1 {
					t.Errorf("%q was paid for %d times", prompt, n)
				}
			}
		})
	}
}

// numbers are those from 1 to n.
func numbers(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// fileAt gives the bytes behind a link or in a data URI.
func fileAt(t *testing.T, link string) []byte {
	t.Helper()
	_, data, inline := strings.Cut(link, ";base64,")
	if !inline {
		return get(t, link)
	}
	b, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Error(err)
	}
	return b
}
