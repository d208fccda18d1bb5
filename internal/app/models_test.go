package app

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/upstream"
)

// TestPlacesOfAModel: a model offers what all of its places can do.
func TestPlacesOfAModel(t *testing.T) {
	t.Parallel()
	images, edits := config.ImagesEndpoint, config.EditsEndpoint
	table := func(models ...config.Model) *config.Config {
		return &config.Config{
			Upstreams: []config.Upstream{
				{Name: "ark", Driver: config.ArkDriver},
				{Name: "other", Driver: config.ArkDriver},
				{Name: "studio", Driver: config.OpenAIDriver, OpenAI: config.OpenAI{Endpoints: []config.Endpoint{images, edits}, MaxImages: 4}},
			},
			Models: models,
		}
	}
	seedream := config.Model{Name: "m", Kind: config.ImageModel, Upstream: "ark", ID: "doubao-seedream-4-0-250828"}
	seedance := config.Model{Name: "v", Kind: config.VideoModel, Upstream: "ark", ID: "doubao-seedance-2-0-260128"}
	with := func(m config.Model, places ...config.Fallback) config.Model {
		m.Fallbacks = places
		return m
	}

	models, err := modelTable(table(
		seedream,
		with(seedream, config.Fallback{Upstream: "other", ID: "doubao-seedream-5-0-pro-260628"}),
		with(seedream, config.Fallback{Upstream: "studio", ID: "sdxl"}),
		with(seedance, config.Fallback{Upstream: "other", ID: "ep-1"}, config.Fallback{Upstream: "studio", ID: "film"}),
		config.Model{Name: "named", Kind: config.VideoModel, Upstream: "other", ID: "ep-1", Family: config.Seedance10Pro},
	))
	if err != nil {
		t.Fatal(err)
	}
	if m := models[0]; m.ReferenceImages != 14 || !slices.Contains(m.Resolutions, "4K") || len(m.Fallbacks) != 0 {
		t.Errorf("one place: %+v", m)
	}
	if m := models[1]; m.ReferenceImages != 10 || !slices.Equal(m.Resolutions, []string{"1K", "2K"}) || slices.Contains(m.Sizes, "2304x1728") ||
		!slices.Contains(m.Sizes, "2048x2048") || len(m.Fallbacks) != 1 || m.Fallbacks[0].UpstreamModel != "doubao-seedream-5-0-pro-260628" {
		t.Errorf("two families: %+v", m)
	}
	if m := models[2]; m.ReferenceImages != 1 || m.MaxCount != 4 || len(m.Sizes)+len(m.Resolutions) != 0 || !slices.Contains(m.Ratios, "1:1") {
		t.Errorf("another driver: %+v", m)
	}
	if m := models[3]; m.References != 0 || m.LastFrame || len(m.Seconds) != 0 || len(m.Fallbacks) != 2 {
		t.Errorf("three places: %+v", m)
	}

	// The family of an endpoint id comes from its own entry; without one only what
	// every model does is left.
	known, err := modelTable(table(
		with(seedance, config.Fallback{Upstream: "other", ID: "ep-1"}),
		config.Model{Name: "named", Kind: config.VideoModel, Upstream: "other", ID: "ep-1", Family: config.Seedance10Pro},
	))
	if err != nil || !known[0].LastFrame || known[0].Seconds[0] != 4 || known[0].Seconds[len(known[0].Seconds)-1] != 12 {
		t.Errorf("%v, %+v", err, known)
	}
	unknown, err := modelTable(table(with(seedance, config.Fallback{Upstream: "other", ID: "ep-1"})))
	if err != nil || unknown[0].LastFrame || len(unknown[0].Seconds) != 0 || len(unknown[0].Ratios) == 0 {
		t.Errorf("%v, %+v", err, unknown)
	}

	wide := seedream
	wide.Ratios = []string{"5:1"}
	_, err = modelTable(table(with(wide, config.Fallback{Upstream: "other", ID: "doubao-seedream-4-5-251128"})))
	if err == nil || !strings.Contains(err.Error(), `models[0].fallbacks[0]: doubao-seedream-4-5-251128 of other has no ratio in common with it; leave that fallback out`) {
		t.Errorf("no common ratio: %v", err)
	}
}

