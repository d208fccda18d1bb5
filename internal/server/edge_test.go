package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/server"
)

// TestForgiving: what real clients send is understood.
func TestForgiving(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, tt := range []struct {
		name, path, body string
		headers          []string
	}{
		{"slashes", "//v1//images///generations", `{"prompt":"x"}`, nil},
		{"bearer in another case", images, `{"prompt":"x"}`, []string{"Authorization", "bEARER   " + gatewayKey}},
		{"charset", images, `{"prompt":"x"}`, []string{"Content-Type", "application/json; charset=utf-8"}},
		{"no content type", images, `{"prompt":"x"}`, []string{"Content-Type", ""}},
		{"curl's content type", images, `{"prompt":"x"}`, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"unknown fields", images, `{"prompt":"x","n":1,"quality":"hd","user":{"a":[1]}}`, nil},
		{"nulls", images, `{"prompt":"x","model":null,"image":null,"ratio":null,"style":null,"stream":null,"response_format":null}`, nil},
		{"empty strings", images, `{"prompt":"x","model":"","image":"","ratio":"","style":""}`, nil},
		{"the last of two counts", images, `{"prompt":7,"prompt":"x"}`, nil},
		{"byte order mark", images, "\xef\xbb\xbf{\"prompt\":\"x\"}\n", nil},
		{"full-width ratio", images, `{"prompt":"x","ratio":" １６：９ "}`, nil},
		{"spaces in a ratio", videos, `{"prompt":"x","ratio":"16 : 9"}`, nil},
		{"style", images, `{"prompt":"x","style":" 卡通 "}`, nil},
		{"style of a video is no field", videos, `{"prompt":"x","style":7}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := h.create(tt.path, tt.body, tt.headers...)
			j, err := h.store.Get(t.Context(), id)
			h.must(err)
			if j.Spec.Prompt != "x" || strings.Contains(tt.name, "ratio") && j.Spec.Ratio != "16:9" || strings.TrimSpace(j.Spec.Style) != j.Spec.Style {
				t.Errorf("spec %+v", j.Spec)
			}
		})
	}
	t.Run("chunked body", func(t *testing.T) {
		resp := h.open(t.Context(), http.MethodPost, images, io.MultiReader(strings.NewReader(`{"prompt":`), strings.NewReader(`"x"}`)), "Prefer", "respond-async")
		_ = resp.Body.Close()
		if resp.StatusCode != 202 {
			t.Errorf("%d", resp.StatusCode)
		}
	})
}

// TestDefaults: what is not said is as Part A says, but that an image made from
// another one follows it.
func TestDefaults(t *testing.T) {
	t.Parallel()
	h := open(t)
	pic := h.dataURI(picture(t, 400, 300))
	for _, tt := range []struct{ path, body, model, ratio string }{
		{images, `{"prompt":"x"}`, "Seedream 4.0", "1:1"},
		{images, `{"prompt":"x","image":"` + pic + `"}`, "Seedream 4.0", ""},
		{images, `{"prompt":"x","image":"` + pic + `","ratio":"9:16"}`, "Seedream 4.0", "9:16"},
		{images, `{"prompt":"x","model":"seedream"}`, "seedream", "1:1"},
		{images, `{"prompt":"x","model":"text only"}`, "text only", "16:9"},
		{videos, `{"prompt":"x"}`, "doubao-video", "16:9"},
		{videos, `{"prompt":"x","image":"` + pic + `"}`, "doubao-video", "16:9"},
	} {
		j, err := h.store.Get(t.Context(), h.create(tt.path, tt.body))
		h.must(err)
		if j.Spec.Model != tt.model || j.Spec.Ratio != tt.ratio {
			t.Errorf("%.80s: model %q, ratio %q", tt.body, j.Spec.Model, j.Spec.Ratio)
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	h := open(t)
	for sent, kept := range map[string]bool{
		"abc-1.2_3": true, "a b\"<c;{}~": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "": false, "日": false, "a\tb": false,
	} {
		got := h.call(http.MethodGet, "/v1/models", "", "X-Request-Id", sent).header.Get("X-Request-Id")
		if kept && got != sent || !kept && (!strings.HasPrefix(got, "req_") || len(got) < 20) {
			t.Errorf("%.40q gives %q", sent, got)
		}
	}
}

func TestRouter(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, tt := range []struct {
		method, path string
		status       int
		code         string
	}{
		{http.MethodGet, "/v1/nope", 404, "not_found"},
		{http.MethodGet, "/", 404, "not_found"},
		{http.MethodGet, images, 405, "method_not_allowed"},
		{http.MethodPut, "/v1/models", 405, "method_not_allowed"},
		{"BREW", images, 405, "method_not_allowed"},
	} {
		a := h.call(tt.method, tt.path, "")
		if code, _, _ := errorOf(t, a.body); a.status != tt.status || code != tt.code || a.header.Get("X-Request-Id") == "" || a.header.Get("X-Should-Retry") != "false" {
			t.Errorf("%s %s: %d %v %s", tt.method, tt.path, a.status, a.header, a.body)
		}
		if tt.status == 405 && a.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", tt.method, tt.path)
		}
	}
	for i := range 3 {
		h.call(http.MethodGet, fmt.Sprintf("/v1/nope/%d", i), "")
	}
	if page := h.call(http.MethodGet, "/metrics", "").body; strings.Contains(page, "nope") || strings.Contains(page, "BREW") {
		t.Error("a caller's own path or method is a label of a metric")
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	star := open(t)
	one := open(t, configure(func(c *server.Config) { c.CORSOrigins = []string{"https://app.example"} }))
	nobody := open(t, configure(func(c *server.Config) { c.CORSOrigins = nil }))
	const asked = "authorization,content-type,x-stainless-lang,x-stainless-os"
	for _, tt := range []struct {
		name   string
		h      *house
		origin string
		want   string
	}{
		{"everybody", star, "https://a.example", "*"},
		{"the configured one", one, "https://app.example", "https://app.example"},
		{"another", one, "https://evil.example", ""},
		{"nobody", nobody, "https://app.example", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pre := tt.h.call(http.MethodOptions, images, "", "Authorization", "", "Origin", tt.origin,
				"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", asked)
			if pre.status != 204 || pre.header.Get("Access-Control-Allow-Origin") != tt.want {
				t.Errorf("preflight: %d %v", pre.status, pre.header)
			}
			if tt.want != "" && (pre.header.Get("Access-Control-Allow-Headers") != asked || !strings.Contains(pre.header.Get("Access-Control-Allow-Methods"), "POST")) {
				t.Errorf("preflight: %v", pre.header)
			}
			bad := tt.h.call(http.MethodPost, images, `{}`, "Origin", tt.origin)
			exposed := bad.header.Get("Access-Control-Expose-Headers")
			if bad.status != 400 || bad.header.Get("Access-Control-Allow-Origin") != tt.want {
				t.Errorf("an error: %d %v", bad.status, bad.header)
			}
			if tt.want != "" && (!strings.Contains(exposed, "x-request-id") || !strings.Contains(exposed, "x-job-id") || !strings.Contains(exposed, "retry-after")) {
				t.Errorf("exposed: %s", exposed)
			}
			if tt.want != "*" && bad.header.Get("Vary") != "Origin" {
				t.Errorf("Vary: %v", bad.header.Values("Vary"))
			}
		})
	}
	if a := one.call(http.MethodGet, "/v1/models", ""); a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Vary") != "Origin" {
		t.Errorf("no origin: %v", a.header)
	}
	if a := star.call(http.MethodOptions, "/v1/nope", "", "Authorization", ""); a.status != 204 {
		t.Errorf("OPTIONS of no path: %d", a.status)
	}
}

// brokenBucket is a store whose Check fails as long as it is told to.
type brokenBucket struct {
	blob.Store
	err error
}

func (b *brokenBucket) Check(context.Context) error { return b.err }

func TestHealth(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := h.call(http.MethodGet, path, "", "Authorization", ""); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if a := h.call(http.MethodHead, path, ""); a.status != 200 {
			t.Errorf("HEAD %s: %d", path, a.status)
		}
	}
	h.redis.SetError("LOADING away")
	if a := h.call(http.MethodGet, "/readyz", ""); a.status != 503 || !strings.Contains(a.body, `"redis":"unreachable"`) {
		t.Errorf("Redis away: %d %s", a.status, a.body)
	}
	if a := h.call(http.MethodGet, "/healthz", ""); a.status != 200 {
		t.Errorf("Redis away, alive: %d", a.status)
	}
	h.redis.SetError("")
	broken := open(t, configure(func(c *server.Config) { c.Blobs = &brokenBucket{c.Blobs, errors.New("no such bucket: secret-name")} }))
	if a := broken.call(http.MethodGet, "/readyz", ""); a.status != 503 || !strings.Contains(a.body, `"bucket":"unreachable"`) || strings.Contains(a.body, "secret-name") {
		t.Errorf("bucket away: %d %s", a.status, a.body)
	}
}

// TestBucketThatGoes: who has met its bucket stays ready without it, since all share it
// and nobody else could tell callers so.
func TestBucketThatGoes(t *testing.T) {
	t.Parallel()
	h := open(t)
	bucket := &brokenBucket{h.cfg.Blobs, nil}
	cfg := h.cfg
	cfg.Blobs, cfg.Metrics = bucket, prometheus.NewRegistry()
	srv, err := server.New(cfg)
	h.must(err)
	look := func(path string) (int, string) {
		server.ForgetBucket(srv)
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		return w.Code, w.Body.String()
	}
	for _, is := range []struct {
		err    error
		redis  string
		status int
		says   string
		up     int
	}{
		{nil, "", 200, `{"status":"ready"}`, 1},
		{errors.New("away"), "", 200, `{"status":"ready","bucket":"unreachable"}`, 0},
		{errors.New("away"), "LOADING away", 503, `{"status":"not_ready","redis":"unreachable","bucket":"unreachable"}`, 0},
		{nil, "", 200, `{"status":"ready"}`, 1},
	} {
		bucket.err = is.err
		h.redis.SetError(is.redis)
		if status, body := look("/readyz"); status != is.status || strings.TrimSpace(body) != is.says {
			t.Errorf("%d %s, want %d %s", status, body, is.status, is.says)
		}
		if _, page := look("/metrics"); !strings.Contains(page, fmt.Sprintf("tintype_bucket_up %d\n", is.up)) {
			t.Errorf("the metric is not %d", is.up)
		}
	}
}

// panicky is a bucket with a bug.
type panicky struct{ blob.Store }

func (panicky) Open(context.Context, string, int64, int64) (*blob.Reader, error) {
	panic("secret detail")
}

func TestPanic(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Blobs = panicky{c.Blobs} }))
	_, path := h.film()
	a := h.call(http.MethodGet, path, "")
	if code, _, _ := errorOf(t, a.body); a.status != 500 || code != "internal_error" || strings.Contains(a.body, "secret") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := strings.Count(h.log.String(), `"stack"`); n != 1 {
		t.Errorf("the stack is logged %d times", n)
	}
	if a := h.call(http.MethodGet, "/v1/models", ""); a.status != 200 {
		t.Errorf("afterwards: %d", a.status)
	}
}

// shrunk is a bucket that lost the end of its files.
type shrunk struct{ blob.Store }

func (s shrunk) Open(ctx context.Context, key string, offset, _ int64) (*blob.Reader, error) {
	r, err := s.Store.Open(ctx, key, offset, 3)
	if err == nil {
		r.File = nil // as of a store that has none
	}
	return r, err
}

// TestBrokenFileIsNotTakenForWhole: a caller sees that the bytes broke off, whoever
// copies them.
func TestBrokenFileIsNotTakenForWhole(t *testing.T) {
	t.Parallel()
	wantBroken := func(t *testing.T, h *house, path string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, nil)
		h.must(err)
		resp, err := client.Do(req)
		if err != nil {
			return // it broke off in the head
		}
		defer func() { _ = resp.Body.Close() }()
		if b, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%q without an error", b)
		}
	}
	t.Run("from a store", func(t *testing.T) {
		t.Parallel()
		h := open(t, configure(func(c *server.Config) { c.Blobs = shrunk{c.Blobs} }))
		_, path := h.film()
		wantBroken(t, h, path)
	})
	t.Run("from a directory", func(t *testing.T) {
		t.Parallel()
		h := open(t)
		_, path := h.film()
		files, err := filepath.Glob(filepath.Join(h.dir, "jobs", "*", "video-0.mp4"))
		h.must(err)
		if len(files) != 1 {
			t.Fatalf("the film's file: %v", files)
		}
		h.must(os.Truncate(files[0], 3))
		wantBroken(t, h, path)
	})
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.ReadStall = 50 * ms }))
	conn := h.dial()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{\"prompt\"", images, gatewayKey)
	h.must(conn.SetReadDeadline(time.Now().Add(40 * time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.must(err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 400 {
		t.Errorf("%d", resp.StatusCode)
	}
	h.nothingHappened()
}

// TestPaceEndsWithTheBody: the wait for an answer has not the body's limit.
func TestPaceEndsWithTheBody(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.ReadStall = 30 * ms }))
	h.meanwhile(func() {
		id := h.waitForJob()
		time.Sleep(100 * ms) // the limit passes
		h.makeImage(id, picture(t, 8, 6))
	})
	if a := h.call(http.MethodPost, images, `{"prompt":"x"}`); a.status != 200 || a.body == "" {
		t.Errorf("%d %q", a.status, a.body)
	}
}

// TestUnreadBody: a caller that is refused cannot hold its connection by never
// sending the rest.
func TestUnreadBody(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.ReadStall = 50 * ms }))
	conn := h.dial()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", images)
	h.must(conn.SetReadDeadline(time.Now().Add(40 * time.Second)))
	if b, err := io.ReadAll(conn); err != nil || !strings.Contains(string(b), "401") {
		t.Errorf("%q, %v", b, err)
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "BREW"} { // a body is a body
		conn := h.dial()
		fmt.Fprintf(conn, "%s /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", method)
		h.must(conn.SetReadDeadline(time.Now().Add(40 * time.Second)))
		if b, err := io.ReadAll(conn); err != nil || len(b) == 0 {
			t.Errorf("%s: %q, %v", method, b, err)
		}
	}
}

// TestRefusalIsRead: a caller that sends its whole body before it reads gets the
// answer, not a reset connection.
func TestRefusalIsRead(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, tt := range []struct {
		head string
		size int
		want string
	}{
		{"Authorization: Bearer tt_unknown", 8 << 20, "401"},
		{"Authorization: Bearer " + gatewayKey, 40 << 20, "413"},
	} {
		conn := h.dial()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\n\r\n", images, tt.head, tt.size)
		_, err := conn.Write(bytes.Repeat([]byte(" "), tt.size))
		h.must(err)
		h.must(conn.SetReadDeadline(time.Now().Add(40 * time.Second)))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		h.must(err)
		if b, err := io.ReadAll(resp.Body); err != nil || !strings.HasPrefix(resp.Status, tt.want) || len(b) == 0 {
			t.Errorf("%s: %q, %v", resp.Status, b, err)
		}
		_ = resp.Body.Close()
	}
}

// TestRefusalOfASteadyCaller: nor is it reset because sending all of it takes
// longer than the server would wait for one that has stopped.
func TestRefusalOfASteadyCaller(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.ReadStall = 5 * time.Second }))
	const pieces = 60
	piece := bytes.Repeat([]byte(" "), 32<<10)
	conn := h.dial()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", images, pieces*len(piece))
	for range pieces {
		_, err := conn.Write(piece)
		h.must(err)
		time.Sleep(100 * ms) // the caller's own pace
	}
	h.must(conn.SetReadDeadline(time.Now().Add(40 * time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.must(err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 401 {
		t.Errorf("%s", resp.Status)
	}
}

// TestPromisedBody: a body that is announced too large is not read at all.
func TestPromisedBody(t *testing.T) {
	t.Parallel()
	h := open(t)
	conn := h.dial()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 99999999999\r\n\r\n", images, gatewayKey)
	h.must(conn.SetReadDeadline(time.Now().Add(40 * time.Second)))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.must(err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 413 {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := server.New(server.Config{Auth: server.Auth{PassThrough: true}, Delivery: server.Delivery{Mode: server.Redirect}, Blobs: panicky{}})
	if err == nil {
		t.Fatal("an empty configuration is taken")
	}
	for _, name := range []string{"Store", "News", "Ring", "Models", "Inputs", "Delivery.Presigner", "Auth.TenantSecret"} {
		if !strings.Contains(err.Error(), "Config."+name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}

// TestLog: one line for a request, without its body.
func TestLog(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(images, `{"prompt":"a very private wish"}`, "X-Request-Id", "my-request")
	h.call(http.MethodPost, images, `{"prompt":"x","ratio":"a very private ratio"}`)
	h.call(http.MethodGet, "/healthz", "")
	var log string
	h.eventually(func() bool { // the line is written after the answer
		log = h.log.String()
		return strings.Count(log, `"msg":"request"`) >= 2
	})
	if n := strings.Count(log, `"msg":"request"`); n != 2 {
		t.Errorf("%d lines: %s", n, log)
	}
	if !strings.Contains(log, `"job_id":"`+string(id)) || !strings.Contains(log, `"request_id":"my-request"`) || strings.Contains(log, "private wish") {
		t.Errorf("%s", log)
	}
	var line struct{ Method, Route, Took string }
	first, _, _ := strings.Cut(log, "\n")
	if json.Unmarshal([]byte(first), &line) != nil || line.Route != images || line.Method != "POST" || line.Took == "" {
		t.Errorf("%s", first)
	}
}
