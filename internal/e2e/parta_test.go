package e2e_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// example is one request of Part A.
type example struct {
	name string
	path string
	body fields
}

// kind of the media that a path makes; "" for chat.
func (e example) kind() string {
	switch e.path {
	case imagePath:
		return "image"
	case videoPath:
		return "video"
	}
	return ""
}

// model is the name that the answer must carry.
func (e example) model() string {
	if m, ok := e.body["model"].(string); ok {
		return m
	}
	return map[string]string{chatPath: "doubao", imagePath: "Seedream 4.0", videoPath: "doubao-video"}[e.path]
}

// examples are the requests that the tables of Part A describe: with as little
// as they allow, with every field, and with each way of bringing an image.
func examples(photo []byte, photoURL string) []example {
	base := base64.StdEncoding.EncodeToString(photo)
	dataURI := "data:image/png;base64," + base
	see := func(url string) fields {
		return fields{"model": "doubao", "messages": []any{fields{"role": "user", "content": []any{
			fields{"type": "text", "text": "这是什么？"}, fields{"type": "image_url", "image_url": fields{"url": url}},
		}}}}
	}
	return []example{
		{"chat", chatPath, fields{"model": "doubao", "messages": []any{fields{"role": "user", "content": "你好"}}}},
		{"chat in parts", chatPath, fields{"model": "doubao", "messages": []any{
			fields{"role": "system", "content": "Be brief."},
			fields{"role": "user", "content": []any{fields{"type": "text", "text": "hello"}}},
		}}},
		{"chat about a URL", chatPath, see(photoURL)},
		{"chat about a data URI", chatPath, see(dataURI)},
		{"image", imagePath, fields{"prompt": "一只猫"}},
		{"image, every field", imagePath, fields{"model": "Seedream 4.0", "prompt": "一只猫", "ratio": "16:9", "style": "卡通"}},
		{"image from a URL", imagePath, fields{"prompt": "in oil", "image": photoURL}},
		{"image from a data URI", imagePath, fields{"prompt": "in oil", "image": dataURI, "style": "通用"}},
		{"image from base64", imagePath, fields{"prompt": "in oil", "image": base, "ratio": "9:16"}},
		{"video", videoPath, fields{"prompt": "海浪"}},
		{"video, every field", videoPath, fields{"model": "doubao-video", "prompt": "海浪", "ratio": "1:1"}},
		{"video from a URL", videoPath, fields{"prompt": "it moves", "image": photoURL}},
		{"video from a data URI", videoPath, fields{"prompt": "it moves", "image": dataURI}},
		{"video from base64", videoPath, fields{"prompt": "it moves", "image": base, "ratio": "16:9"}},
	}
}

// TestPartA sends every example with every credential and both stream values
// to both APIs, and holds the answers against the contract key by key.
func TestPartA(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.sendExamples([]string{pooled, gatewayKey}, []string{ownKey + "-0", ownKey + "-1", ownKey + "-2"})
	for _, p := range append(slices.Clone(c.apis), c.workers...) {
		for _, line := range p.log.Lines() {
			if l := parseLine(line); l.Level != "INFO" {
				t.Errorf("%s has something to say although all went well: %s", p.name, line)
			}
		}
	}
}

// sendExamples sends every example with each of some credentials and with one
// of the callers' own, of which few jobs run at once, in turn.
func (c *cluster) sendExamples(each, own []string) {
	c.Helper()
	photo := photograph()
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(photo)
	}))
	c.Cleanup(files.Close)
	var cases []example
	var requests []request
	for i, e := range examples(photo, files.URL+"/photo.png") {
		for j, key := range append(slices.Clone(each), own[i%len(own)]) {
			for k, stream := range []bool{false, true} {
				r := c.partA(c.apis[(i+j+k)%2], e, key, stream)
				cases, requests = append(cases, e), append(requests, r)
			}
		}
	}
	for i, got := range c.together(requests) {
		e, stream := cases[i], strings.Contains(got.body, `"stream":true`)
		c.Run(fmt.Sprintf("%s/%.6s/stream=%v", e.name, got.key, stream), func(t *testing.T) {
			if got.err != nil {
				t.Fatal(got.err)
			}
			if id := got.answer.header.Get("X-Request-Id"); id != got.headers[1] {
				t.Errorf("X-Request-Id is %q", id)
			}
			for _, f := range c.in(t).checkExample(e, got.key, stream, got.answer) {
				t.Error(f)
			}
			if t.Failed() {
				t.Logf("%d %v\n%.3000s", got.answer.status, got.answer.header, got.answer.body)
			}
		})
	}
}

