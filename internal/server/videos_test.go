package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const openaiVideos = "/v1/videos"

// video reads a video object, which has all of its keys.
func (h *house) video(a answer, status int) (v tintype.VideoObject) {
	h.Helper()
	if a.status != status {
		h.Fatalf("%d %s", a.status, a.body)
	}
	h.must(json.Unmarshal([]byte(a.body), &v))
	var keys map[string]json.RawMessage
	h.must(json.Unmarshal([]byte(a.body), &keys))
	for _, key := range []string{
		"id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "prompt", "seconds", "size",
		"error", "remixed_from_video_id",
	} {
		if _, ok := keys[key]; !ok {
			h.Errorf("no %q in %s", key, a.body)
		}
	}
	if v.Object != "video" || string(keys["remixed_from_video_id"]) != "null" || keys["seconds"][0] != '"' || v.CreatedAt == 0 {
		h.Errorf("%s", a.body)
	}
	return v
}

func (h *house) getVideo(id string) tintype.VideoObject {
	h.Helper()
	return h.video(h.call(http.MethodGet, openaiVideos+"/"+id, ""), http.StatusOK)
}

// TestVideosTakeAllSpellings: the same request in every form that clients have is
// the same job.
func TestVideosTakeAllSpellings(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models = rich(t) }))
	pic := picture(t, 400, 300)
	text := base64.StdEncoding.EncodeToString(pic)
	base := func() *formBody {
		return newForm(t).text("prompt", "waves").text("seconds", "5").text("size", "720x1280")
	}
	asJSON := func(image string) answer {
		return h.call(http.MethodPost, openaiVideos, `{"prompt":"waves","seconds":"5","size":"720x1280","input_reference":`+image+`}`)
	}
	link := h.page(pic)
	for name, a := range map[string]answer{
		"a file":              h.post(openaiVideos, base().file("input_reference", "a.png", pic)),
		"a URL in a form":     h.post(openaiVideos, base().text("input_reference[image_url]", link)),
		"a link in a form":    h.post(openaiVideos, base().text("input_reference", link)),
		"a data URI":          asJSON(`"` + h.dataURI(pic) + `"`),
		"an object":           asJSON(`{"image_url":"` + link + `"}`),
		"an object in one":    asJSON(`{"image_url":{"url":"` + h.dataURI(pic) + `"}}`),
		"a list of one":       asJSON(`["` + text + `"]`),
		"the original fields": h.call(http.MethodPost, openaiVideos, `{"prompt":"waves","duration":5,"resolution":"720p","ratio":"9:16","image":"`+text+`"}`),
	} {
		v := h.video(a, http.StatusOK)
		j, err := h.store.Get(t.Context(), job.ID(v.ID))
		h.must(err)
		s := j.Spec
		if s.Kind != job.Video || s.Prompt != "waves" || s.Seconds != 5 || s.Ratio != "9:16" || s.Resolution != "720p" || s.Input == nil || s.Input.Width != 400 || s.Input.SizeBytes != int64(len(pic)) {
			t.Errorf("%s: %+v", name, s)
		}
		if v.Status != "queued" || v.Seconds != "5" || v.Prompt != "waves" || v.Model != "rich video" || v.Error != nil || v.CompletedAt != nil || v.ExpiresAt != nil ||
			a.header.Get("X-Job-Id") != v.ID || a.header.Get("Location") != openaiVideos+"/"+v.ID {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

func TestVideosRefuse(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models = rich(t) }))
	pic := picture(t, 400, 300)
	post := func(body string) answer { return h.call(http.MethodPost, openaiVideos, body) }
	for name, tt := range map[string]struct {
		answer
		status            int
		code, param, says string
	}{
		"no prompt":         {post(`{}`), 400, "invalid_request", "prompt", "required"},
		"another model":     {post(`{"prompt":"x","model":"sora-2"}`), 404, "model_not_found", "model", "sora-2"},
		"another length":    {post(`{"prompt":"x","seconds":"12"}`), 400, "invalid_request", "seconds", "5, 10"},
		"no size":           {post(`{"prompt":"x","size":"big"}`), 400, "invalid_request", "size", "1024x1024"},
		"no picture":        {h.post(openaiVideos, newForm(t).text("prompt", "x").file("input_reference", "x", []byte("<html>"))), 400, "invalid_image", "input_reference", "input_reference: this is a web page"},
		"half a picture":    {h.post(openaiVideos, newForm(t).text("prompt", "x").file("input_reference", "x", pic[:len(pic)/2])), 400, "invalid_image", "input_reference", "stops before its end"},
		"none of this":      {post(`{"prompt":"x","input_reference":7}`), 400, "invalid_request", "input_reference", "a number"},
		"two pictures":      {post(`{"prompt":"x","input_reference":["a","b"]}`), 400, "invalid_request", "input_reference", "takes one picture"},
		"both fields":       {post(`{"prompt":"x","input_reference":"a","image":"b"}`), 400, "invalid_request", "input_reference", "Leave one"},
		"no file of theirs": {post(`{"prompt":"x","input_reference":{"file_id":"file-abc"}}`), 404, "not_found", "input_reference", "/v1/files"},
		"takes no picture":  {post(`{"prompt":"x","model":"plain video","input_reference":"a"}`), 400, "invalid_request", "input_reference", "takes no input image"},
		"the old name":      {post(`{"prompt":"x","image":"%"}`), 400, "invalid_image", "image", "image: this is neither"},
		"a bad preference":  {h.call(http.MethodPost, openaiVideos, `{"prompt":"x"}`, "Prefer", "wait=0"), 400, "invalid_request", "Prefer", "1 to 300"},
		"a bad farewell":    {post(`{"prompt":"x","on_disconnect":"explode"}`), 400, "invalid_request", "on_disconnect", "cancel"},
		"a bad limit":       {h.call(http.MethodPost, openaiVideos, `{"prompt":"x"}`, "Cancel-After", "soon"), 400, "invalid_request", "Cancel-After", "90s"},
	} {
		code, param, message := errorOf(t, tt.body)
		if tt.answer.status != tt.status || code != tt.code || param != tt.param || !strings.Contains(message, tt.says) {
			t.Errorf("%s: %d %s", name, tt.answer.status, tt.body)
		}
	}
	h.nothingHappened()
}

