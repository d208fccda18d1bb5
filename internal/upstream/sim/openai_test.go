package sim_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

const (
	openaiChat   = "/openai/v1/chat/completions"
	openaiImages = "/openai/v1/images/generations"
	openaiVideos = "/openai/v1/videos"
	newAPIVideos = "/openai/v1/video/generations"
)

type openaiError struct {
	Error struct {
		Message, Type string
		Param, Code   *string
	}
}

// TestOpenAIRefuses: each refusal has OpenAI's envelope, and nothing is charged.
func TestOpenAIRefuses(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.Accounts = []sim.Account{{Key: "sim-poor", State: sim.TrialUsed}} })
	tests := []struct {
		route, body string
		status      int
		code, param string
	}{
		{openaiImages, `{"model":"gpt-image-1"}`, 400, "missing_required_parameter", "prompt"},
		{openaiImages, `{"prompt":"x"}`, 400, "missing_required_parameter", "model"},
		{openaiImages, `{"model":"gpt-image-1","prompt":"x","extra":1}`, 400, "unknown_parameter", "extra"},
		{openaiImages, `{"model":"gpt-image-1","prompt":"x","response_format":"url"}`, 400, "unknown_parameter", "response_format"},
		{openaiImages, `{"model":"dall-e-3","prompt":"x","size":"large"}`, 400, "invalid_value", "size"},
		{openaiImages, `{"model":"dall-e-3","prompt":"x","n":11}`, 400, "invalid_value", "n"},
		{openaiImages, `{"model":"dall-e-3","prompt":"x","n":"1"}`, 400, "invalid_value", "n"},
		{openaiImages, `{"model":"midjourney","prompt":"x"}`, 404, "model_not_found", "model"},
		{openaiImages, `{"model":"sora-2","prompt":"x"}`, 400, "invalid_value", "model"},
		{openaiImages, `{"model":"dall-e-3","prompt":"x sim:reject"}`, 400, "moderation_blocked", ""},
		{openaiImages, `{"model":"dall-e-3","prompt":"x sim:explode"}`, 400, "invalid_value", "prompt"},
		{openaiImages, `{"model":"dall-e-3","prompt":"x sim:quota"}`, 429, "insufficient_quota", ""},
		{"/openai/v1/images/edits", `{"model":"dall-e-2","prompt":"x"}`, 400, "invalid_value", ""},
		{openaiVideos, `{"model":"sora-2","prompt":"x","seconds":4}`, 400, "invalid_value", "seconds"},
		{openaiVideos, `{"model":"sora-2","prompt":"x","seconds":"long"}`, 400, "invalid_value", "seconds"},
		{openaiVideos, `{"model":"sora-2"}`, 400, "missing_required_parameter", "prompt"},
		{newAPIVideos, `{"model":"sora-2","prompt":"x","image":"https://a"}`, 400, "invalid_value", "image"},
		{openaiChat, `{"model":"gpt-4o"}`, 400, "missing_required_parameter", "messages"},
		{openaiChat, `{"model":"gpt-4o","messages":[{"role":"user","content":"x"}],"thinking":{}}`, 400, "unknown_parameter", "thinking"},
		{"/openai/v1/nothing", `{}`, 404, "", ""},
	}
	for _, tt := range tests {
		e := as[openaiError](t, k.must(tt.status, http.MethodPost, tt.route, tt.body)).Error
		deref := func(s *string) string {
			if s == nil {
				return ""
			}
			return *s
		}
		if e.Message == "" || e.Type == "" || deref(e.Code) != tt.code || deref(e.Param) != tt.param {
			t.Errorf("%s %s: %+v code %s param %s", tt.route, tt.body, e, deref(e.Code), deref(e.Param))
		}
	}
	k.key = "sim-poor"
	k.must(429, http.MethodPost, openaiImages, `{"model":"dall-e-3","prompt":"x"}`)
	if n := k.sim.Ledger().Totals.Charged; n != 0 {
		t.Errorf("%d charges", n)
	}
}

// TestOpenAIImages: links and bytes give the same kind of picture, of the size
// that was asked for.
func TestOpenAIImages(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	type images struct {
		Data []struct {
			URL string
			B64 string `json:"b64_json"`
		}
	}
	linked := as[images](t, k.must(200, http.MethodPost, openaiImages, `{"model":"dall-e-3","prompt":"x","n":2,"size":"256x128"}`))
	if len(linked.Data) != 2 || linked.Data[0].B64 != "" {
		t.Fatalf("got %+v", linked)
	}
	file := k.must(200, http.MethodGet, linked.Data[0].URL, "")
	inside := as[images](t, k.must(200, http.MethodPost, openaiImages, `{"model":"gpt-image-1","prompt":"x","size":"256x128"}`))
	data, err := base64.StdEncoding.DecodeString(inside.Data[0].B64)
	for _, png := range [][]byte{file.body, data} {
		if !bytes.HasPrefix(png, []byte("\x89PNG")) || png[18] != 1 || png[19] != 0 || png[23] != 128 {
			t.Errorf("%d bytes, %v", len(png), err)
		}
	}
	l := k.sim.Ledger()
	if l.Totals.Charged != 2 || l.Submissions[0].Count != 2 || l.Submissions[0].Protocol != "openai" || l.Submissions[0].MediaReads != 1 {
		t.Errorf("the ledger is %+v", l)
	}
}

type openaiVideo struct {
	ID     string
	TaskID string `json:"task_id"`
	Status string
	URL    string
	Error  *struct{ Code, Message string }
}