// partA makes a request of an example. Its prompt becomes its own.
func (c *cluster) partA(api *program, e example, key string, stream bool) request {
	body := fields{"stream": stream}
	maps.Copy(body, e.body)
	if prompt, ok := body["prompt"].(string); ok {
		body["prompt"] = c.prompt(prompt)
	}
	return request{url: api.base() + e.path, key: key, body: encode(body), headers: []string{"X-Request-Id", fmt.Sprintf("e2e-%d", c.named.Add(1))}}
}

func (c *cluster) checkExample(e example, key string, stream bool, a answer) []string {
	switch {
	case e.kind() == "" && stream:
		return checkChatStream(a, e.model())
	case e.kind() == "":
		return checkWhole(a, chatAnswer(e.model()))
	case stream:
		found := checkMediaStream(a, e.kind(), e.model())
		return append(found, c.checkResult(e, key, streamedAnswer(a))...)
	}
	link, video := linksOf(a.body)
	want := imageAnswer(a.jobID(), e.model(), link)
	if e.kind() == "video" {
		want = videoAnswer(a.jobID(), e.model(), video)
	}
	return append(checkWhole(a, want), c.checkResult(e, key, a)...)
}

// checkWhole holds a blocking answer against its shape.
func checkWhole(a answer, want fields) []string {
	o, err := a.object()
	if err != nil {
		return []string{err.Error()}
	}
	found := like("answer", o, want)
	if ct := a.header.Get("Content-Type"); a.status != http.StatusOK || ct != "application/json" {
		found = append(found, fmt.Sprintf("status %d, Content-Type %q", a.status, ct))
	}
	return found
}

// checkResult compares the links of an answer, put together or whole, with
// GET /v1/jobs/{id}, and opens them.
func (c *cluster) checkResult(e example, key string, a answer) (found []string) {
	link, video := linksOf(a.body)
	choices, links := imageChoices(link), []string{link}
	if e.kind() == "video" {
		choices, links = videoChoices(video), []string{video.URL, video.Cover}
	}
	origin, _, _ := strings.Cut(links[0], "/v1/media/")
	got, err := c.try(request{url: origin + "/v1/jobs/" + a.jobID(), key: key})
	if err != nil {
		return []string{err.Error()}
	}
	found = append(found, checkWhole(got, succeededJob(a.jobID(), e.kind(), e.model(), choices))...)
	var j jobView
	c.into(got, &j)
	if len(j.Media) != len(links) {
		return append(found, fmt.Sprintf("the job has %d files, the answer %d", len(j.Media), len(links)))
	}
	for i, l := range links {
		elsewhere := c.apis[0]
		if elsewhere.base() == origin {
			elsewhere = c.apis[1]
		}
		found = append(found, c.checkLink(l, key, elsewhere, j.Media[i])...)
	}
	return found
}

// checkChatStream holds a chat's stream against B3: data lines alone.
func checkChatStream(a answer, model string) (found []string) {
	frames := framesOf(a.body)
	found = append(checkStreamHead(a), onlyLines(frames, "data")...)
	if len(frames) < 3 || frames[len(frames)-1].field("data") != "[DONE]" {
		return append(found, fmt.Sprintf("%d events, no [DONE]", len(frames)))
	}
	said := ""
	for i, f := range frames[:len(frames)-1] {
		o, err := f.object()
		if err != nil {
			return append(found, fmt.Sprintf("event %d: %v", i, err))
		}
		// Ark leaves finish_reason out until the last piece.
		one := fields{"index": 0, "finish_reason?": nil, "logprobs?": anything}
		one["delta"] = fields{"role?": "assistant", "content?": rule(func(v any) string {
			s, ok := v.(string)
			if said += s; !ok {
				return fmt.Sprintf("is %#v, not a text", v)
			}
			return ""
		})}
		if i == len(frames)-2 {
			delete(one, "finish_reason?")
			one["finish_reason"] = "stop"
		}
		found = append(found, like(fmt.Sprintf("event %d", i), o, fields{
			"id": text, "object": "chat.completion.chunk", "created": recent, "model": model,
			"choices": []any{one}, "service_tier?": anything,
		})...)
	}
	if said == "" {
		found = append(found, "the stream said nothing")
	}
	return found
}

// photograph is a PNG that every model takes.
func photograph() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 480, 360))
	for y := range 360 {
		for x := range 480 {
			img.Set(x, y, color.RGBA{uint8(x / 2), uint8(y / 2), 128, 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img) // into memory: cannot fail
	return b.Bytes()
}