// TestVideoLife: a video's statuses are OpenAI's words, from the first to the file.
func TestVideoLife(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.video(h.call(http.MethodPost, openaiVideos, `{"prompt":"x","stream":true}`), http.StatusOK).ID
	content := openaiVideos + "/" + id + "/content"
	ask := h.call(http.MethodGet, openaiVideos+"/"+id, "")
	if ask.header.Get("openai-poll-after-ms") != "5000" || ask.header.Get("Retry-After") != "5" || ask.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", ask.header)
	}
	if a := h.call(http.MethodGet, content, ""); a.status != 404 || !strings.Contains(a.body, "not made yet") {
		t.Errorf("%d %s", a.status, a.body)
	}
	h.submitted(job.ID(id), "cgt-1")
	if v := h.getVideo(id); v.Status != "in_progress" || v.Progress <= 0 || v.Progress >= 100 {
		t.Errorf("%+v", v)
	}
	h.ready(job.ID(id))
	if v := h.getVideo(id); v.Status != "in_progress" || v.CompletedAt != nil {
		t.Errorf("%+v", v)
	}
	h.stored(job.ID(id), 0, "video-0.mp4", job.Primary, []byte("a film"), "video/mp4")
	h.stored(job.ID(id), 1, "cover-0.png", job.Cover, []byte("a still"), "image/png")
	h.succeed(job.ID(id))
	v := h.getVideo(id)
	if v.Status != "completed" || v.Progress != 100 || v.CompletedAt == nil || v.ExpiresAt == nil || *v.ExpiresAt <= *v.CompletedAt || v.Size != "8x6" || v.Error != nil {
		t.Errorf("%+v", v)
	}
	if a := h.call(http.MethodGet, openaiVideos+"/"+id, ""); a.header.Get("openai-poll-after-ms") != "" {
		t.Errorf("%v", a.header)
	}
	for _, tt := range []struct {
		query, ranges, body string
		status              int
		kind                string
	}{
		{"", "", "a film", 200, "video/mp4"},
		{"?variant=video", "", "a film", 200, "video/mp4"},
		{"?variant=video", "bytes=2-3", "fi", 206, "video/mp4"},
		{"?variant=thumbnail", "", "a still", 200, "image/png"},
	} {
		a := h.call(http.MethodGet, content+tt.query, "", "Range", tt.ranges, "Accept", "application/binary")
		if a.status != tt.status || a.body != tt.body || a.header.Get("Content-Type") != tt.kind || a.header.Get("Vary") == "" {
			t.Errorf("%s %s: %d %v %q", tt.query, tt.ranges, a.status, a.header, a.body)
		}
	}
	if a := h.call(http.MethodGet, content, "", "Range", "bytes=9-"); a.status != 416 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := h.call(http.MethodGet, content+"?variant=spritesheet", ""); a.status != 400 || !strings.Contains(a.body, "video, thumbnail") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestVideoContentIsNeverRedirected, whatever the links are.
func TestVideoContentIsNeverRedirected(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) {
		c.Delivery = server.Delivery{Mode: server.Redirect, Presigner: signer{}}
	}))
	id := h.create(openaiVideos, `{"prompt":"x"}`)
	h.makeVideo(id)
	if a := h.call(http.MethodGet, openaiVideos+"/"+string(id)+"/content", ""); a.status != 200 || a.body != "a film" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestVideoFailures: what was not made is failed, with the reason.
