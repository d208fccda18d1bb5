package openai_test

import (
	"slices"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/openai"
	"github.com/tintypehq/tintype/internal/upstream/upstreamtest"
)

// TestSuite holds the driver to the contract of all drivers, with images as bytes
// and OpenAI's videos.
func TestSuite(t *testing.T) {
	t.Parallel()
	upstreamtest.Run(t, harness("gpt-image-1", everything))
}

// TestSuiteNewAPI does so with images as links and new-api's videos.
func TestSuiteNewAPI(t *testing.T) {
	t.Parallel()
	h := harness("dall-e-3", everything, newAPI, func(c *openai.Config) { c.ResponseFormat = "url" })
	h.NoCancel, h.ChatModel = true, ""
	upstreamtest.Run(t, h)
}

func harness(imageModel string, change ...func(*openai.Config)) upstreamtest.Harness {
	return upstreamtest.Harness{
		New: func(t *testing.T, root string, speed upstreamtest.Speed) upstream.Driver {
			all := append(slices.Clone(change), func(c *openai.Config) {
				c.Image.Ratios = map[string]string{"1:1": "256x256"} // drawn in no time
				c.Image.MaxCount = 3
			})
			if speed == upstreamtest.Hasty {
				all = append(all, hasty)
			}
			return driver(t, root+"/openai/v1", all...)
		},
		Image:     job.Spec{Kind: job.Image, UpstreamModel: imageModel, Ratio: "1:1"},
		Video:     job.Spec{Kind: job.Video, UpstreamModel: "sora-2", Ratio: "16:9"},
		ChatModel: "gpt-4o-mini",
		Images:    3,
	}
}
