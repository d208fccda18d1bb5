package doubaoweb_test

import (
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/doubaoweb"
	"github.com/tintypehq/tintype/internal/upstream/upstreamtest"
)

// harness is for a profile, changed by YAML.
func harness(changes ...string) upstreamtest.Harness {
	return upstreamtest.Harness{
		New: func(t *testing.T, root string, speed upstreamtest.Speed) upstream.Driver {
			var all []func(*doubaoweb.Config)
			if speed == upstreamtest.Hasty {
				all = append(all, hasty)
			}
			return driver(t, root+"/doubaoweb", profile(t, changes...), all...)
		},
		Image:     job.Spec{Kind: job.Image, UpstreamModel: "Seedream 4.0", Ratio: "1:1"},
		Video:     job.Spec{Kind: job.Video, UpstreamModel: "seedance_v2.0", Ratio: "16:9"},
		ChatModel: "doubao",
		NoCancel:  true,
	}
}

// TestSuiteNumeric holds dialect A to the contract of all drivers.
func TestSuiteNumeric(t *testing.T) {
	t.Parallel()
	upstreamtest.Run(t, harness("video: {start: A, result: history}"))
}

// TestSuiteNamed does so with dialect B.
func TestSuiteNamed(t *testing.T) {
	t.Parallel()
	upstreamtest.Run(t, harness("dialect: named_event", "video: {start: B, result: history}"))
}

// TestSuiteCanvas does so with videos on the canvas.
func TestSuiteCanvas(t *testing.T) {
	t.Parallel()
	h := harness("video: {start: C, result: canvas}")
	h.ChatModel, h.Image = "", job.Spec{}
	upstreamtest.Run(t, h)
}
