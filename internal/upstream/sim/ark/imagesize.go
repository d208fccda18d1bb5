package ark

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// size is width and height in pixels.
type size struct{ w, h int }

func (s size) String() string { return strconv.Itoa(s.w) + "x" + strconv.Itoa(s.h) }

// imageRatios are the columns of imageSizes.
var imageRatios = []string{"1:1", "4:3", "3:4", "16:9", "9:16", "3:2", "2:3", "21:9"}

// imageSizes are the sizes that a tier stands for, per family of models.
var imageSizes = map[string][]size{
	"4 1K":     {{1024, 1024}, {1152, 864}, {864, 1152}, {1280, 720}, {720, 1280}, {1248, 832}, {832, 1248}, {1512, 648}},
	"4 2K":     {{2048, 2048}, {2304, 1728}, {1728, 2304}, {2848, 1600}, {1600, 2848}, {2496, 1664}, {1664, 2496}, {3136, 1344}},
	"4 3K":     {{3072, 3072}, {3456, 2592}, {2592, 3456}, {4096, 2304}, {2304, 4096}, {3744, 2496}, {2496, 3744}, {4704, 2016}},
	"4 4K":     {{4096, 4096}, {4704, 3520}, {3520, 4704}, {5504, 3040}, {3040, 5504}, {4992, 3328}, {3328, 4992}, {6240, 2656}},
	"pro 1K":   {{1024, 1024}, {1152, 864}, {864, 1152}, {1424, 800}, {800, 1424}, {1248, 832}, {832, 1248}, {1568, 672}},
	"pro 1.5K": {{1536, 1536}, {1776, 1328}, {1328, 1776}, {2048, 1152}, {1152, 2048}, {1872, 1248}, {1248, 1872}, {2352, 1008}},
	"pro 2K":   {{2048, 2048}, {2368, 1776}, {1776, 2368}, {2816, 1584}, {1584, 2816}, {2496, 1664}, {1664, 2496}, {3136, 1344}},
}

var (
	explicitSize = regexp.MustCompile(`^([1-9][0-9]{1,4})x([1-9][0-9]{1,4})$`)
	ratioWord    = regexp.MustCompile(`\d{1,2}[:：]\d{1,2}`)
)

// imageSize is how large the pictures will be: as the caller says, or for a
// tier as the prompt's words or the first input picture suggest.
func imageSize(m model, asked, prompt string, refs []picture) (size, *problem) {
	t := m.image
	if asked == "" {
		asked = t.defaultSize
	}
	if asked == "adaptive" && slices.Contains(t.tiers, asked) {
		return adaptiveSize(refs), nil
	}
	if i := slices.IndexFunc(t.tiers, func(tier string) bool { return strings.EqualFold(tier, asked) }); i >= 0 {
		return imageSizes[t.family+" "+t.tiers[i]][ratioColumn(prompt, refs)], nil
	}
	parts := explicitSize.FindStringSubmatch(asked)
	if parts == nil {
		return size{}, invalid("size", "`%s` is neither WxH nor one of %s", asked, strings.Join(t.tiers, ", "))
	}
	w, _ := strconv.Atoi(parts[1]) // at most five digits
	h, _ := strconv.Atoi(parts[2]) // at most five digits
	ratio := float64(w) / float64(h)
	switch {
	case slices.Contains(t.tiers, "adaptive"):
		return size{}, invalid("size", "only `adaptive` is supported for model %s", m.id)
	case w*h < t.minPixels:
		return size{}, invalid("size", "image size must be at least %d pixels", t.minPixels)
	case w*h > t.maxPixels:
		return size{}, invalid("size", "image size must be at most %d pixels", t.maxPixels)
	case ratio > 16 || ratio < 1.0/16:
		return size{}, invalid("size", "the aspect ratio must be between 1/16 and 16")
	}
	return size{w, h}, nil
}

// ratioColumn is the column of imageSizes that fits best.
func ratioColumn(prompt string, refs []picture) int {
	word := strings.ReplaceAll(ratioWord.FindString(prompt), "：", ":")
	if i := slices.Index(imageRatios, word); i >= 0 {
		return i
	}
	if len(refs) > 0 && refs[0].height > 0 {
		return nearest(imageRatios, refs[0].width, refs[0].height)
	}
	return 0
}

// nearest is the index of the ratio that is most like w:h.
func nearest(ratios []string, w, h int) int {
	best, at := math.Inf(1), 0
	for i, r := range ratios {
		a, b, _ := strings.Cut(r, ":")
		x, errX := strconv.ParseFloat(a, 64)
		y, errY := strconv.ParseFloat(b, 64)
		if errX != nil || errY != nil {
			continue
		}
		if d := math.Abs(math.Log(x * float64(h) / (y * float64(w)))); d < best {
			best, at = d, i
		}
	}
	return at
}

// adaptiveSize has the input's shape and about a megapixel.
func adaptiveSize(refs []picture) size {
	if len(refs) == 0 || refs[0].height == 0 {
		return size{1024, 1024}
	}
	f := math.Sqrt(1024 * 1024 / float64(refs[0].width*refs[0].height))
	round := func(v int) int { return max(16, int(float64(v)*f/16+0.5)*16) }
	return size{round(refs[0].width), round(refs[0].height)}
}

// ratioName says a size as a ratio if it is one of the usual ones.
func ratioName(s size) string {
	name := imageRatios[nearest(imageRatios, s.w, s.h)]
	a, b, _ := strings.Cut(name, ":")
	x, _ := strconv.ParseFloat(a, 64) // of our own table
	y, _ := strconv.ParseFloat(b, 64) // of our own table
	if math.Abs(x*float64(s.h)/(y*float64(s.w))-1) < 0.03 {
		return name
	}
	return ""
}