// settingsOf reads a file as the programs do.
func settingsOf(t *testing.T, models string) (*config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.yaml")
	const head = `upstreams:
  - {name: ark}
  - {name: other}
  - {name: web, driver: doubaoweb}
  - {name: studio, driver: openai, openai: {endpoints: [images, videos], max_images: 3, image_sizes: ["1:1=512x512", "2:1=1024x512"]}}
models:
`
	if err := os.WriteFile(file, []byte(head+models), 0o600); err != nil {
		t.Fatal(err)
	}
	return Settings(config.Source{Role: config.ForEmbedded, File: file})
}

// TestNarrowedModels: the operator's lists bound what callers may ask for, and what
// they get that do not say.
func TestNarrowedModels(t *testing.T) {
	t.Parallel()
	c, err := settingsOf(t, `
  - {name: small, kind: image, upstream: ark, id: doubao-seedream-4-0-250828, ratios: ["1:1", "16:9"], resolutions: [1K, 2K]}
  - {name: large, kind: image, upstream: ark, id: doubao-seedream-4-0-250828, resolutions: [4K]}
  - {name: short, kind: video, upstream: ark, id: doubao-seedance-1-0-pro-250528, resolutions: [720p, 480p], durations: [10s, 5s]}
  - {name: set, kind: video, upstream: ark, id: doubao-seedance-2-0-260128, resolution: 480p, resolutions: [720p, 480p], duration: 6s, durations: [4s, 6s]}
  - {name: few, kind: image, upstream: studio, id: sdxl, ratios: ["2:1"], max_n: 2}
  - {name: own, kind: image, upstream: web, id: w, ratios: ["5:4"]}
  - name: both
    kind: video
    upstream: ark
    id: doubao-seedance-1-5-pro-251215
    resolutions: [1080p, 720p]
    durations: [12s, 8s]
    fallbacks: [{upstream: other, id: doubao-seedance-2-0-fast-260128}]
`)
	if err != nil {
		t.Fatal(err)
	}
	models, err := modelTable(c)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []upstream.Model{
		{Name: "small", Resolutions: []string{"1K", "2K"}, Sizes: []string{"1280x720", "1024x1024", "2048x2048", "2848x1600"}, Usual: upstream.Usual{Resolution: "2K"}},
		{Name: "large", Resolutions: []string{"4K"}, Sizes: largeSizes, Usual: upstream.Usual{Resolution: "4K"}},
		{Name: "short", Resolutions: []string{"480p", "720p"}, Seconds: []int{5, 10}, Usual: upstream.Usual{Resolution: "720p", Seconds: 5}},
		{Name: "set", Resolutions: []string{"480p", "720p"}, Seconds: []int{4, 6}, Usual: upstream.Usual{Resolution: "480p", Seconds: 6}},
		{Name: "few", MaxCount: 2},
		{Name: "own"},
		{Name: "both", Resolutions: []string{"720p"}, Seconds: []int{8, 12}, Usual: upstream.Usual{Resolution: "720p", Seconds: 12}},
	} {
		m := models[i]
		if slices.Sort(m.Sizes); want.Sizes != nil {
			slices.Sort(want.Sizes)
		}
		if m.Name != want.Name || !slices.Equal(m.Resolutions, want.Resolutions) || !slices.Equal(m.Sizes, want.Sizes) ||
			!slices.Equal(m.Seconds, want.Seconds) || m.Usual != want.Usual || want.MaxCount > 0 && m.MaxCount != want.MaxCount {
			t.Errorf("got  %+v\nwant %+v", m, want)
		}
	}
	for i, want := range [][]string{{"4096x4096", "4K", "2304x1728"}, {"2048x2048", "1K"}, {"1080p"}} {
		for _, v := range want {
			if !slices.Contains(models[i].Withheld, v) {
				t.Errorf("%s does not withhold %s: %v", models[i].Name, v, models[i].Withheld)
			}
		}
	}
	if plain, err := modelTable(&config.Config{Models: config.DefaultModels("ark"), Upstreams: []config.Upstream{{Name: "ark", Driver: config.ArkDriver}}}); err != nil ||
		slices.ContainsFunc(plain, func(m upstream.Model) bool { return m.Usual != upstream.Usual{} || len(m.Withheld) > 0 }) {
		t.Errorf("without lists: %v, %+v", err, plain)
	}
}

var largeSizes = []string{"4096x4096", "4704x3520", "3520x4704", "5504x3040", "3040x5504", "4992x3328", "3328x4992", "6240x2656"}

