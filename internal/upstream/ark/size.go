package ark

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

const (
	sizeStep     = 16 // sides are multiples of this
	widestAspect = 16 // and its inverse bound every size
)

// size gives the value of "size" for a ratio in a tier; an empty tier is the
// model's default. An empty ratio follows the input image where there is one and
// the model can, else it is the first of the model's. It is false for a ratio
// that the model cannot have.
func (p Profile) size(ratio, tier string, withImage bool) (string, bool) {
	if tier == "" {
		tier = p.Image.Tier
	}
	switch {
	case p.Image.Fixed != "":
		return p.Image.Fixed, true
	case ratio == "" && withImage && tier != "":
		return tier, true
	case ratio == "":
		ratio = p.Ratios[0]
	}
	if s, ok := p.Image.Tiers[tier][ratio]; ok {
		return s, true
	}
	a, b, ok := parseRatio(ratio)
	if !ok || p.Image.MaxPixels == 0 {
		return "", false
	}
	w, h := fit(a/b, tierPixels(tier), p.Image.MinPixels, p.Image.MaxPixels)
	return fmt.Sprintf("%dx%d", w, h), true
}

// tierPixels is the area of a tier's square.
func tierPixels(tier string) int {
	k, err := strconv.Atoi(strings.TrimSuffix(tier, "K"))
	if err != nil {
		k = 2
	}
	return k * 1024 * k * 1024
}

// parseRatio reads "a:b" of two whole numbers above zero, neither side more
// than 16 times the other.
func parseRatio(s string) (a, b float64, ok bool) {
	left, right, found := strings.Cut(s, ":")
	x, errX := strconv.ParseUint(left, 10, 16)
	y, errY := strconv.ParseUint(right, 10, 16)
	if !found || errX != nil || errY != nil || x == 0 || y == 0 {
		return 0, 0, false
	}
	a, b = float64(x), float64(y)
	return a, b, a/b <= widestAspect && b/a <= widestAspect
}

// fit finds the sides of an image with this aspect, as near as can be to an area
// within the model's range. Sides are rounded inwards where rounding
// would leave the range of areas or of aspects.
func fit(aspect float64, pixels, minPixels, maxPixels int) (w, h int) {
	area := float64(min(max(pixels, minPixels), maxPixels))
	w = step(math.Sqrt(area * aspect))
	h = step(float64(w) / aspect)
	for w*h > maxPixels || w > h*widestAspect {
		w -= sizeStep
		h = min(h, step(float64(w)/aspect))
	}
	for w*h < minPixels || h > w*widestAspect {
		w += sizeStep
	}
	return w, h
}

// step rounds to a multiple of sizeStep, at least one.
func step(x float64) int {
	return max(int(math.Round(x/sizeStep)), 1) * sizeStep
}
