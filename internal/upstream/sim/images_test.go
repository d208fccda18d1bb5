package sim_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

func TestImageSizes(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	for _, tt := range []struct {
		model, prompt, size, want string
		format                    string
	}{
		{"seedream-4-0-250828", "x", "1K", "1024x1024", "jpeg"},
		{"seedream-4-0-250828", "一张 9：16 的海报", "1k", "720x1280", "jpeg"},
		{"seedream-5-0-260128", "x", "2560x1440", "2560x1440", "png"},
		{"seedream-5-0-pro-260628", "21:9", "1K", "1568x672", "png"},
		{"seedream-5-0-pro-260628", "x", "1024x1024", "1024x1024", "jpeg"},
	} {
		t.Run(tt.model+" "+tt.size+tt.prompt, func(t *testing.T) {
			t.Parallel()
			more := obj{"model": "doubao-" + tt.model, "size": tt.size}
			if tt.format == "png" {
				more["output_format"] = "png"
			}
			out := k.image(imageOf(tt.prompt, more))
			a := k.must(200, "GET", out.Data[0].URL, "")
			cfg, format, err := image.DecodeConfig(bytes.NewReader(a.body))
			if err != nil {
				t.Fatal(err)
			}
			w, h := cfg.Width, cfg.Height
			if out.Data[0].Size != tt.want || tt.want != sizeOf(w, h) || format != tt.format || a.header.Get("Content-Type") != "image/"+tt.format {
				t.Errorf("says %s, is %s %s", out.Data[0].Size, sizeOf(w, h), format)
			}
			if out.Usage.OutputTokens != w*h/256 || out.Usage.TotalTokens != out.Usage.OutputTokens {
				t.Errorf("usage %+v", out.Usage)
			}
		})
	}
}

// The sizes that tiers stand for, without drawing them.
func TestTiers(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	for _, tt := range []struct{ model, prompt, size, want string }{
		{"seedream-4-0-250828", "x", "", "2048x2048"},
		{"seedream-4-0-250828", "a poster, 16:9", "2K", "2848x1600"},
		{"seedream-4-0-250828", "2:3", "4K", "3328x4992"},
		{"seedream-4-5-251128", "4:3", "2k", "2304x1728"},
		{"seedream-4-5-251128", "x", "2560x1440", "2560x1440"},
		{"seedream-5-0-260128", "21:9", "3K", "4704x2016"},
		{"seedream-5-0-pro-260628", "21:9", "", "3136x1344"},
		{"seedream-5-0-pro-260628", "3:4", "1K", "864x1152"},
	} {
		out := k.image(imageOf(tt.prompt, obj{"model": "doubao-" + tt.model, "size": tt.size}))
		if out.Data[0].Size != tt.want {
			t.Errorf("%s %s %s: %s, want %s", tt.model, tt.prompt, tt.size, out.Data[0].Size, tt.want)
		}
	}
	if out := k.image(imageOf("x", obj{"model": "doubao-seedream-3-0-t2i-250415"})); out.Data[0].Size != "" || out.Usage.OutputTokens != 4096 {
		t.Errorf("3.0 does not say its size: %+v", out)
	}
}

func sizeOf(w, h int) string { return fmt.Sprintf("%dx%d", w, h) }

func TestImagesFollowThePrompt(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	draw := func(prompt string, more ...obj) []byte {
		more = append(more, obj{"response_format": "b64_json", "model": "doubao-seedream-3-0-t2i-250415", "size": "512x512"})
		b, err := base64.StdEncoding.DecodeString(k.image(imageOf(prompt, more...)).Data[0].B64)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	one, again, other := draw("a cat"), draw("a cat"), draw("a dog")
	if !bytes.Equal(one, again) || bytes.Equal(one, other) {
		t.Error("the picture must follow from the prompt alone")
	}
	if marked := draw("a cat", obj{"watermark": true}); bytes.Equal(one, marked) {
		t.Error("the watermark does not show")
	}
}

// An input picture must show through: red on the left, blue on the right.
func TestImageToImage(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	in := image.NewNRGBA(image.Rect(0, 0, 400, 300))
	for x := range 400 {
		for y := range 300 {
			c := color.NRGBA{R: 255, A: 255}
			if x >= 200 {
				c = color.NRGBA{B: 255, A: 255}
			}
			in.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, in); err != nil {
		t.Fatal(err)
	}
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b.Bytes()) }))
	defer files.Close()
	inline := "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
	for _, ref := range []any{inline, []string{inline}, files.URL + "/in.png"} {
		out := k.image(imageOf("a cat", obj{"image": ref, "size": "1K"}))
		if out.Data[0].Size != "1152x864" {
			t.Errorf("a tier must follow the input picture, got %s", out.Data[0].Size)
		}
		if _, list := ref.([]string); list {
			continue // drawn in the same way as a single one
		}
		img, _, err := image.Decode(bytes.NewReader(k.must(200, "GET", out.Data[0].URL, "").body))
		if err != nil {
			t.Fatal(err)
		}
		left, right := img.At(150, 150), img.At(1000, 150)
		lr, _, lb, _ := left.RGBA()
		rr, _, rb, _ := right.RGBA()
		if lr < lb+0x4000 || rb < rr+0x4000 {
			t.Errorf("left %v, right %v", left, right)
		}
	}
}

