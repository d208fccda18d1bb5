package server_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/server"
)

// jsonEqual compares two JSON texts by value.
func jsonEqual(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("not JSON: %q", got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("the test's own JSON: %v", err)
	}
	gb, _ := json.MarshalIndent(g, "", " ")
	wb, _ := json.MarshalIndent(w, "", " ")
	if string(gb) != string(wb) {
		t.Errorf("got %s\nwant %s", gb, wb)
	}
}

// link is the URL that answers carry for a file.
func (h *house) link(id any, name string) string {
	h.Helper()
	j, err := h.store.Get(h.Context(), parseID(h.TB, id))
	h.must(err)
	return h.url + "/v1/media/" + string(j.ID) + j.Secret + "/" + name
}

func TestImageAnswer(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.meanwhile(func() { h.makeImage(h.waitForJob(), picture(t, 8, 6)) })
	a := h.call(http.MethodPost, images, `{"model":"Seedream 4.0","prompt":"a cat"}`)
	id := a.header.Get("X-Job-Id")
	if a.status != 200 || id == "" || a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Request-Id") == "" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	j, err := h.store.Get(t.Context(), parseID(t, id))
	h.must(err)
	url := h.link(id, "image-0.png")
	jsonEqual(t, a.body, fmt.Sprintf(`{
		"id": %q, "model": "Seedream 4.0", "object": "chat.completion",
		"choices": [{"index":0,"message":{"role":"assistant","content":"以下是为您生成的图片：\n![image](%s)","images":[%q]},"finish_reason":"stop"}],
		"created": %d, "data": [{"url": %q}]}`, id, url, url, j.CreatedAt.Unix(), url))
	if got := h.call(http.MethodGet, strings.TrimPrefix(url, h.url), "", "Authorization", ""); got.body != string(picture(t, 8, 6)) {
		t.Errorf("the link gives %d, %d bytes", got.status, len(got.body))
	}
	if j.Spec.Ratio != "1:1" || j.Spec.UpstreamModel != seedream || j.Tenant != "key:test" {
		t.Errorf("spec %+v of %s", j.Spec, j.Tenant)
	}
}

func TestVideoAnswer(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.meanwhile(func() { h.makeVideo(h.waitForJob()) })
	a := h.call(http.MethodPost, videos, `{"prompt":"waves"}`)
	id := a.header.Get("X-Job-Id")
	j, err := h.store.Get(t.Context(), parseID(t, id))
	h.must(err)
	cover, url := h.link(id, "cover-0.png"), h.link(id, "video-0.mp4")
	jsonEqual(t, a.body, fmt.Sprintf(`{
		"id": %q, "model": "doubao-video", "object": "chat.completion",
		"choices": [{"index":0,"message":{"role":"assistant","content":"![视频封面](%s)\n视频链接: %s",
			"videos":[{"vid":"cgt-20260101000000-abcde","cover":%q,"url":%q}]},"finish_reason":"stop"}],
		"created": %d, "data": [{"url":%q,"cover":%q,"vid":"cgt-20260101000000-abcde"}],
		"usage": {"output_tokens":5,"total_tokens":5}}`, id, cover, url, cover, url, j.CreatedAt.Unix(), url, cover))
	if j.Spec.Ratio != "16:9" {
		t.Errorf("ratio %q", j.Spec.Ratio)
	}
}

func TestBase64Answer(t *testing.T) {
	t.Parallel()
	h := open(t)
	content := picture(t, 300, 200)
	h.meanwhile(func() { h.makeImage(h.waitForJob(), content) })
	a := h.call(http.MethodPost, images, `{"prompt":"a cat","response_format":"b64_json"}`)
	var got struct {
		Data    []map[string]string `json:"data"`
		Choices []struct {
			Message struct {
				Images []string `json:"images"`
			} `json:"message"`
		} `json:"choices"`
	}
	h.must(json.Unmarshal([]byte(a.body), &got))
	b, err := base64.StdEncoding.DecodeString(got.Data[0]["b64_json"])
	if err != nil || string(b) != string(content) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if _, has := got.Data[0]["url"]; has || !strings.HasPrefix(got.Choices[0].Message.Images[0], h.url) {
		t.Errorf("data has a url beside b64_json, or choices no link: %.300s", a.body)
	}
}

func TestJobFailureAnswer(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.meanwhile(func() {
		h.fail(h.waitForJob(), fault.Wrap(fault.ContentPolicy, "The prompt was refused.", http.ErrBodyNotAllowed).WithParam("prompt"))
	})
	a := h.call(http.MethodPost, images, `{"prompt":"a cat"}`)
	code, param, message := errorOf(t, a.body)
	if a.status != 400 || code != "content_policy_violation" || param != "prompt" || message != "The prompt was refused." {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a.header.Get("X-Should-Retry") != "false" || a.header.Get("X-Job-Id") == "" {
		t.Errorf("headers %v", a.header)
	}
}

func TestLinksFollowPublicURL(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		config  func(*server.Config)
		headers []string
		want    string
	}{
		"configured":    {func(c *server.Config) { c.PublicURL = "https://api.example.com/x/" }, nil, "https://api.example.com/x/v1/jobs/"},
		"forwarded":     {func(c *server.Config) { c.TrustForwarded = true }, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "a.example, b"}, "https://a.example/v1/jobs/"},
		"not believed":  {func(*server.Config) {}, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "a.example"}, "http://127.0.0.1:"},
		"the call says": {func(*server.Config) {}, nil, "http://127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, configure(tt.config))
			id := h.create(images, `{"prompt":"x"}`)
			a := h.call(http.MethodGet, "/v1/jobs/"+string(id), "", tt.headers...)
			var got struct {
				URLs struct{ Get string } `json:"urls"`
			}
			h.must(json.Unmarshal([]byte(a.body), &got))
			if !strings.HasPrefix(got.URLs.Get, tt.want) {
				t.Errorf("got %q, want %q…", got.URLs.Get, tt.want)
			}
		})
	}
}
