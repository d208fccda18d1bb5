package openai_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/openai"
)

// gif is the smallest image that is one.
var gif = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;")

func ratio(r string) func(*upstream.Submission) {
	return func(s *upstream.Submission) { s.Spec.Ratio = r }
}

func withImage(s *upstream.Submission) { s.Image = gif }

func TestRequests(t *testing.T) {
	t.Parallel()
	seed := int64(7)
	tests := []struct {
		name   string
		s      upstream.Submission
		change func(*openai.Config)
		path   string
		want   string
	}{
		{"as little as can be", image(), nil, "/images/generations", `{"model":"gpt-image-1","prompt":"a cat"}`},
		{"ratio and style", image(ratio("3:2"), func(s *upstream.Submission) { s.Spec.Style = "3D" }), nil, "/images/generations", `{"model":"gpt-image-1","prompt":"a cat，3D渲染风格","size":"1536x1024"}`},
		{
			"size before ratio, count, seed", image(ratio("1:1"), func(s *upstream.Submission) {
				s.Spec.Size, s.Spec.Count, s.Spec.Seed, s.Spec.NegativePrompt = "512x512", 3, &seed, "dogs"
			}), func(c *openai.Config) {
				c.Image.MaxCount, c.Image.Sizes, c.ResponseFormat = 4, []string{"512x512"}, "b64_json"
			}, "/images/generations",
			`{"model":"gpt-image-1","prompt":"a cat","n":3,"size":"512x512","response_format":"b64_json","seed":7,"negative_prompt":"dogs"}`,
		},
		{"ratio as it is", image(ratio("9:16")), func(c *openai.Config) { c.Image.Ratios = map[string]string{"9:16": ""} }, "/images/generations", `{"model":"gpt-image-1","prompt":"a cat","ratio":"9:16"}`},
		{"video", video(ratio("16:9"), func(s *upstream.Submission) { s.Spec.Seconds = 8 }), nil, "/videos", `{"model":"sora-2","prompt":"a cat","seconds":"8","size":"1280x720"}`},
		{"video of configured length", video(), func(c *openai.Config) { c.Seconds = 12 }, "/videos", `{"model":"sora-2","prompt":"a cat","seconds":"12"}`},
		{
			"new-api", video(ratio("9:16"), withImage, func(s *upstream.Submission) {
				s.Spec.Seconds, s.Spec.Seed, s.Spec.NegativePrompt = 5, &seed, "dogs"
			}), newAPI, "/video/generations",
			`{"model":"sora-2","prompt":"a cat","width":720,"height":1280,"duration":5,"seed":7,"metadata":{"negative_prompt":"dogs"},` +
				`"image":"data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkQBADs="}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, reply(500, `{}`))
			var change []func(*openai.Config)
			if tt.change != nil {
				change = append(change, tt.change)
			}
			_, err := driver(t, srv.URL+"/v1", change...).Submit(t.Context(), acc(), tt.s)
			fails(t, err)
			got := srv.only(t)
			if got.method != http.MethodPost || got.path != "/v1"+tt.path || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("asked %s %s of %s", got.method, got.path, got.header.Get("Content-Type"))
			}
			sameJSON(t, got.body, tt.want)
			paidOnce(t, got.header)
		})
	}
}

// paidOnce: nothing in the head lets anybody send the request again, and nothing
// asks for another kind of answer.
func paidOnce(t *testing.T, h http.Header) {
	t.Helper()
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key", "Prefer", "Accept-Encoding"} {
		if h.Get(name) != "" {
			t.Errorf("%s: %s", name, h.Get(name))
		}
	}
	if h.Get("Authorization") != "Bearer "+key || h.Get("Connection") != "close" {
		t.Errorf("the head is %v", h)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	two := func(s *upstream.Submission) { s.References = [][]byte{[]byte("\xff\xd8\xff\xe0 second")} }
	tests := []struct {
		name, path string
		s          upstream.Submission
		want       []string
	}{
		{"one image", "/images/edits", image(withImage, ratio("1:1")), []string{"model=gpt-image-1", "prompt=a cat", "size=1024x1024", "image(image-0.gif image/gif)=" + string(gif)}},
		{"two images", "/images/edits", image(withImage, two), []string{"model=gpt-image-1", "prompt=a cat", "image[](image-0.gif image/gif)=" + string(gif), "image[](image-1.jpg image/jpeg)=\xff\xd8\xff\xe0 second"}},
		{"references alone", "/images/edits", image(two), []string{"model=gpt-image-1", "prompt=a cat", "image(image-0.jpg image/jpeg)=\xff\xd8\xff\xe0 second"}},
		{"video", "/videos", video(withImage, func(s *upstream.Submission) { s.Spec.Seconds = 4 }), []string{"model=sora-2", "prompt=a cat", "seconds=4", "input_reference(image-0.gif image/gif)=" + string(gif)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, reply(500, `{}`))
			_, err := driver(t, srv.URL).Submit(t.Context(), acc(), tt.s)
			fails(t, err)
			got := srv.only(t)
			if parts := parts(t, got); got.path != tt.path || strings.Join(parts, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("%s got %q\nwant %q", got.path, parts, tt.want)
			}
			paidOnce(t, got.header)
		})
	}
}

// parts reads a form: "name=text", "name(file type)=bytes".
func parts(t *testing.T, e exchange) (all []string) {
	t.Helper()
	_, params, err := mime.ParseMediaType(e.header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for r := multipart.NewReader(bytes.NewReader(e.body), params["boundary"]); ; {
		part, err := r.NextPart()
		if err == io.EOF { //nolint:errorlint // multipart gives io.EOF itself
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		name := part.FormName()
		if part.FileName() != "" {
			name += "(" + part.FileName() + " " + part.Header.Get("Content-Type") + ")"
		}
		all = append(all, name+"="+string(data))
	}
}

// TestRefusedBeforeSending: what the upstream cannot be asked for costs no request
// and names the field.
func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	spec := func(f func(*upstream.Submission)) func(*upstream.Submission) { return f }
	tests := []struct {
		name   string
		s      upstream.Submission
		change func(*openai.Config)
		param  string
	}{
		{"ratio that has no size", image(ratio("21:9")), nil, "ratio"},
		{"size that is none", image(spec(func(s *upstream.Submission) { s.Spec.Size = "large" })), nil, "size"},
		{"size outside of the list", image(spec(func(s *upstream.Submission) { s.Spec.Size = "999x999" })), func(c *openai.Config) { c.Image.Sizes = []string{"512x512"} }, "size"},
		{"too many", image(spec(func(s *upstream.Submission) { s.Spec.Count = 2 })), nil, "n"},
		{"resolution", image(spec(func(s *upstream.Submission) { s.Spec.Resolution = "2K" })), nil, "resolution"},
		{"no edits", image(withImage), func(c *openai.Config) { c.Edits = false }, "image"},
		{"edits alone", image(), func(c *openai.Config) { c.Images = false }, "image"},
		{"no videos", video(), func(c *openai.Config) { c.Videos = openai.NoVideos }, "model"},
		{"two images for a video", video(withImage, spec(func(s *upstream.Submission) { s.References = [][]byte{gif} })), nil, "image"},
		{"last frame", video(spec(func(s *upstream.Submission) { s.LastFrame = gif })), nil, "last_frame"},
		{"resolution of a video", video(spec(func(s *upstream.Submission) { s.Spec.Resolution = "720p" })), newAPI, "resolution"},
		{"two videos", video(spec(func(s *upstream.Submission) { s.Spec.Count = 2 })), nil, "n"},
		{"ratio of a video", video(ratio("1:1")), newAPI, "ratio"},
	}
	for _, tt := range tests {
		srv := newServer(t, reply(500, `{}`))
		change := tt.change
		if change == nil {
			change = everything
		}
		_, err := driver(t, srv.URL, change).Submit(t.Context(), acc(), tt.s)
		e := fails(t, err)
		if e.Class != upstream.InvalidInput || e.Outcome != upstream.Rejected || e.Fault.Param != tt.param || len(srv.got) != 0 {
			t.Errorf("%s: %v (param %q) after %d requests", tt.name, e, e.Fault.Param, len(srv.got))
		}
	}
}

func TestChatRequest(t *testing.T) {
	t.Parallel()
	srv := newServer(t, reply(500, `{}`))
	r := chat()
	r.Thinking = "disabled" // Ark's word
	for name, value := range map[string]string{
		"temperature": "0.5", "stream": "true", "store": "true", "metadata": `{"a":"b"}`, "seed": "1", "n": "null",
		"tools": `[ {"type":"function"} ]`, "x": "1", "thinking": `{"type":"enabled"}`,
	} {
		r.Body[name] = []byte(value)
	}
	_, err := driver(t, srv.URL).Chat(t.Context(), acc(), r)
	fails(t, err)
	sameJSON(t, srv.only(t).body, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"temperature":0.5,"seed":1,"tools":[{"type":"function"}]}`)

	srv = newServer(t, reply(500, `{}`))
	r = chat()
	r.IncludeUsage = true
	_, err = driver(t, srv.URL).ChatStream(t.Context(), acc(), r)
	fails(t, err)
	sameJSON(t, srv.only(t).body, `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}`)

	_, err = driver(t, srv.URL, func(c *openai.Config) { c.Chat = false }).Chat(t.Context(), acc(), chat())
	if e := fails(t, err); e.Fault.Param != "model" || e.Outcome != upstream.Rejected {
		t.Errorf("got %v", e)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	tests := []struct {
		want   string // empty: it is fine
		change func(*openai.Config)
	}{
		{"", func(*openai.Config) {}},
		{"", func(c *openai.Config) { c.BaseURL = "" }},
		{"base_url", func(c *openai.Config) { c.BaseURL = "https://user:secret@host/v1" }},
		{"videos", func(c *openai.Config) { c.Videos = "sora" }},
		{"response_format", func(c *openai.Config) { c.ResponseFormat = "png" }},
		{"none of chat", func(c *openai.Config) { *c = openai.Config{} }},
		{"thumbnails", func(c *openai.Config) { c.Thumbnails, c.Videos = true, openai.NewAPI }},
		{"seconds", func(c *openai.Config) { c.Seconds = -1 }},
		{"max_count", func(c *openai.Config) { c.Video.MaxCount = 2 }},
		{"image ratios", func(c *openai.Config) { c.Image.Ratios = map[string]string{"1:1": "big"} }},
		{"video sizes", func(c *openai.Config) { c.Video.Sizes = []string{"720p"} }},
	}
	for _, tt := range tests {
		cfg := openai.Config{BaseURL: "https://example.com/v1/"}
		everything(&cfg)
		tt.change(&cfg)
		d, err := openai.New(cfg)
		if d != nil {
			d.Close()
		}
		if (err != nil) != (tt.want != "") || err != nil && (!strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: got %v", tt.want, err)
		}
	}
}

// TestUnusableCredential never reaches the wire.
func TestUnusableCredential(t *testing.T) {
	t.Parallel()
	srv := newServer(t, reply(200, `{}`))
	d, bad := driver(t, srv.URL), acc()
	bad.Secret = account.NewSecret("two\nlines")
	_, err := d.Submit(t.Context(), bad, image())
	if e := fails(t, err); e.Class != upstream.Auth || e.Outcome != upstream.Rejected || e.Fault.Code != fault.CredentialRejected {
		t.Errorf("got %v", e)
	}
	if len(srv.got) != 0 {
		t.Errorf("%d requests", len(srv.got))
	}
}
