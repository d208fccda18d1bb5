package upstream_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream"
)

func TestNarrow(t *testing.T) {
	t.Parallel()
	m := upstream.Model{
		Name: "m", Upstream: "a", ID: "x", Ratios: []string{"1:1", "16:9", "9:16"}, ReferenceImages: 14, Sizes: []string{"1x1", "2x2"}, MaxCount: 4,
		Resolutions: []string{"480p", "720p"}, Seconds: []int{4, 5, 6}, Seed: true, NegativePrompt: true, LastFrame: true, References: 9,
		Input: upstream.InputLimits{Types: []string{"image/png", "image/webp"}, MaxBytes: 10, MaxTotalBytes: 0, MaxPixels: 7, MinSide: 15, MaxSide: 0, MinAspect: 0.1, MaxAspect: 16},
	}
	before := m.Ratios[1]
	err := m.Narrow(upstream.Model{
		Upstream: "b", ID: "y", Ratios: []string{"9:16", "16:9"}, ReferenceImages: 2, NeedsImage: true, Sizes: []string{"2x2"}, MaxCount: 2, MaxTogether: 15,
		Resolutions: []string{"720p", "1080p"}, Seconds: []int{5, 6, 7}, LastFrame: true, References: 4,
		Input: upstream.InputLimits{Types: []string{"image/png", "image/jpeg"}, MaxBytes: 30, MaxTotalBytes: 45, MaxPixels: 0, MinSide: 300, MaxSide: 6000, MinAspect: 0.4, MaxAspect: 2.5},
	})
	want := upstream.Model{
		Name: "m", Upstream: "a", ID: "x", Ratios: []string{"16:9", "9:16"}, ReferenceImages: 2, NeedsImage: true, Sizes: []string{"2x2"}, MaxCount: 2, MaxTogether: 15,
		Resolutions: []string{"720p"}, Seconds: []int{5, 6}, LastFrame: true, References: 4,
		Input: upstream.InputLimits{Types: []string{"image/png"}, MaxBytes: 10, MaxTotalBytes: 45, MaxPixels: 7, MinSide: 300, MaxSide: 6000, MinAspect: 0.4, MaxAspect: 2.5},
	}
	if err != nil || !reflect.DeepEqual(m, want) || before != "16:9" {
		t.Errorf("%v\n got %+v\nwant %+v", err, m, want)
	}

	// No limit of types is none of the other's either.
	open := upstream.Model{}
	if err := open.Narrow(want); err == nil || !strings.Contains(err.Error(), "takes none") || len(open.Input.Types) != 1 {
		t.Errorf("%v, %+v", err, open)
	}
	for _, tt := range []struct {
		a, b upstream.Model
		says string
	}{
		{upstream.Model{Ratios: []string{"1:1"}}, upstream.Model{ID: "y", Upstream: "b", Ratios: []string{"16:9"}}, "y of b has no ratio in common"},
		{upstream.Model{NeedsImage: true, ReferenceImages: 1}, upstream.Model{}, "one needs an image"},
		{upstream.Model{Ratios: []string{"1:1"}}, upstream.Model{}, ""}, // follows its input image
	} {
		if err := tt.a.Narrow(tt.b); (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v with %+v: %v", tt.a, tt.b, err)
		}
	}
}
