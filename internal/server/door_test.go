package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/server"
)

func TestAuthSettings(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Auth.AllowPooled, c.Auth.PassThrough = false, false }))
	for key, want := range map[string]struct {
		status int
		says   string
	}{"pooled": {403, "(setting auth.allow_pooled, whose auto wants server.addr on loopback, no server.public_url and no server.trust_forwarded)"}, "sim-own": {401, "auth.pass_through"}, gatewayKey: {200, ""}} {
		a := h.call(http.MethodGet, "/v1/models", "", "Authorization", "Bearer "+key)
		if a.status != want.status || !strings.Contains(a.body, want.says) {
			t.Errorf("%s: %d %s", key, a.status, a.body)
		}
		if want.status == 401 && a.header.Get("Www-Authenticate") != "Bearer" {
			t.Errorf("%s: %v", key, a.header)
		}
	}
}

// TestCredentialIsCheckedOnce: the upstream is asked about a credential once,
// not at every job.
func TestCredentialIsCheckedOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	for range 3 {
		h.create(images, `{"prompt":"x"}`, "Authorization", "Bearer sim-own")
		if a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Authorization", "Bearer revoked"); a.status != 401 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if n := h.checked(); n != 2 {
		t.Errorf("%d checks of 2 credentials", n)
	}
}

// TestInputImage: the image is stored as it came, under the job, by its own
// type and not by what the caller claims.
func TestInputImage(t *testing.T) {
	t.Parallel()
	h := open(t)
	pic := picture(t, 400, 300)
	uri := h.dataURI(pic)
	base := strings.TrimPrefix(uri, "data:image/png;base64,")
	at := h.page(pic)
	for name, image := range map[string]string{
		"data URI": uri, "another claim": "DATA:Image/JPEG; Base64," + base, "base64": base, "base64 without padding": strings.TrimRight(base, "="),
		"base64 for URLs": strings.NewReplacer("+", "-", "/", "_").Replace(base), "base64 with lines": base[:70] + "\r\n" + base[70:] + "\n", "URL": at,
	} {
		t.Run(name, func(t *testing.T) {
			body, _ := json.Marshal(map[string]string{"prompt": "x", "image": image})
			id := h.create(videos, string(body))
			j, err := h.store.Get(t.Context(), id)
			h.must(err)
			in := j.Spec.Input
			if in == nil || in.Key != "jobs/"+string(id)+"/input-0.png" || in.ContentType != "image/png" || in.Width != 400 || in.Height != 300 || in.SizeBytes != int64(len(pic)) {
				t.Fatalf("input %+v", in)
			}
			r, err := h.blobs.Open(t.Context(), in.Key, 0, -1)
			h.must(err)
			defer func() { _ = r.Close() }()
			if b, err := io.ReadAll(r); err != nil || string(b) != string(pic) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
}
