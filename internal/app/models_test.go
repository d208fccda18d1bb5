package app

import (
	"slices"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/config"
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
	if m := models[2]; m.ReferenceImages != 1 || m.MaxCount != 0 || len(m.Sizes)+len(m.Resolutions) != 0 || !slices.Contains(m.Ratios, "1:1") {
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
	if err == nil || !strings.Contains(err.Error(), `"m": fallbacks: doubao-seedream-4-5-251128 of other has no ratio in common`) {
		t.Errorf("no common ratio: %v", err)
	}
}