func TestImageGroup(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	auto := obj{"sequential_image_generation": "auto"}
	refs := make([]string, 13)
	for i := range refs {
		refs[i] = dataURI("png", 20, 20)
	}
	for _, tt := range []struct {
		name, prompt string
		more         obj
		want         int
	}{
		{"no group", "3张图", obj{"sequential_image_generation": "disabled"}, 1},
		{"four by itself", "cats", nil, 4},
		{"as the prompt says", "生成6张图", nil, 6},
		{"as max_images says", "cats", obj{"sequential_image_generation_options": obj{"max_images": 2}}, 2},
		{"never more than max_images", "9 images of cats", obj{"sequential_image_generation_options": obj{"max_images": 3}}, 3},
		{"references count", "9张", obj{"image": refs}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := k.image(imageOf(tt.prompt, auto, tt.more))
			if len(out.Data) != tt.want || out.Usage.GeneratedImages != tt.want {
				t.Errorf("%d images, want %d", len(out.Data), tt.want)
			}
		})
	}
}

func TestGroupWithFailures(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	auto := obj{"sequential_image_generation": "auto"}
	out := k.image(imageOf("3张 sim:fail=1", auto))
	if len(out.Data) != 3 || out.Data[0].URL == "" || out.Data[1].Error == nil || out.Data[2].URL == "" || out.Usage.GeneratedImages != 2 {
		t.Errorf("moderation of one goes on: %+v", out)
	}
	if e := out.Data[1].Error; e != nil && e.Code != "OutputImageSensitiveContentDetected" {
		t.Errorf("%+v", e)
	}
	out = k.image(imageOf("3张 sim:broken", auto))
	if len(out.Data) != 1 || out.Data[0].Error == nil || out.Data[0].Error.Code != "InternalServiceError" {
		t.Errorf("an internal error stops the group: %+v", out)
	}
	if s := k.sim.Ledger().Submissions; s[0].Count != 2 || s[1].Count != 0 || !s[1].Charged {
		t.Errorf("%+v", s)
	}
}

// event is one parsed event of a stream.
type event struct{ name, data string }

// events parses a stream of single-line events.
func events(t *testing.T, body []byte) []event {
	t.Helper()
	var out []event
	for block := range strings.SplitSeq(strings.TrimSuffix(string(body), "\n\n"), "\n\n") {
		var e event
		for line := range strings.SplitSeq(block, "\n") {
			key, value, ok := strings.Cut(line, ": ")
			switch {
			case ok && key == "event":
				e.name = value
			case ok && key == "data" && e.data == "":
				e.data = value
			default:
				t.Fatalf("line %q in %q", line, block)
			}
		}
		out = append(out, e)
	}
	return out
}

func TestImageStream(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.must(200, "POST", imageRoute, imageOf("3张 sim:fail=1", obj{"sequential_image_generation": "auto", "stream": true, "size": "1K"}))
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Errorf("Content-Type %q", got)
	}
	var names []string
	for _, e := range events(t, a.body) {
		names = append(names, e.name)
		var body struct{ Type string }
		if e.data != "[DONE]" && (json.Unmarshal([]byte(e.data), &body) != nil || body.Type != e.name) {
			t.Errorf("event %q has data %s", e.name, e.data)
		}
	}
	const p = "image_generation."
	want := []string{p + "partial_succeeded", p + "partial_failed", p + "partial_succeeded", p + "completed", ""}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("events %q", names)
	}
	first := events(t, a.body)[0]
	var one struct {
		URL   string
		Index int `json:"image_index"`
	}
	if err := json.Unmarshal([]byte(first.data), &one); err != nil {
		t.Fatal(err)
	}
	k.must(200, "GET", one.URL, "")
}

func TestImageTakesItsTime(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.ImageTime = 2 * time.Second })
	done := make(chan imageBody, 1)
	go func() { done <- k.image(imageOf("x", obj{"size": "1K"})) }()
	if err := k.clock.AwaitTimers(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if a := k.sim.Ledger().Accounts[0]; a.InFlight != 1 || a.Running != 0 {
		t.Errorf("%+v", a)
	}
	k.clock.Advance(2*time.Second - 1)
	select {
	case <-done:
		t.Fatal("too early")
	default:
	}
	k.clock.Advance(1)
	if out := <-done; out.Created != start.Add(2*time.Second).Unix() {
		t.Errorf("created %d", out.Created)
	}
	if a := k.sim.Ledger().Accounts[0]; a.InFlight != 0 || a.MaxInFlight != 1 {
		t.Errorf("%+v", a)
	}
}