// TestOpenAIVideo: a video goes through OpenAI's words, and its content is there
// for the key alone, in ranges too.
func TestOpenAIVideo(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	v := as[openaiVideo](t, k.must(200, http.MethodPost, openaiVideos, `{"model":"sora-2","prompt":"x sim:queued=5s sim:ready=5s","seconds":"4","size":"1280x720"}`))
	route := openaiVideos + "/" + v.ID
	k.must(404, http.MethodGet, route+"/content", "")
	for _, want := range []string{"queued", "in_progress", "completed"} {
		if got := as[openaiVideo](t, k.must(200, http.MethodGet, route, "")); got.Status != want || got.Error != nil {
			t.Errorf("got %+v, want %s", got, want)
		}
		if want == "in_progress" {
			k.must(409, http.MethodDelete, route, "")
		}
		k.clock.Advance(6 * time.Second)
	}
	whole := k.must(200, http.MethodGet, route+"/content", "")
	rest := k.must(206, http.MethodGet, route+"/content", "", "Range", "bytes=100-", "If-Range", whole.header.Get("ETag"))
	if whole.header.Get("Content-Type") != "video/mp4" || !bytes.Equal(rest.body, whole.body[100:]) {
		t.Errorf("%d bytes and %d more, %s", len(whole.body), len(rest.body), whole.header.Get("Content-Type"))
	}
	if still := k.must(200, http.MethodGet, route+"/content?variant=thumbnail", ""); still.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the still is %s", still.header.Get("Content-Type"))
	}
	k.key = "sim-other"
	k.must(404, http.MethodGet, route+"/content", "")
	k.key = "nobody"
	k.must(401, http.MethodGet, route+"/content", "")
	k.key = "sim-test"
	if a := k.must(200, http.MethodDelete, route, ""); !strings.Contains(string(a.body), `"deleted":true`) {
		t.Errorf("got %s", a.body)
	}
	k.must(404, http.MethodGet, route, "")
}

// TestNewAPIVideo tells a link that works without the key.
func TestNewAPIVideo(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	v := as[openaiVideo](t, k.must(200, http.MethodPost, newAPIVideos, `{"model":"sora-2","prompt":"x","width":720,"height":1280,"duration":5}`))
	if v.TaskID == "" || v.ID != "" {
		t.Fatalf("got %+v", v)
	}
	k.clock.Advance(time.Minute)
	got := as[openaiVideo](t, k.must(200, http.MethodGet, newAPIVideos+"/"+v.TaskID, ""))
	if got.Status != "succeeded" || got.URL == "" {
		t.Fatalf("got %+v", got)
	}
	k.must(200, http.MethodGet, got.URL, "")
	k.must(404, http.MethodGet, openaiVideos+"/"+v.TaskID, "")
}

// TestFirstLinkExpires: the links that are told later work, in each protocol that
// tells one.
func TestFirstLinkExpires(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	task := as[openaiVideo](t, k.must(200, http.MethodPost, newAPIVideos, `{"model":"sora-2","prompt":"x sim:expired","width":720,"height":1280,"duration":5}`)).TaskID
	_, data := webFrames(t, k.must(200, "POST", webNumeric, webAsk(2020, 17, "x sim:expired"), "Cookie", webCookie))
	pull := jsonOf(obj{"cmd": 3100, "sequence_id": "s", "uplink_body": obj{"pull_singe_chain_uplink_body": obj{"conversation_id": data[0]["conversation_id"], "limit": 20}}})
	k.clock.Advance(time.Minute)
	for _, want := range []int{403, 200, 200} {
		k.must(want, http.MethodGet, as[openaiVideo](t, k.must(200, http.MethodGet, newAPIVideos+"/"+task, "")).URL, "")
		link := regexp.MustCompile(`"download_url":"([^"]+)"`).FindSubmatch(k.must(200, "POST", webHistory, pull, "Cookie", webCookie).body)
		k.must(want, http.MethodGet, strings.ReplaceAll(string(link[1]), `\u0026`, "&"), "")
	}
}

// TestProtocolsKeepApart: an account's tasks of one protocol are not there in the
// other, but its slots and its charges are the same.
func TestProtocolsKeepApart(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.Defaults.MaxRunning = 1 })
	theirs := as[openaiVideo](t, k.must(200, http.MethodPost, openaiVideos, `{"model":"sora-2","prompt":"x"}`)).ID
	ours := as[taskBody](t, k.must(200, http.MethodPost, taskRoute, `{"model":"doubao-seedance-1-0-pro-250528","content":[{"type":"text","text":"x"}]}`)).ID
	if got := as[taskBody](t, k.must(200, http.MethodGet, taskRoute+"/"+ours, "")); got.Status != "queued" {
		t.Errorf("the one slot is taken, and this is %s", got.Status)
	}
	k.must(404, http.MethodGet, taskRoute+"/"+theirs, "")
	k.must(404, http.MethodDelete, taskRoute+"/"+theirs, "")
	k.must(404, http.MethodGet, openaiVideos+"/"+ours, "")
	k.must(404, http.MethodDelete, openaiVideos+"/"+ours, "")
	k.clock.Advance(time.Hour)
	list := as[struct{ Total int }](t, k.must(200, http.MethodGet, taskRoute, ""))
	if l := k.sim.Ledger(); list.Total != 1 || l.Totals.Charged != 2 {
		t.Errorf("%d tasks in the list, %d charges", list.Total, l.Totals.Charged)
	}
	if got := fmt.Sprint(as[openaiVideo](t, k.must(200, http.MethodGet, openaiVideos+"/"+theirs, "")).Status); got != "completed" {
		t.Errorf("the other is %s", got)
	}
}
