package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
)

// film makes a video and gives the path of its file, which holds "a film".
func (h *house) film() (job.ID, string) {
	h.Helper()
	id := h.create(videos, `{"prompt":"x"}`)
	h.makeVideo(id)
	return id, strings.TrimPrefix(h.link(id, "video-0.mp4"), h.url)
}

func TestMediaHeaders(t *testing.T) {
	t.Parallel()
	h := open(t)
	_, path := h.film()
	for _, headers := range [][]string{
		{"Authorization", ""}, {"Authorization", "Bearer " + gatewayKey}, {"Authorization", "Bearer whatever"}, {"Authorization", "nonsense"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			a := h.call(method, path, "", headers...)
			want := "a film"
			if method == http.MethodHead {
				want = ""
			}
			if a.status != 200 || a.body != want || a.header.Get("Content-Length") != "6" {
				t.Errorf("%s %v: %d %q %v", method, headers, a.status, a.body, a.header)
			}
			for name, value := range map[string]string{
				"Content-Type": "video/mp4", "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff",
				"Content-Disposition": "inline; filename=video-0.mp4", "Cache-Control": "private, max-age=31536000, immutable",
				"Access-Control-Allow-Origin": "*",
			} {
				if got := a.header.Get(name); got != value {
					t.Errorf("%s: %s is %q, want %q", method, name, got, value)
				}
			}
			if !strings.Contains(a.header.Get("Content-Security-Policy"), "sandbox") || a.header.Get("Last-Modified") == "" {
				t.Errorf("%v", a.header)
			}
		}
	}
}

func TestMediaRanges(t *testing.T) {
	t.Parallel()
	h := open(t)
	_, path := h.film()
	first := h.call(http.MethodGet, path, "")
	tag, modified := first.header.Get("Etag"), first.header.Get("Last-Modified")
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
		body    string
		span    string
	}{
		{"first bytes", []string{"Range", "bytes=0-2"}, 206, "a f", "bytes 0-2/6"},
		{"from a place on", []string{"Range", "bytes=4-"}, 206, "lm", "bytes 4-5/6"},
		{"last bytes", []string{"Range", "bytes=-3"}, 206, "ilm", "bytes 3-5/6"},
		{"more than there is", []string{"Range", "bytes=2-999"}, 206, "film", "bytes 2-5/6"},
		{"a longer end than there is", []string{"Range", "bytes=-999"}, 206, "a film", "bytes 0-5/6"},
		{"behind the end", []string{"Range", "bytes=6-"}, 416, "", "bytes */6"},
		{"the last zero bytes", []string{"Range", "bytes=-0"}, 416, "", "bytes */6"},
		{"the wrong way round", []string{"Range", "bytes=4-2"}, 200, "a film", ""},
		{"several", []string{"Range", "bytes=0-1,3-4"}, 200, "a film", ""},
		{"another unit", []string{"Range", "lines=0-1"}, 200, "a film", ""},
		{"nonsense", []string{"Range", "bytes=x-y"}, 200, "a film", ""},
		{"overflow", []string{"Range", "bytes=99999999999999999999-"}, 200, "a film", ""},
		{"if unchanged", []string{"Range", "bytes=0-2", "If-Range", tag}, 206, "a f", "bytes 0-2/6"},
		{"if unchanged since", []string{"Range", "bytes=0-2", "If-Range", modified}, 206, "a f", "bytes 0-2/6"},
		{"if another", []string{"Range", "bytes=0-2", "If-Range", `"x"`}, 200, "a film", ""},
		{"known already", []string{"If-None-Match", tag}, 304, "", ""},
		{"known weakly, among others", []string{"If-None-Match", `"x", W/` + tag}, 304, "", ""},
		{"another is known", []string{"If-None-Match", `"x"`}, 200, "a film", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := h.call(http.MethodGet, path, "", tt.headers...)
			if a.status != tt.status || a.header.Get("Content-Range") != tt.span {
				t.Errorf("%d %q, want %d %q", a.status, a.header.Get("Content-Range"), tt.status, tt.span)
			}
			if tt.status == 416 {
				if code, param, _ := errorOf(t, a.body); code != "invalid_request" || param != "Range" || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" {
					t.Errorf("%v %s", a.header, a.body)
				}
				return
			}
			if a.body != tt.body {
				t.Errorf("body %q, want %q", a.body, tt.body)
			}
			if tt.status != 304 && a.header.Get("Etag") != tag {
				t.Errorf("ETag %q", a.header.Get("Etag"))
			}
		})
	}
}

func TestUnknownMedia(t *testing.T) {
	t.Parallel()
	h := open(t)
	id, path := h.film()
	j, err := h.store.Get(t.Context(), id)
	h.must(err)
	var first string
	for _, p := range []string{
		"/v1/media/" + string(id) + j.Secret + "/video-1.mp4",
		"/v1/media/" + string(id) + j.Secret + "/input-0.png",
		"/v1/media/" + string(id) + job.NewSecret() + "/video-0.mp4",
		"/v1/media/" + string(id) + j.Secret[1:] + "/video-0.mp4",
		"/v1/media/" + string(id) + "/video-0.mp4",
		"/v1/media/" + string(job.NewID(time.Now())) + j.Secret + "/video-0.mp4",
		"/v1/media/x/video-0.mp4",
	} {
		a := h.call(http.MethodGet, p, "")
		if code, _, _ := errorOf(t, a.body); a.status != 404 || code != "not_found" || first != "" && a.body != first {
			t.Errorf("%s: %d %s", p, a.status, a.body)
		}
		first = a.body
	}
	h.must(h.blobs.Delete(t.Context(), id.Dir()+"video-0.mp4"))
	a := h.call(http.MethodGet, path, "")
	head := h.call(http.MethodHead, path, "")
	if head.status != 410 || head.header.Get("Content-Type") != "application/json" || head.header.Get("Content-Length") != a.header.Get("Content-Length") {
		t.Errorf("HEAD of a deleted file: %d %v", head.status, head.header)
	}
	if code, _, _ := errorOf(t, a.body); a.status != 410 || code != "gone" || a.header.Get("Content-Type") != "application/json" || a.header.Get("Content-Disposition") != "" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("deleted: %d %v %s", a.status, a.header, a.body)
	}
}

// signer makes links of a store that has them.
type signer struct{}

func (signer) Presign(_ context.Context, key, filename string, ttl time.Duration) (string, error) {
	return "https://bucket.example/" + key + "?name=" + filename + "&ttl=" + ttl.String(), nil
}

func TestRedirect(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) {
		c.Delivery = server.Delivery{Mode: server.Redirect, Presigner: signer{}, TTL: time.Hour}
	}))
	id, path := h.film()
	a := h.call(http.MethodGet, path, "")
	if a.status != 302 || a.header.Get("Location") != "https://bucket.example/jobs/"+string(id)+"/video-0.mp4?name=video-0.mp4&ttl=1h0m0s" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := h.call(http.MethodHead, path, ""); a.status != 200 || a.header.Get("Content-Length") != "6" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
}
