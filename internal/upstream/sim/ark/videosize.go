package ark

import (
	"slices"
)

// videoRatios are the columns of videoSizes.
var videoRatios = []string{"16:9", "4:3", "1:1", "3:4", "9:16", "21:9"}

// videoSizes are the pixels of a resolution, per generation of models.
var videoSizes = map[string][]size{
	"1.0 480p":  {{864, 480}, {736, 544}, {640, 640}, {544, 736}, {480, 864}, {960, 416}},
	"1.0 720p":  {{1248, 704}, {1120, 832}, {960, 960}, {832, 1120}, {704, 1248}, {1504, 640}},
	"1.0 1080p": {{1920, 1088}, {1664, 1248}, {1440, 1440}, {1248, 1664}, {1088, 1920}, {2176, 928}},
	"2.0 480p":  {{864, 496}, {752, 560}, {640, 640}, {560, 752}, {496, 864}, {992, 432}},
	"2.0 720p":  {{1280, 720}, {1112, 834}, {960, 960}, {834, 1112}, {720, 1280}, {1470, 630}},
	"2.0 1080p": {{1920, 1080}, {1664, 1248}, {1440, 1440}, {1248, 1664}, {1080, 1920}, {2206, 946}},
	"2.0 4k":    {{3840, 2160}, {3326, 2494}, {2880, 2880}, {2494, 3326}, {2160, 3840}, {4398, 1886}},
	"2.5 480p":  {{854, 480}, {752, 560}, {640, 640}, {560, 752}, {480, 854}, {992, 432}},
}

// videoSize is the pixels of a video.
func videoSize(t videoTraits, resolution, ratio string) size {
	row, ok := videoSizes[t.sizes+" "+resolution]
	if !ok {
		row = videoSizes["2.0 "+resolution]
	}
	return row[max(0, slices.Index(videoRatios, ratio))]
}

// videoTokens is what a video costs: 24 frames a second and one more.
func videoTokens(s size, frames int) int { return s.w * s.h * frames / 1024 }
