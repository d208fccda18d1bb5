package server_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/upstream"
)

// rich are models that take everything, and plain ones that take nothing.
func rich(tb testing.TB) *upstream.Registry {
	tb.Helper()
	r, err := upstream.NewRegistry([]upstream.Model{
		{
			Name: "rich image", Kind: upstream.ImageModel, Upstream: "ark", ID: seedream, Default: true, Ratios: []string{"1:1", "16:9", "3:2"},
			ReferenceImages: 3, Sizes: []string{"2048x2048", "2560x1440"}, MaxCount: 4, MaxTogether: 5, Resolutions: []string{"1K", "2K"}, Seed: true, NegativePrompt: true,
		},
		{
			Name: "rich video", Kind: upstream.VideoModel, Upstream: "ark", ID: seedance, Default: true, Ratios: []string{"16:9", "9:16"},
			ReferenceImages: 1, Resolutions: []string{"480p", "720p"}, Seconds: []int{5, 10}, Seed: true, LastFrame: true,
		},
		{
			Name: "free video", Kind: upstream.VideoModel, Upstream: "ark", ID: seedance, Ratios: []string{"16:9"}, ReferenceImages: 1, References: 2, LastFrame: true,
			NeedsImage: true,
		},
		{
			Name: "narrow image", Kind: upstream.ImageModel, Upstream: "ark", ID: seedream, Ratios: []string{"1:1", "16:9"}, MaxCount: 2,
			Sizes: []string{"2048x2048"}, Resolutions: []string{"2K"}, Usual: upstream.Usual{Resolution: "2K"}, Withheld: []string{"4096x4096", "4K"},
		},
		{
			Name: "narrow video", Kind: upstream.VideoModel, Upstream: "ark", ID: seedance, Ratios: []string{"16:9", "9:16"}, ReferenceImages: 1,
			Resolutions: []string{"480p", "720p"}, Seconds: []int{5}, Usual: upstream.Usual{Resolution: "720p", Seconds: 5}, Withheld: []string{"1080p", "4k"},
		},
		{Name: "plain image", Kind: upstream.ImageModel, Upstream: "ark", ID: seedream, Ratios: []string{"16:9"}},
		{Name: "plain video", Kind: upstream.VideoModel, Upstream: "ark", ID: seedance, Ratios: []string{"16:9"}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// TestMediaFields: each field beyond the original contract is taken, or refused by
// name with what is allowed; none is dropped.
func TestMediaFields(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models = rich(t) }))
	pic := base64.StdEncoding.EncodeToString(picture(t, 400, 300))
	seven := int64(7)
	for _, tt := range []struct {
		path, body string
		want       func(job.Spec) bool // nil: refused
		param      string
		says       string
	}{
		{images, `"size":"auto"`, func(s job.Spec) bool { return s.Size == "" && s.Ratio == "1:1" }, "", ""},
		{images, `"size":"2048x2048"`, func(s job.Spec) bool { return s.Size == "2048x2048" }, "", ""},
		{images, `"size":"2560X1440","ratio":"16:9"`, func(s job.Spec) bool { return s.Size == "2560x1440" && s.Ratio == "16:9" }, "", ""},
		{images, `"size":"512x512"`, func(s job.Spec) bool { return s.Size == "" && s.Ratio == "1:1" }, "", ""},
		{images, `"size":"1792x1024"`, func(s job.Spec) bool { return s.Ratio == "16:9" }, "", ""},
		{images, `"size":"1536x1024"`, func(s job.Spec) bool { return s.Ratio == "3:2" }, "", ""},
		{images, `"size":"2560x1440","ratio":"1:1"`, nil, "size", "Leave one of the two fields out"},
		{images, `"size":"100x999"`, nil, "size", "Allowed: 2048x2048, 2560x1440."},
		{images, `"size":"big"`, nil, "size", "width and height"},
		{images, `"size":"2560x1440","resolution":"2K"`, nil, "size", "leaves nothing for resolution"},
		{images, `"size":"1024x1024","resolution":"1K"`, func(s job.Spec) bool { return s.Size == "" && s.Ratio == "1:1" && s.Resolution == "1K" }, "", ""},
		{images, `"size":"2560x1440"`, func(s job.Spec) bool { return s.Ratio == "16:9" }, "", ""},
		{images, `"size":7`, nil, "size", "must be a string"},
		{images, `"n":4`, func(s job.Spec) bool { return s.Count == 4 }, "", ""},
		{images, `"n":5`, nil, "n", "1 to 4"},
		{images, `"n":3,"images":["` + pic + `","` + pic + `"]`, func(s job.Spec) bool { return s.Count == 3 && len(s.Inputs()) == 2 }, "", ""},
		{images, `"n":4,"images":["` + pic + `","` + pic + `"]`, nil, "n", "with 2 input images the model \"rich image\" makes 3 at most"},
		{images, `"n":0`, nil, "n", "1 to 4"},
		{images, `"n":1,"model":"plain image"`, func(s job.Spec) bool { return s.Count == 0 }, "", ""},
		{images, `"n":2,"model":"plain image"`, nil, "n", "1 to 1"},
		{images, `"n":1.5`, nil, "n", "whole number"},
		{images, `"seed":7`, func(s job.Spec) bool { return s.Seed != nil && *s.Seed == seven }, "", ""},
		{images, `"seed":-1`, nil, "seed", "from 0"},
		{images, `"seed":7,"model":"plain image"`, nil, "seed", "does not take it"},
		{images, `"resolution":"2k"`, func(s job.Spec) bool { return s.Resolution == "2K" }, "", ""},
		{images, `"resolution":"9K"`, nil, "resolution", "Allowed: 1K, 2K."},
		{images, `"resolution":"2K","model":"plain image"`, nil, "resolution", "does not take it"},
		{images, `"negative_prompt":"no fog"`, func(s job.Spec) bool { return s.NegativePrompt == "no fog" }, "", ""},
		{images, `"negative_prompt":"x","model":"plain image"`, nil, "negative_prompt", "does not take it"},
		{images, `"duration":5`, nil, "duration", "does not take it"},
		{images, `"images":["` + pic + `","` + pic + `"]`, func(s job.Spec) bool { return s.Input != nil && len(s.References) == 1 }, "", ""},
		{images, `"image":"` + pic + `","images":["` + pic + `"]`, func(s job.Spec) bool { return s.Input != nil && len(s.References) == 1 }, "", ""},
		{images, `"images":["` + strings.Repeat(pic+`","`, 3) + pic + `"]`, nil, "images", "3 at most"},
		{images, `"images":["` + pic + `","x"]`, nil, "images[1]", ""},
		{images, `"images":[""]`, nil, "images[0]", "is empty"},
		{images, `"images":"x"`, nil, "images", "list"},
		{images, `"images":["` + pic + `"],"model":"plain image"`, nil, "images", "does not take it"},
		{images, `"quality":"hd","user":"u","background":"auto"`, func(job.Spec) bool { return true }, "", ""},
		{images, `"n":2.0`, func(s job.Spec) bool { return s.Count == 2 }, "", ""},
		{images, `"n":true`, nil, "n", "whole number, not a boolean"},
		{images, `"model":"narrow image"`, func(s job.Spec) bool { return s.Resolution == "2K" && s.Size == "" }, "", ""},
		{images, `"model":"narrow image","size":"2048x2048"`, func(s job.Spec) bool { return s.Resolution == "" && s.Size == "2048x2048" }, "", ""},
		{images, `"model":"narrow image","size":"512x512"`, func(s job.Spec) bool { return s.Resolution == "2K" && s.Size == "" }, "", ""},
		{images, `"model":"narrow image","size":"4096x4096"`, nil, "size", "Allowed: 2048x2048."},
		{images, `"model":"narrow image","resolution":"4K"`, nil, "resolution", "Allowed: 2K."},
		{images, `"model":"narrow image","n":3`, nil, "n", "1 to 2"},
		{videos, `"model":"narrow video"`, func(s job.Spec) bool { return s.Resolution == "720p" && s.Seconds == 5 }, "", ""},
		{videos, `"model":"narrow video","resolution":"480p"`, func(s job.Spec) bool { return s.Resolution == "480p" }, "", ""},
		{videos, `"model":"narrow video","resolution":"1080p"`, nil, "resolution", "Allowed: 480p, 720p."},
		{videos, `"model":"narrow video","size":"1920x1080"`, nil, "size", "Allowed: 480p, 720p."},
		{videos, `"model":"narrow video","size":"2160x3840"`, nil, "size", "Allowed: 480p, 720p."},
		{videos, `"model":"narrow video","duration":10`, nil, "duration", "Allowed: 5."},
		{videos, `"model":"narrow video","seconds":"10"`, nil, "seconds", "Allowed: 5."},
		{videos, `"response_format":"url"`, func(job.Spec) bool { return true }, "", ""},
		{videos, `"response_format":"b64_json"`, nil, "response_format", "Allowed: url."},
		{videos, `"size":"1280x720","resolution":"720p"`, func(s job.Spec) bool { return s.Ratio == "16:9" && s.Resolution == "720p" }, "", ""},
		{videos, `"size":"1280x720","resolution":"480p"`, nil, "size", "not of the resolution 480p"},
		{videos, `"images":["` + pic + `"]`, nil, "images", "goes into \"image\""},
		{videos, `"images":["` + pic + `"],"model":"plain video"`, nil, "images", "does not take it"},
		{videos, `"model":"free video","images":["` + pic + `","` + pic + `"]`, func(s job.Spec) bool { return s.Input == nil && len(s.References) == 2 }, "", ""},
		{videos, `"model":"free video","images":["` + strings.Repeat(pic+`","`, 2) + pic + `"]`, nil, "images", "2 at most"},
		{videos, `"model":"free video","image":"` + pic + `","images":["` + pic + `"]`, nil, "images", "exclude each other"},
		{videos, `"model":"free video","last_frame":"` + pic + `","images":["` + pic + `"]`, nil, "images", "exclude each other"},
		{videos, `"model":"free video"`, nil, "image", "required"},
		{videos, `"duration":10`, func(s job.Spec) bool { return s.Seconds == 10 }, "", ""},
		{videos, `"seconds":"5"`, func(s job.Spec) bool { return s.Seconds == 5 }, "", ""},
		{videos, `"seconds":"5","duration":10`, nil, "seconds", "something else"},
		{videos, `"duration":7`, nil, "duration", "Allowed: 5, 10."},
		{videos, `"duration":5,"model":"plain video"`, nil, "duration", "does not take it"},
		{videos, `"size":"1280x720"`, func(s job.Spec) bool { return s.Ratio == "16:9" && s.Resolution == "720p" }, "", ""},
		{videos, `"size":"720x1280"`, func(s job.Spec) bool { return s.Ratio == "9:16" && s.Resolution == "720p" }, "", ""},
		{videos, `"size":"999x100"`, nil, "size", "Allowed: 16:9, 9:16."},
		{videos, `"image":"` + pic + `","last_frame":"` + pic + `"`, func(s job.Spec) bool { return s.Input != nil && s.LastFrame != nil && s.LastFrame.Key != s.Input.Key }, "", ""},
		{videos, `"last_frame":"` + pic + `"`, nil, "last_frame", "first frame"},
		{videos, `"last_frame":"` + pic + `","model":"plain video"`, nil, "last_frame", "does not take it"},
	} {
		a := h.call(http.MethodPost, tt.path, `{"prompt":"x",`+tt.body+`}`, "Prefer", "respond-async")
		name := tt.path + " " + tt.body[:min(len(tt.body), 60)]
		if tt.want == nil {
			if _, param, says := errorOf(t, a.body); a.status != 400 || param != tt.param || !strings.Contains(says, tt.says) {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			continue
		}
		if a.status != 202 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
			continue
		}
		if spec := h.get(job.ID(a.header.Get("X-Job-Id"))).Spec; !tt.want(spec) {
			t.Errorf("%s: %+v", name, spec)
		}
	}
}

// TestRefusedPicturesAreNotKept: what was stored before a later image was refused
// goes again.
func TestRefusedPicturesAreNotKept(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models = rich(t) }))
	pic := base64.StdEncoding.EncodeToString(picture(t, 400, 300))
	if a := h.call(http.MethodPost, images, fmt.Sprintf(`{"prompt":"x","images":[%q,%q,"bm8="]}`, pic, pic)); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if kept, err := filepath.Glob(filepath.Join(h.dir, "*", "jobs", "*", "input-*")); err != nil || len(kept) != 0 {
		t.Errorf("left: %v, %v", kept, err)
	}
}

