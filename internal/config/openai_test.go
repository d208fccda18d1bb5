package config_test

import (
	"testing"

	"github.com/tintypehq/tintype/internal/config"
)

func TestOpenAIUpstreams(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string
		want       []string
	}{
		{"fine", `upstreams: [{name: o, driver: openai, openai: {endpoints: [images, new_api_videos], image_sizes: ["16:9=", "1:1=64x64"]}, accounts: [{id: a, key: k}]}]
models: [{name: m, kind: image, id: i}, {name: v, kind: video, id: j}]
`, nil},
		{"all wrong", `upstreams: [{name: o, driver: openai, base_url: "http://x", openai: {endpoints: [images, videos, new_api_videos], image_sizes: ["16:9"]}, accounts: [{id: a, key: k}]},
  {name: k, openai: {max_images: 2}}]
models:
  - {name: m, kind: chat, id: i, upstream: o}
  - {name: n, kind: image, id: i2, upstream: o, family: seedream-4.0, resolution: 2K}
`, []string{
			"t.yaml:1: upstreams[0].base_url: must begin with https://, since keys are sent to it; http:// needs allow_private: true",
			"t.yaml:1: upstreams[0].openai.endpoints: may name one of videos and new_api_videos, not both",
			`t.yaml:1: upstreams[0].openai.image_sizes[0]: must be a ratio and a size, such as "16:9=1536x864", or "16:9="`,
			"t.yaml:2: upstreams[1].openai.max_images: has an effect with the driver openai alone",
			"t.yaml:4: models[0].kind: is chat, which the upstream o does not make (upstreams[].openai.endpoints)",
			"t.yaml:5: models[1].family: has no effect on models of an upstream with the driver openai",
			"t.yaml:5: models[1].resolution: has no effect on models of an upstream with the driver openai",
		}},
		{"no models", "upstreams: [{name: o, driver: openai, accounts: [{id: a, key: k}]}]\n", []string{
			"models: must name what the upstream has: only Ark's models are known without",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			expect(t, problems(t, config.Source{Environ: deployment(c.file)}, c.file), c.want...)
		})
	}
}

func TestFallbacks(t *testing.T) {
	t.Parallel()
	expect(t, problems(t, config.Source{Environ: deployment("upstreams:")}, `upstreams: [{name: a, accounts: [{id: x, key: k}]}, {name: b, accounts: [{id: y, key: k, models: [ep-9]}]}]
models:
  - {name: m, kind: image, upstream: a, id: doubao-seedream-4-0-250828, fallbacks: [{upstream: b, id: ep-9}]}
  - {name: c, kind: chat, upstream: a, id: i, fallbacks: [{upstream: b, id: j}]}
  - {name: v, kind: video, upstream: a, id: doubao-seedance-1-0-pro-250528, fallbacks: [{upstream: a, id: z}, {upstream: nowhere}]}
`),
		"t.yaml:4: models[1].fallbacks: has no effect on chat models",
		"t.yaml:5: models[2].fallbacks[0].upstream: is named twice for this model",
		"t.yaml:5: models[2].fallbacks[1].id: is required; set it in the file or by TINTYPE_MODELS_2_FALLBACKS_1_ID",
		"t.yaml:5: models[2].fallbacks[1].upstream: is no upstream's name; there are: a, b",
	)
}
