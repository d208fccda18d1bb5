package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const edits = "/v1/images/edits"

// TestEdits: OpenAI's edits are the original contract's images from images.
func TestEdits(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models = rich(t) }))
	one, two := picture(t, 400, 300), picture(t, 300, 400)
	text := base64.StdEncoding.EncodeToString(one)
	form := func() *formBody {
		return newForm(t).text("prompt", "at night").text("size", "1024x1024").text("n", "2").text("quality", "high").
			text("background", "auto").text("user", "u").text("input_fidelity", "high").text("output_format", "png").text("mask", "")
	}
	asJSON := func(pictures string) answer {
		return h.call(http.MethodPost, edits, `{"prompt":"at night","size":"1024x1024","n":2,`+pictures+`}`, "Prefer", "respond-async")
	}
	async := []string{"Prefer", "respond-async"}
	for name, tt := range map[string]struct {
		answer
		pictures int
	}{
		"one file":               {h.post(edits, form().file("image", "a.png", one), async...), 1},
		"a list of one":          {h.post(edits, form().file("image[]", "a.png", one), async...), 1},
		"two files":              {h.post(edits, form().file("image[]", "a.png", one).file("image[]", "b.png", two), async...), 2},
		"two of one name":        {h.post(edits, form().file("image", "a.png", one).file("image", "b.png", two), async...), 2},
		"a file and a link":      {h.post(edits, form().file("image", "a.png", one).text("images[0]", h.page(two)), async...), 2},
		"without a name":         {h.post(edits, form().file("image", "", one), async...), 1},
		"JSON":                   {asJSON(`"image":"` + text + `"`), 1},
		"JSON with two":          {asJSON(`"image":["` + text + `","` + h.dataURI(two) + `"]`), 2},
		"JSON as OpenAI has it":  {asJSON(`"images":[{"image_url":"` + h.dataURI(one) + `"},{"image_url":{"url":"` + h.page(two) + `"}}]`), 2},
		"JSON with nothing else": {asJSON(`"image":null,"mask":null,"images":["` + text + `"]`), 1},
	} {
		if tt.status != http.StatusAccepted {
			t.Errorf("%s: %d %s", name, tt.status, tt.body)
			continue
		}
		j, err := h.store.Get(t.Context(), job.ID(tt.header.Get("X-Job-Id")))
		h.must(err)
		s := j.Spec
		if s.Kind != job.Image || s.Prompt != "at night" || s.Ratio != "1:1" || s.Count != 2 || s.Input == nil || s.Input.Width != 400 || len(s.Inputs()) != tt.pictures {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestEditsAnswer as the original path does, blocking and streamed.
func TestEditsAnswer(t *testing.T) {
	t.Parallel()
	h := open(t)
	pic := picture(t, 400, 300)
	h.meanwhile(func() { h.makeImage(h.waitForJob(), []byte("an image")) })
	a := h.post(edits, newForm(t).text("prompt", "x").text("response_format", "b64_json").file("image", "a.png", pic))
	var made tintype.MediaResponse
	h.must(json.Unmarshal([]byte(a.body), &made))
	if a.status != 200 || len(made.Data) != 1 || made.Data[0].B64JSON != base64.StdEncoding.EncodeToString([]byte("an image")) || len(made.Choices[0].Message.Images) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	again := h.post(edits, newForm(t).text("prompt", "x").file("image", "a.png", pic).text("stream", "true"), "X-Stainless-Retry-Count", "1")
	if again.status != 200 || !strings.HasPrefix(again.header.Get("Content-Type"), "text/event-stream") || !strings.Contains(again.body, made.ID) || !strings.HasSuffix(again.body, "data: [DONE]\n\n") {
		t.Errorf("%d %v %s", again.status, again.header, again.body)
	}
}

func TestEditsRefuse(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models = rich(t) }))
	pic := picture(t, 400, 300)
	form := func() *formBody { return newForm(t).text("prompt", "x") }
	for name, tt := range map[string]struct {
		answer
		status            int
		code, param, says string
	}{
		"no picture":          {h.post(edits, form()), 400, "invalid_request", "image", "/v1/images/generations"},
		"an empty list":       {h.call(http.MethodPost, edits, `{"prompt":"x","images":[]}`), 400, "invalid_request", "image", "required"},
		"a mask":              {h.post(edits, form().file("image", "a", pic).file("mask", "m", pic)), 400, "invalid_request", "mask", "Leave it out"},
		"a mask in JSON":      {h.call(http.MethodPost, edits, `{"prompt":"x","image":"a","mask":{"image_url":"x"}}`), 400, "invalid_request", "mask", "Leave it out"},
		"too many":            {h.post(edits, form().file("image[]", "a", pic).file("image[]", "b", pic).file("image[]", "c", pic).file("image[]", "d", pic)), 400, "invalid_request", "image", "takes 3 at most"},
		"the second is wrong": {h.post(edits, form().file("image[]", "a", pic).file("image[]", "b", []byte("no picture"))), 400, "invalid_image", "image[1]", "image[1]: this is not an image"},
		"another model":       {h.post(edits, form().text("model", "plain image").file("image", "a", pic)), 400, "invalid_request", "image", "takes no input image"},
		"a wrong stream":      {h.post(edits, form().text("stream", "maybe").file("image", "a", pic)), 400, "invalid_request", "stream", "true or false"},
		"a number":            {h.call(http.MethodPost, edits, `{"prompt":"x","image":[7]}`), 400, "invalid_request", "image[0]", "a number"},
		"an empty text":       {h.call(http.MethodPost, edits, `{"prompt":"x","image":["`+base64.StdEncoding.EncodeToString(pic)+`",""]}`), 400, "invalid_request", "image[1]", "is empty"},
	} {
		code, param, message := errorOf(t, tt.body)
		if tt.answer.status != tt.status || code != tt.code || param != tt.param || !strings.Contains(message, tt.says) {
			t.Errorf("%s: %d %s", name, tt.answer.status, tt.body)
		}
	}
	h.nothingHappened()
}