func TestVideoFailures(t *testing.T) {
	t.Parallel()
	h := open(t)
	failed, canceled := h.create(openaiVideos, `{"prompt":"x"}`), h.create(openaiVideos, `{"prompt":"x"}`)
	h.fail(failed, fault.New(fault.ContentPolicy, "The prompt was refused."))
	a := h.call(http.MethodDelete, openaiVideos+"/"+string(canceled), "")
	if a.status != 200 || a.body != `{"id":"`+string(canceled)+`","object":"video.deleted","deleted":true}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	for id, want := range map[job.ID]string{failed: "content_policy_violation", canceled: "canceled"} {
		if v := h.getVideo(string(id)); v.Status != "failed" || v.Error == nil || v.Error.Code != want || v.Error.Message == "" || v.ExpiresAt != nil {
			t.Errorf("%+v", v)
		}
		if a := h.call(http.MethodGet, openaiVideos+"/"+string(id)+"/content", ""); a.status != 404 || !strings.Contains(a.body, "not made") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	// What is at the upstream is asked for, and not deleted before the answer.
	running := h.create(openaiVideos, `{"prompt":"x"}`)
	h.submitted(running, "cgt-1")
	if a := h.call(http.MethodDelete, openaiVideos+"/"+string(running), ""); a.status != 200 || !strings.Contains(a.body, `"deleted":false`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if j, _ := h.job(running, ""); j.Cancel == nil {
		t.Error("nobody was asked")
	}
}

// TestVideosAreTheCallersOwn: foreign, unknown and other kinds of jobs are the same.
func TestVideosAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	h := open(t)
	mine, picture := h.create(openaiVideos, `{"prompt":"x"}`), h.create(images, `{"prompt":"x"}`)
	h.makeVideo(mine)
	unknown := h.call(http.MethodGet, openaiVideos+"/"+string(job.NewID(time.Now())), "").body
	for _, call := range [][]string{
		{http.MethodGet, openaiVideos + "/" + string(mine), "Bearer " + otherKey},
		{http.MethodGet, openaiVideos + "/" + string(mine) + "/content", "Bearer " + otherKey},
		{http.MethodDelete, openaiVideos + "/" + string(mine), "Bearer " + otherKey},
		{http.MethodGet, videos + "/" + string(mine), "Bearer " + otherKey},
		{http.MethodGet, "/v1/generations/tasks/" + string(mine), "Bearer " + otherKey},
		{http.MethodGet, openaiVideos + "/" + string(picture), "Bearer " + gatewayKey},
		{http.MethodGet, videos + "/" + string(picture), "Bearer " + gatewayKey},
		{http.MethodGet, openaiVideos + "/video_123", "Bearer " + gatewayKey},
	} {
		if a := h.call(call[0], call[1], "", "Authorization", call[2]); a.status != 404 || a.body != unknown || a.header.Get("X-Job-Id") != "" {
			t.Errorf("%v: %d %s", call, a.status, a.body)
		}
	}
}

// TestVideosKnowRepeatsAndWishes: keys, retries, waits and farewells are the same
// here as on the original paths.
func TestVideosKnowRepeatsAndWishes(t *testing.T) {
	t.Parallel()
	h := open(t)
	pic := picture(t, 400, 300)
	form := func(prompt string) *formBody {
		return newForm(t).text("prompt", prompt).file("input_reference", "a.png", pic)
	}
	first := h.post(openaiVideos, form("x"), "Idempotency-Key", "k")
	again := h.post(openaiVideos, form("x"), "Idempotency-Key", "k") // with another boundary
	other := h.post(openaiVideos, form("y"), "Idempotency-Key", "k")
	id := h.video(first, 200).ID
	if h.video(again, 200).ID != id || again.header.Get("Idempotency-Replayed") != "true" || other.status != 422 {
		t.Errorf("%s\n%s\n%s", first.body, again.body, other.body)
	}
	retried := h.post(openaiVideos, form("retried"), "X-Stainless-Retry-Count", "0")
	retry := h.post(openaiVideos, form("retried"), "X-Stainless-Retry-Count", "1")
	if h.video(retry, 200).ID != h.video(retried, 200).ID {
		t.Errorf("%s\n%s", retried.body, retry.body)
	}

	h.makeVideo(job.ID(id))
	done := h.post(openaiVideos, form("x"), "Idempotency-Key", "k", "Prefer", "wait=5")
	if v := h.video(done, 200); v.Status != "completed" || done.header.Get("Preference-Applied") != "wait=5" {
		t.Errorf("%s", done.body)
	}
	if a := h.post(openaiVideos, form("later"), "Prefer", "respond-async"); h.video(a, 202).Status != "queued" || a.header.Get("Preference-Applied") != "respond-async" {
		t.Errorf("%s", a.body)
	}
	if a := h.post(openaiVideos, form("later"), "Prefer", "wait=1"); h.video(a, 202).Status != "queued" {
		t.Errorf("%s", a.body)
	}
	before := len(h.bells())
	h.meanwhile(func() {
		for len(h.bells()) == before {
			time.Sleep(ms)
		}
		h.makeVideo(h.bells()[before].Job)
	})
	if v := h.video(h.post(openaiVideos, form("waited for"), "Prefer", "wait=30"), 200); v.Status != "completed" {
		t.Errorf("%+v", v)
	}
}
