package ark_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

const created = `{"id":"cgt-20250613160030-2dvd7"}`

func TestVideoRequest(t *testing.T) {
	t.Parallel()
	jpeg := []byte("\xff\xd8\xff\xe0")
	const frame = `{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4A=="},"role":"first_frame"}`
	tests := []struct {
		name, model, ratio string
		image              []byte
		want               string
	}{
		{"text", "doubao-seedance-1-0-pro-250528", "16:9", nil, `{"model":"doubao-seedance-1-0-pro-250528","content":[{"type":"text","text":"x"}],
			"ratio":"16:9","resolution":"1080p","duration":5,"watermark":false,"return_last_frame":true}`},
		{"no ratio", "doubao-seedance-1-0-pro-250528", "", nil, `{"model":"doubao-seedance-1-0-pro-250528","content":[{"type":"text","text":"x"}],
			"ratio":"16:9","resolution":"1080p","duration":5,"watermark":false,"return_last_frame":true}`},
		{"first frame", "doubao-seedance-1-0-pro-250528", "", jpeg, `{"model":"doubao-seedance-1-0-pro-250528","content":[{"type":"text","text":"x"},` + frame + `],
			"ratio":"adaptive","resolution":"1080p","duration":5,"watermark":false,"return_last_frame":true}`},
		{"first frame and ratio", "doubao-seedance-1-0-pro-250528", "1:1", jpeg, `{"model":"doubao-seedance-1-0-pro-250528","content":[{"type":"text","text":"x"},` + frame + `],
			"ratio":"1:1","resolution":"1080p","duration":5,"watermark":false,"return_last_frame":true}`},
		{"1.5", "doubao-seedance-1-5-pro-251215", "9:16", nil, `{"model":"doubao-seedance-1-5-pro-251215","content":[{"type":"text","text":"x"}],
			"ratio":"9:16","resolution":"720p","duration":5,"generate_audio":false,"watermark":false,"return_last_frame":true}`},
		{"2.5 with first frame has no ratio", "doubao-seedance-2-5-260628", "1:1", jpeg, `{"model":"doubao-seedance-2-5-260628",
			"content":[{"type":"text","text":"x"},` + frame + `],
			"resolution":"720p","duration":5,"generate_audio":false,"watermark":false,"return_last_frame":true,"safety_identifier":"ID"}`},
		{"2.0 as configured", "doubao-seedance-2-0-260128", "4:3", nil, `{"model":"doubao-seedance-2-0-260128","content":[{"type":"text","text":"x"}],
			"ratio":"4:3","resolution":"4k","duration":-1,"generate_audio":true,"watermark":false,"return_last_frame":true,"safety_identifier":"ID"}`},
		{"unknown family", "ep-1", "4:3", nil, `{"model":"ep-1","content":[{"type":"text","text":"x"}],
			"ratio":"4:3","watermark":false,"return_last_frame":true}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, reply(200, created))
			d := driver(t, w.URL+"/api/v3", func(c *ark.Config) {
				c.Settings = map[string]ark.Settings{"doubao-seedance-2-0-260128": {Resolution: "4k", Seconds: -1, Audio: true}}
			})
			s := with(video("x"), tt.ratio, tt.image)
			s.Spec.UpstreamModel = tt.model
			got, err := d.Submit(t.Context(), acc(), s)
			if err != nil || got.UpstreamID != "cgt-20250613160030-2dvd7" || len(got.Sources) != 0 {
				t.Fatalf("got %+v, %v", got, err)
			}
			r := w.only(t)
			sameJSON(t, r.body, strings.Replace(tt.want, `"ID"`, `"`+r.header.Get("X-Client-Request-Id")+`"`, 1))
			if r.method != "POST" || r.path != "/api/v3/contents/generations/tasks" {
				t.Errorf("%s %s", r.method, r.path)
			}
		})
	}
}

// TestVideoWishes: what a request asks for goes before what is configured.
func TestVideoWishes(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, created))
	d := driver(t, w.URL+"/api/v3", func(c *ark.Config) {
		c.Settings = map[string]ark.Settings{"doubao-seedance-1-0-pro-250528": {Resolution: "480p", Seconds: 3}}
	})
	jpeg := []byte("\xff\xd8\xff\xe0")
	s, seed := with(video("x"), "16:9", jpeg), int64(7)
	s.Spec.UpstreamModel, s.Spec.Resolution, s.Spec.Seconds, s.Spec.Seed, s.LastFrame = "doubao-seedance-1-0-pro-250528", "720p", 10, &seed, jpeg
	if _, err := d.Submit(t.Context(), acc(), s); err != nil {
		t.Fatal(err)
	}
	frame := func(role string) string {
		return `{"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4A=="},"role":"` + role + `"}`
	}
	sameJSON(t, w.only(t).body, `{"model":"doubao-seedance-1-0-pro-250528","content":[{"type":"text","text":"x"},`+frame("first_frame")+`,`+frame("last_frame")+`],
		"ratio":"16:9","resolution":"720p","duration":10,"seed":7,"watermark":false,"return_last_frame":true}`)
}

// TestIdentifierNamesTheAttempt: the same job and fence can be found again,
// another fence is another submission, and neither shows our own id.
func TestIdentifierNamesTheAttempt(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, created))
	d := driver(t, w.URL)
	for _, fence := range []int64{1, 1, 2} {
		s := video("x")
		s.Job, s.Fence, s.Spec.UpstreamModel = job.ID("01jabc"), fence, "doubao-seedance-2-0-260128"
		if _, err := d.Submit(t.Context(), acc(), s); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for _, r := range w.requests() {
		var body struct {
			ID string `json:"safety_identifier"`
		}
		if err := json.Unmarshal(r.body, &body); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, body.ID)
	}
	if ids[0] == "" || ids[0] != ids[1] || ids[1] == ids[2] || len(ids[0]) > 64 || strings.Contains(ids[0], "01jabc") {
		t.Errorf("identifiers: %q", ids)
	}
}

func TestPromptFlags(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"waves", "waves"},
		{"waves --dur 10 --rs 1080p", "waves —dur 10 —rs 1080p"},
		{"--watermark true waves", "—watermark true waves"},
		{"waves\n--ratio 1:1", "waves\n—ratio 1:1"},
		{"waves ---dur 10", "waves —dur 10"},
		{"海浪--时长", "海浪—时长"},
		{"one-two, a - b", "one-two, a - b"},
		{"a -- b", "a -- b"},
		{"a --", "a --"},
		{"-- --x --", "-- —x --"},
		{"--5", "—5"},
	}
	w := newWire(t, reply(200, created))
	d := driver(t, w.URL)
	for _, tt := range tests {
		if _, err := d.Submit(t.Context(), acc(), video(tt.in)); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range w.requests() {
		if got := textOf(t, r.body); got != tests[i].want {
			t.Errorf("%q became %q, want %q", tests[i].in, got, tests[i].want)
		}
	}
}

func textOf(t *testing.T, body []byte) string {
	t.Helper()
	var req struct {
		Content []struct{ Text string }
	}
	if err := json.Unmarshal(body, &req); err != nil || len(req.Content) == 0 {
		t.Fatalf("%v: %s", err, body)
	}
	return req.Content[0].Text
}

func TestStyles(t *testing.T) {
	t.Parallel()
	tests := []struct{ prompt, style, want string }{
		{"猫", "", "猫"},
		{"猫", "通用", "猫"},
		{"猫", "卡通", "猫，卡通风格"},
		{"卡通风格的猫", "卡通", "卡通风格的猫"},
		{"猫", "3D", "猫，3D渲染风格"},
		{"猫", "3d", "猫，3D渲染风格"},
		{"猫", "水彩风格", "猫，水彩风格"},
		{"猫", " 水彩 ", "猫，水彩风格"},
	}
	w := newWire(t, reply(200, oneImage))
	d := driver(t, w.URL)
	for _, tt := range tests {
		s := image(tt.prompt)
		s.Spec.Style = tt.style
		if _, err := d.Submit(t.Context(), acc(), s); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range w.requests() {
		var req struct{ Prompt string }
		if err := json.Unmarshal(r.body, &req); err != nil || req.Prompt != tests[i].want {
			t.Errorf("%+v became %q", tests[i], req.Prompt)
		}
	}
}

func TestVideoRefusedInside200(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, `{"error":{"code":"InputTextSensitiveContentDetected","message":"m"}}`))
	_, err := driver(t, w.URL).Submit(t.Context(), acc(), video("x"))
	if e := fails(t, err); e.Class != upstream.ContentRejected || e.Outcome != upstream.Rejected || e.Fault.Param != "prompt" {
		t.Errorf("got %v", e)
	}
}
