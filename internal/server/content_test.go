package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/server"
)

func TestContent(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	at := "/v1/jobs/" + string(id) + "/content/"
	early := h.call(http.MethodGet, at+"0", "")
	if code, param, message := errorOf(t, early.body); early.status != 404 || code != "not_found" || param != "n" || !strings.Contains(message, "not finished") {
		t.Errorf("early: %d %s", early.status, early.body)
	}
	h.makeVideo(id)
	j, _ := h.job(id, "")
	if j.URLs.Content != h.url+at+"0" {
		t.Errorf("urls.content is %q", j.URLs.Content)
	}
	for _, tt := range []struct {
		name, method, n string
		headers         []string
		status          int
		body, file      string
	}{
		{"the film", "GET", "0", nil, 200, "a film", "video-0.mp4"},
		{"the still", "GET", "1", nil, 200, "a still", "cover-0.png"},
		{"head alone", "HEAD", "0", nil, 200, "", "video-0.mp4"},
		{"a part", "GET", "0", []string{"Range", "bytes=2-3"}, 206, "fi", "video-0.mp4"},
		{"head of a part", "HEAD", "1", []string{"Range", "bytes=2-"}, 206, "", "cover-0.png"},
		{"known already", "GET", "0", []string{"If-None-Match", `"` + j.Media[0].SHA256 + `"`}, 304, "", "video-0.mp4"},
		{"behind the end", "GET", "0", []string{"Range", "bytes=6-"}, 416, "", ""},
		{"too many", "GET", "2", nil, 404, "", ""},
		{"far too many", "GET", "99999999999999999999", nil, 400, "", ""},
		{"negative", "GET", "-1", nil, 400, "", ""},
		{"no number", "GET", "x", nil, 400, "", ""},
		{"no key", "GET", "0", []string{"Authorization", ""}, 401, "", ""},
		{"a stranger", "GET", "0", []string{"Authorization", "Bearer " + otherKey}, 404, "", ""},
	} {
		a := h.call(tt.method, at+tt.n, "", tt.headers...)
		if a.status != tt.status || a.status < 400 && a.body != tt.body {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
		if disposition := a.header.Get("Content-Disposition"); tt.file != "" && disposition != "inline; filename="+tt.file || tt.file == "" && disposition != "" {
			t.Errorf("%s: Content-Disposition %q", tt.name, disposition)
		}
		if tt.status == 416 && a.header.Get("Content-Range") != "bytes */6" {
			t.Errorf("%s: %v", tt.name, a.header)
		}
		if tt.status < 300 && (a.header.Get("Etag") == "" || a.header.Get("Accept-Ranges") != "bytes" || a.header.Get("X-Job-Id") != string(id)) {
			t.Errorf("%s: %v", tt.name, a.header)
		}
	}
}

func TestContentRedirects(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) {
		c.Delivery = server.Delivery{Mode: server.Redirect, Presigner: signer{}, TTL: time.Hour}
	}))
	id, _ := h.film()
	at := "/v1/jobs/" + string(id) + "/content/1"
	a := h.call(http.MethodGet, at, "")
	if a.status != 302 || a.header.Get("Location") != "https://bucket.example/jobs/"+string(id)+"/cover-0.png?name=cover-0.png&ttl=1h0m0s" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := h.call(http.MethodHead, at, ""); a.status != 200 || a.header.Get("Content-Length") != "7" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
}

// TestExpiredContent: who has the link, or the job's key, is told that the file
// was there; also where Redis has lost the job and the bucket alone remembers.
func TestExpiredContent(t *testing.T) {
	t.Parallel()
	h := archived(t)
	id, link := h.film()
	j := h.get(id)
	j.ExpiresAt = time.Now().Add(-time.Minute)
	h.must(archive.Save(t.Context(), h.blobs, j))
	h.redis.FlushAll()
	h.wantNoTrace(id, link)
}