// TestPicturesTogether: each may pass and all of them be too much for one request to
// the upstream.
func TestPicturesTogether(t *testing.T) {
	t.Parallel()
	bytes := picture(t, 400, 300)
	h := open(t, configure(func(c *server.Config) {
		one, err := upstream.NewRegistry([]upstream.Model{{
			Name: "m", Kind: upstream.ImageModel, Upstream: "ark", ID: seedream, Ratios: []string{"1:1"}, ReferenceImages: 3,
			Input: upstream.InputLimits{MaxTotalBytes: int64(2 * len(bytes))},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c.Models = one
	}))
	pic := base64.StdEncoding.EncodeToString(bytes)
	if a := h.call(http.MethodPost, images, fmt.Sprintf(`{"prompt":"x","images":[%q,%q]}`, pic, pic), "Prefer", "respond-async"); a.status != 202 {
		t.Errorf("two: %d %s", a.status, a.body)
	}
	a := h.call(http.MethodPost, images, fmt.Sprintf(`{"prompt":"x","image":%q,"images":[%q,%q]}`, pic, pic, pic))
	if code, param, says := errorOf(t, a.body); a.status != 400 || code != "image_too_large" || param != "images[1]" || !strings.Contains(says, "in all") {
		t.Errorf("three: %d %s", a.status, a.body)
	}
	if kept, err := filepath.Glob(filepath.Join(h.dir, "*", "jobs", "*", "input-*")); err != nil || len(kept) != 2 {
		t.Errorf("kept: %v, %v", kept, err)
	}
}

// TestModelsTellTheirFields: what may be asked of a model is in its entry.
func TestModelsTellTheirFields(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models = rich(t) }))
	for name, want := range map[string]string{
		"rich%20image": `"ratios":["1:1","16:9","3:2"],"sizes":["2048x2048","2560x1440"],"resolutions":["1K","2K"],"max_n":4,"reference_images":3,"seed":true,"negative_prompt":true}`,
		"rich%20video": `"durations":[5,10],"resolutions":["480p","720p"],"reference_images":1,"seed":true,"last_frame":true}`,
	} {
		if a := h.call(http.MethodGet, "/v1/models/"+name, ""); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}
