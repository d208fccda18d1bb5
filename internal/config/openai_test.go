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
