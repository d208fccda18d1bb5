package ark_test

import (
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
	"github.com/tintypehq/tintype/internal/upstream/upstreamtest"
)

// TestSuite holds the driver to the contract of all drivers.
func TestSuite(t *testing.T) {
	t.Parallel()
	upstreamtest.Run(t, upstreamtest.Harness{
		New: func(t *testing.T, root string, speed upstreamtest.Speed) upstream.Driver {
			return driver(t, root+"/api/v3", func(c *ark.Config) {
				if speed == upstreamtest.Hasty {
					const short = time.Second
					c.ImageTimeout, c.VideoTimeout, c.StatusTimeout = short, short, short
					c.ChatHeaderTimeout, c.ChatIdleTimeout = short, short
				}
			})
		},
		Image:     job.Spec{Kind: job.Image, UpstreamModel: "doubao-seedream-4-0-250828", Ratio: "1:1"},
		Video:     job.Spec{Kind: job.Video, UpstreamModel: "doubao-seedance-1-0-pro-250528", Ratio: "16:9"},
		Marked:    job.Spec{Kind: job.Video, UpstreamModel: "doubao-seedance-2-0-260128", Ratio: "16:9"},
		ChatModel: "doubao-seed-2-0-lite-260428",
		Images:    4,
	})
}
