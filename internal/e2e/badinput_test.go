package e2e_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// badRequest is one that must be refused at the door.
type badRequest struct {
	name   string
	path   string
	body   string
	key    string // empty: pooled
	header string // Authorization as it is; wins over key; "-" is none
	status int
	code   string
	param  string // empty: null
}

const (
	chatOf  = `{"messages":[{"role":"user","content":%s}]}`
	imageIn = `{"prompt":"x","image":%q}`
)

// Each group is a line of the list of bad input.

func badNames() []badRequest {
	return []badRequest{
		{name: "unknown model", path: imagePath, body: `{"model":"nope","prompt":"x"}`, status: 404, code: "model_not_found", param: "model"},
		{name: "unknown model", path: videoPath, body: `{"model":"nope","prompt":"x"}`, status: 404, code: "model_not_found", param: "model"},
		{name: "unknown model", path: chatPath, body: `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, status: 404, code: "model_not_found", param: "model"},
		{name: "model of another kind", path: videoPath, body: `{"model":"Seedream 4.0","prompt":"x"}`, status: 404, code: "model_not_found", param: "model"},
		{name: "missing prompt", path: imagePath, body: `{}`, status: 400, code: "invalid_request", param: "prompt"},
		{name: "null prompt", path: videoPath, body: `{"prompt":null}`, status: 400, code: "invalid_request", param: "prompt"},
		{name: "blank prompt", path: videoPath, body: `{"prompt":"  "}`, status: 400, code: "invalid_request", param: "prompt"},
		{name: "long prompt", path: imagePath, body: fmt.Sprintf(`{"prompt":%q}`, strings.Repeat("画", 1001)), status: 400, code: "invalid_request", param: "prompt"},
		{name: "missing messages", path: chatPath, body: `{}`, status: 400, code: "invalid_request", param: "messages"},
		{name: "no messages", path: chatPath, body: `{"messages":[]}`, status: 400, code: "invalid_request", param: "messages"},
		{name: "unknown role", path: chatPath, body: `{"messages":[{"role":"boss","content":"x"}]}`, status: 400, code: "invalid_request", param: "messages[0].role"},
		{name: "missing content", path: chatPath, body: `{"messages":[{"role":"user"}]}`, status: 400, code: "invalid_request", param: "messages[0].content"},
	}
}

func badTypes() []badRequest {
	var out []badRequest
	for field, values := range map[string][]string{
		"model": {`7`, `["a"]`}, "prompt": {`7`, `["x"]`, `{"a":1}`}, "image": {`7`, `["x"]`}, "ratio": {`1.5`, `{}`}, "stream": {`"yes"`, `1`}, "style": {`[]`},
	} {
		for _, v := range values {
			body := fmt.Sprintf(`{"prompt":"x",%q:%s}`, field, v)
			out = append(out, badRequest{name: field + " is " + v, path: imagePath, body: body, status: 400, code: "invalid_request", param: field})
			if field != "style" { // not a field of this path
				out = append(out, badRequest{name: field + " is " + v, path: videoPath, body: body, status: 400, code: "invalid_request", param: field})
			}
		}
	}
	return append(out,
		badRequest{name: "messages is a text", path: chatPath, body: `{"messages":"x"}`, status: 400, code: "invalid_request", param: "messages"},
		badRequest{name: "content is a number", path: chatPath, body: fmt.Sprintf(chatOf, `7`), status: 400, code: "invalid_request", param: "messages[0].content"},
		badRequest{name: "stream is a text", path: chatPath, body: `{"messages":[{"role":"user","content":"x"}],"stream":"yes"}`, status: 400, code: "invalid_request", param: "stream"},
		badRequest{name: "ratio outside the set", path: imagePath, body: `{"prompt":"x","ratio":"5:1"}`, status: 400, code: "invalid_request", param: "ratio"},
		badRequest{name: "ratio outside the set", path: videoPath, body: `{"prompt":"x","ratio":"3:2"}`, status: 400, code: "invalid_request", param: "ratio"},
	)
}

func badImages(files string) []badRequest {
	base := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	photo := photograph()
	var out []badRequest
	for name, tt := range map[string]struct{ image, code string }{
		"not base64":            {"hello, world", "invalid_image"},
		"another scheme":        {"ftp://example.com/a.png", "invalid_image"},
		"a file":                {"file:///etc/passwd", "invalid_image"},
		"not an image":          {base([]byte("just some words, no image at all")), "invalid_image"},
		"cut off":               {base(photo[:len(photo)/2]), "invalid_image"},
		"a data URI of nothing": {"data:image/png;base64,", "invalid_image"},
		"a web page":            {files + "/page", "invalid_image"},
		"missing":               {files + "/missing", "invalid_image"},
		"a cut-off file":        {files + "/cut", "invalid_image"},
		"an endless answer":     {files + "/silent", "invalid_image"},
		"too many bytes":        {base(make([]byte, 600<<10)), "image_too_large"},
		"too many bytes there":  {files + "/huge", "image_too_large"},
		"too many pixels":       {base(blank(2500, 2000)), "image_too_large"},
		"too small":             {base(blank(8, 8)), "invalid_image"},
		"nobody listens":        {"http://127.0.0.1:1/a.png", "invalid_image"},
		"no such host":          {"http://no..host/a.png", "invalid_image"},
		"private":               {"http://10.0.0.1/a.png", "invalid_image"},
		"another loopback":      {"http://127.0.0.2/a.png", "invalid_image"},
		"loopback in IPv6":      {"http://[::1]/a.png", "invalid_image"},
		"mapped":                {"http://[::ffff:10.0.0.1]/a.png", "invalid_image"},
		"carrier's":             {"http://100.64.0.1/a.png", "invalid_image"},
		"the cloud's own":       {"http://169.254.169.254/latest/meta-data/", "invalid_image"},
		"a redirect to private": {files + "/inside", "invalid_image"},
		"with a password":       {"http://u:p@127.0.0.1/a.png", "invalid_image"},
	} {
		for _, path := range []string{imagePath, videoPath} {
			out = append(out, badRequest{name: "image: " + name, path: path, body: fmt.Sprintf(imageIn, tt.image), status: 400, code: tt.code, param: "image"})
		}
	}
	part := func(url string) string {
		return fmt.Sprintf(chatOf, `[{"type":"image_url","image_url":{"url":"`+url+`"}}]`)
	}
	const at = "messages[0].content[0].image_url"
	return append(out,
		badRequest{name: "a private image", path: chatPath, body: part("http://10.0.0.1/a.png"), status: 400, code: "invalid_image", param: at},
		badRequest{name: "no such image", path: chatPath, body: part("http://no..host/a.png"), status: 400, code: "invalid_image", param: at},
		badRequest{name: "too large an image", path: chatPath, body: part("data:image/png;base64," + base(make([]byte, 600<<10))), status: 400, code: "image_too_large", param: at},
		badRequest{name: "another type", path: chatPath, body: part("data:text/html;base64,aGk="), status: 400, code: "invalid_image", param: at},
	)
}

func badBodies() []badRequest {
	var out []badRequest
	for _, path := range []string{chatPath, imagePath, videoPath} {
		out = append(
			out,
			badRequest{name: "over the limit", path: path, body: `{"prompt":"` + strings.Repeat("a", 3<<20) + `"}`, status: 413, code: "request_too_large"},
			badRequest{name: "malformed", path: path, body: `{"prompt":`, status: 400, code: "invalid_request"},
			badRequest{name: "single quotes", path: path, body: `{'prompt':'x'}`, status: 400, code: "invalid_request"},
			badRequest{name: "a list", path: path, body: `["x"]`, status: 400, code: "invalid_request"},
			badRequest{name: "not UTF-8", path: path, body: "{\"prompt\":\"\xff\xfe\"}", status: 400, code: "invalid_request"},
			badRequest{name: "deep", path: path, body: `{"prompt":"x","a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`, status: 400, code: "invalid_request"},
		)
	}
	return out
}

func badKeys() []badRequest {
	var out []badRequest
	for path, body := range map[string]string{
		chatPath: fmt.Sprintf(chatOf, `"x"`), imagePath: `{"prompt":"x"}`, videoPath: `{"prompt":"x"}`,
	} {
		out = append(
			out,
			badRequest{name: "no Authorization", path: path, body: body, header: "-", status: 401, code: "authentication_error", param: "Authorization"},
			badRequest{name: "another scheme", path: path, body: body, header: "Basic dTpw", status: 401, code: "authentication_error", param: "Authorization"},
			badRequest{name: "an empty credential", path: path, body: body, header: "Bearer ", status: 401, code: "authentication_error", param: "Authorization"},
			badRequest{name: "an unknown gateway key", path: path, body: body, key: "tt_nobody_knows_this_key", status: 401, code: "authentication_error", param: "Authorization"},
			badRequest{name: "a dead credential", path: path, body: body, key: "revoked-credential", status: 401, code: "upstream_credential_rejected", param: "Authorization"},
		)
	}
	return out
}

// TestBadInput: each has its own 4xx that names the field; nothing is enqueued
// and nothing is spent.
func TestBadInput(t *testing.T) {
	t.Parallel()
	c := start(t)
	cases := slices.Concat(badNames(), badTypes(), badImages(imageHost(t)), badBodies(), badKeys())
	before := c.everything()
	for i, tt := range cases {
		t.Run(tt.path[4:9]+"/"+tt.name, func(t *testing.T) {
			a, err := c.try(tt.request(c.apis[i%2]))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range tt.check(a) {
				t.Error(f)
			}
			if t.Failed() {
				t.Logf("%d %v %s", a.status, a.header, a.body)
			}
		})
	}
	if after := c.everything(); !maps.Equal(before, after) {
		t.Errorf("before: %v\nafter: %v", before, after)
	}
}

func (b badRequest) request(api *program) request {
	r := request{url: api.base() + b.path, key: pooled, body: b.body}
	switch {
	case b.header == "-":
		r.key = ""
	case b.header != "":
		r.key, r.headers = "", []string{"Authorization", b.header}
	case b.key != "":
		r.key = b.key
	}
	return r
}

func (b badRequest) check(a answer) (found []string) {
	o, err := a.object()
	if err != nil {
		return []string{err.Error()}
	}
	var param any
	if b.param != "" {
		param = b.param
	}
	found = like("body", o, errorBody(b.code, param))
	if a.status != b.status {
		found = append(found, fmt.Sprintf("status %d, not %d", a.status, b.status))
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "X-Should-Retry": "false", "X-Job-Id": ""} {
		if got := a.header.Get(name); got != want {
			found = append(found, fmt.Sprintf("%s is %q, not %q", name, got, want))
		}
	}
	for _, inner := range []string{"no..host", "api/v3", "ark-1", "goroutine", "dial tcp", "redis"} {
		if strings.Contains(string(a.body), inner) {
			found = append(found, "the answer tells "+inner)
		}
	}
	return found
}

// everything counts what a request could have left behind: keys in Redis (jobs
// and bells alike), objects in the bucket, submissions at the upstream.
func (c *cluster) everything() map[string]int {
	c.Helper()
	jobs, err1 := c.rdb.Keys(c.ctx(), key("*")).Result()
	tasks, err2 := c.rdb.Keys(c.ctx(), "asynq:*:t:*").Result()
	l, err3 := c.ledger()
	objects, uploads, err4 := c.bucket(c.ctx())
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			c.Fatal(err)
		}
	}
	jobs = slices.DeleteFunc(jobs, func(k string) bool { return strings.HasPrefix(k, key("mark")) }) // no request's: workers watch Redis
	media := slices.DeleteFunc(l.Submissions, func(sub sim.Submission) bool {
		return sub.Kind == "chat" && !sub.Charged // a chat is itself the question whether its credential is alive
	})
	kept := slices.DeleteFunc(slices.Collect(maps.Keys(objects)), func(name string) bool { return !strings.HasPrefix(name, "jobs/") })
	return map[string]int{
		"keys": len(jobs), "tasks": len(tasks), "objects": len(kept), "uploads": len(uploads),
		"submissions": len(media), "charges": l.Totals.Charged,
	}
}

// imageHost is a site with files that are no pictures.
func imageHost(t *testing.T) string {
	t.Helper()
	over := make(chan struct{})
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>hello</body></html>")
		case "/cut":
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(photograph()[:500])
		case "/huge":
			_, _ = w.Write(make([]byte, 600<<10))
		case "/inside":
			http.Redirect(w, r, "http://10.0.0.1/a.png", http.StatusFound)
		case "/silent":
			select {
			case <-over:
			case <-r.Context().Done():
			}
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(func() {
		close(over)
		site.Close()
	})
	return site.URL
}

// blank is a PNG of one colour: few bytes, whatever its size.
func blank(w, h int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))) // into memory: cannot fail
	return b.Bytes()
}
