package sim_test

import (
	"bytes"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestImage(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	out := k.image(imageOf("a lake at dawn", obj{"size": "1280x720"}))
	if len(out.Data) != 1 || out.Data[0].Size != "1280x720" || out.Model != "doubao-seedream-4-0-250828" {
		t.Fatalf("%+v", out)
	}
	if want := 1280 * 720 / 256; out.Usage.OutputTokens != want || out.Usage.GeneratedImages != 1 {
		t.Errorf("usage %+v, want %d tokens", out.Usage, want)
	}
	media := k.must(200, "GET", out.Data[0].URL, "")
	img, format, err := image.Decode(bytes.NewReader(media.body))
	if err != nil || format != "jpeg" || img.Bounds().Dx() != 1280 || img.Bounds().Dy() != 720 {
		t.Fatalf("%s %v %v", format, img.Bounds(), err)
	}
}

func TestVideo(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	id := k.create(videoOf("waves", obj{"ratio": "9:16", "resolution": "720p", "duration": 5, "return_last_frame": true}))
	if !regexp.MustCompile(`^cgt-20261123160000-[a-z0-9]{5}$`).MatchString(id) {
		t.Errorf("id %q", id)
	}
	if s := k.get(id).Status; s != "running" {
		t.Errorf("status %q", s)
	}
	k.clock.Advance(6 * time.Second)
	v := k.get(id)
	if v.Status != "succeeded" || v.UpdatedAt-v.CreatedAt != 6 || v.Ratio != "9:16" || *v.Duration != 5 || v.FPS != 24 {
		t.Fatalf("%+v", v)
	}
	if want := 704 * 1248 * 121 / 1024; v.Usage.CompletionTokens != want {
		t.Errorf("usage %d, want %d", v.Usage.CompletionTokens, want)
	}
	clip := k.must(200, "GET", v.Content.VideoURL, "")
	if string(clip.body[4:8]) != "ftyp" || clip.header.Get("Content-Type") != "video/mp4" {
		t.Errorf("not a clip: %q", clip.body[:8])
	}
	frame := k.must(200, "GET", v.Content.LastFrame, "")
	cfg, format, err := image.DecodeConfig(bytes.NewReader(frame.body))
	if err != nil || format != "png" || cfg.Width != 704 || cfg.Height != 1248 {
		t.Errorf("last frame %s %dx%d %v", format, cfg.Width, cfg.Height, err)
	}
}

func TestChat(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.must(200, "POST", chatRoute, chatOf("how are you?"))
	if !strings.Contains(string(a.body), `how are you?`) {
		t.Errorf("%s", a.body)
	}
	a = k.must(200, "POST", chatRoute, chatOf("how are you?", obj{"stream": true}))
	if !strings.HasSuffix(string(a.body), "data: [DONE]\n\n") {
		t.Errorf("%s", a.body)
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	id := k.create(videoOf("one"))
	k.get(id)
	k.get(id)
	k.must(400, "POST", imageRoute, imageOf("two", obj{"size": "1x1"}))
	k.clock.Advance(time.Minute)
	l := k.sim.Ledger()
	if len(l.Submissions) != 2 || l.Totals.Charged != 1 || l.Totals.Polls != 2 || l.Totals.Refused != 1 {
		t.Fatalf("%+v", l)
	}
	s := l.Submissions[0]
	if s.TaskID != id || !s.Charged || s.Polls != 2 || s.State != "succeeded" || !s.Answered || s.Prompt != "one" {
		t.Errorf("%+v", s)
	}
	if a := l.Accounts[0]; a.MaxInFlight != 1 || a.InFlight != 0 {
		t.Errorf("%+v", a)
	}
}
