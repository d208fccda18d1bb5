package server_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
)

// stranger is an id that a caller must not learn anything by.
type stranger struct {
	name, id, key string
}

// strangers are ids of every sort: of nobody, of somebody else, of the past, and
// none at all. The house is to have an archive.
func (h *house) strangers() []stranger {
	h.Helper()
	expired := h.create(images, `{"prompt":"x"}`)
	h.makeImage(expired, []byte("a picture"))
	j, err := h.store.Get(h.Context(), expired)
	h.must(err)
	j.ExpiresAt = time.Now().Add(-time.Minute)
	h.must(archive.Save(h.Context(), h.blobs, j))
	h.redis.Del("{tt}:job:" + string(expired)) // as its expiry does
	film := h.create(videos, `{"prompt":"x"}`, "Authorization", "Bearer pooled")
	picture := h.create(images, `{"prompt":"x"}`, "Authorization", "Bearer sim-own")
	unknown := string(job.NewID(time.Now()))
	return []stranger{
		{"unknown", unknown, gatewayKey},
		{"expired", string(expired), gatewayKey},
		{"a foreign film", string(film), gatewayKey},
		{"a foreign picture", string(picture), gatewayKey},
		{"a foreign picture, to another credential", string(picture), "sim-other"},
		{"upper case", strings.ToUpper(string(film)), "pooled"},
		{"short", "x", gatewayKey},
		{"a letter too many", string(film) + "0", "pooled"},
		{"a letter that no id has", "u" + string(film)[1:], "pooled"},
		{"not ASCII", "日本", gatewayKey},
		{"a path", "../" + string(film), "pooled"},
		{"a key of Redis", string(film) + "}:x", "pooled"},
		{"a line end", string(film) + "\r\n", "pooled"},
		{"line ends in place of letters", string(film)[:24] + "\r\n", "pooled"},
		{"endless", strings.Repeat("0", 4<<10), gatewayKey},
	}
}

// TestStrangers: what is unknown, malformed, expired or somebody else's does not
// exist, by any door, and the answers do not tell one from the other: not by
// status, not by a header, not by a letter of the body. But its own caller is told
// that a file has expired, and may delete a job that has.
func TestStrangers(t *testing.T) {
	t.Parallel()
	var h *house
	h = open(t, configure(func(c *server.Config) {
		c.Archive = func(ctx context.Context, id job.ID) (*job.Job, error) { return archive.Load(ctx, h.blobs, id) }
	}))
	all := h.strangers()
	routes := 0
	for _, route := range h.routes() {
		method, path := route[0], route[1]
		if !strings.Contains(path, ":id") {
			continue
		}
		routes++
		var first answer
		for i, s := range all {
			at := strings.ReplaceAll(path, ":id", url.PathEscape(s.id)) + "?wait=x&after=x"
			got := h.call(method, at, "", "Authorization", "Bearer "+s.key, "X-Request-Id", "the same", "Last-Event-Id", "x")
			if own := s.name == "expired"; own && (strings.Contains(path, "/content/") || method == http.MethodDelete && path == "/v1/jobs/:id") {
				if got.status != http.StatusGone && got.status != http.StatusOK {
					t.Errorf("%s %s, %s: %d %s", method, path, s.name, got.status, got.body)
				}
				continue
			}
			got.header.Del("Date")
			if i == 0 {
				if first = got; got.status != 404 || method != http.MethodHead && !strings.Contains(got.body, `"not_found"`) {
					t.Errorf("%s %s, %s: %d %s", method, path, s.name, got.status, got.body)
				}
				continue
			}
			if got.status != first.status || got.body != first.body || !maps.EqualFunc(got.header, first.header, slices.Equal) {
				t.Errorf("%s %s, %s: %d %v %s\nunknown: %d %v %s", method, path, s.name, got.status, got.header, got.body, first.status, first.header, first.body)
			}
		}
	}
	if routes < 4 {
		t.Errorf("only %d routes of jobs", routes)
	}
}