// TestModelProblems: what an upstream does not have is said with the place of the
// setting and what there is.
func TestModelProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ model, want string }{
		{`kind: image, upstream: ark, id: doubao-seedream-4-5-251128, resolution: 1K`, "resolution: is not one that doubao-seedream-4-5-251128 has; it has 2K, 4K"},
		{`kind: image, upstream: ark, id: doubao-seedream-4-5-251128, resolutions: [2K, 3K]`, "resolutions[1]: is not one that doubao-seedream-4-5-251128 has; it has 2K, 4K"},
		{`kind: image, upstream: ark, id: doubao-seedream-3-0-t2i-250415, resolutions: [2K]`, "resolutions[0]: has no effect: doubao-seedream-3-0-t2i-250415 does not let it be chosen; leave it out"},
		{`kind: image, upstream: ark, id: doubao-seedream-5-0-pro-260628, max_n: 4`, "max_n: is more than doubao-seedream-5-0-pro-260628 makes at once, which is 1"},
		{`kind: image, upstream: ark, id: doubao-seedream-4-0-250828, ratios: ["1:1", "1:99"]`, "ratios[1]: is not one that doubao-seedream-4-0-250828 makes; it makes 1:1, 16:9, 9:16, 4:3, 3:4, 3:2, 2:3, 21:9"},
		{`kind: image, upstream: ark, id: doubao-seededit-3-0-i2i-250628, ratios: ["1:1"]`, "ratios[0]: has no effect: doubao-seededit-3-0-i2i-250628 has the shape of its input image; leave it out"},
		{`kind: video, upstream: ark, id: doubao-seedance-2-0-fast-260128, resolutions: [480p, 4k]`, "resolutions[1]: is not one that doubao-seedance-2-0-fast-260128 has; it has 480p, 720p"},
		{`kind: video, upstream: ark, id: doubao-seedance-1-0-pro-250528, duration: 13s`, "duration: is not one that doubao-seedance-1-0-pro-250528 has; it has 2s, 3s, 4s, 5s, 6s, 7s, 8s, 9s, 10s, 11s, 12s"},
		{`kind: video, upstream: ark, id: doubao-seedance-1-0-pro-250528, durations: [1s]`, "durations[0]: is not one that"},
		{`kind: video, upstream: ark, id: doubao-seedance-1-0-pro-250528, ratios: ["3:2"]`, "ratios[0]: is not one that"},
		{`kind: video, upstream: ark, id: doubao-seedance-1-0-pro-250528, generate_audio: true`, "generate_audio: has no effect: doubao-seedance-1-0-pro-250528 makes no sound"},
		{`kind: image, upstream: studio, id: sdxl, ratios: ["1:1", "16:9"]`, "ratios[1]: is not one that sdxl makes; it makes 1:1, 2:1 (upstreams[3].openai.image_sizes)"},
		{`kind: video, upstream: studio, id: film, ratios: ["1:1"]`, "ratios[0]: is not one that film makes; it makes 16:9, 9:16 (upstreams[3].openai.video_sizes)"},
		{`kind: image, upstream: studio, id: sdxl, max_n: 4`, "max_n: is more than sdxl makes at once, which is 3"},
		{
			`kind: image, upstream: ark, id: doubao-seedream-4-0-250828, ratios: ["21:9"], fallbacks: [{upstream: studio, id: sdxl}]`,
			"fallbacks[0]: sdxl of studio has no ratio in common with it; leave that fallback out",
		},
		{
			`kind: image, upstream: ark, id: doubao-seedream-4-0-250828, resolutions: [2K], fallbacks: [{upstream: studio, id: sdxl}]`,
			"resolutions: names none that all places of the model have; change the list, or leave fallbacks out",
		},
		{
			`kind: video, upstream: ark, id: doubao-seedance-2-0-260128, resolution: 1080p, resolutions: [720p, 1080p], fallbacks: [{upstream: other, id: doubao-seedance-2-0-fast-260128}]`,
			"resolution: is not what all places of the model have; change it, or leave fallbacks out",
		},
		{
			`kind: video, upstream: ark, id: doubao-seedance-2-0-260128, durations: [14s], fallbacks: [{upstream: other, id: doubao-seedance-1-5-pro-251215}]`,
			"durations: names none that all places of the model have; change the list, or leave fallbacks out",
		},
	} {
		_, err := settingsOf(t, "  - {name: m, "+tt.model+"}\n")
		all, ok := errors.AsType[*config.Error](err)
		if !ok || len(all.Problems) != 1 || !strings.Contains(all.Problems[0].String(), "t.yaml:7: models[0]."+tt.want) {
			t.Errorf("%s:\n got %v\nwant %s", tt.model, err, tt.want)
		}
	}
}
