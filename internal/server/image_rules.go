package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/probe"
)

// imageRules say what picture an upstream can work from.
type imageRules struct {
	minSide, maxSide   int // pixels; zero: no limit
	maxPixels          int // zero: no limit
	minRatio, maxRatio float64
}

// rulesFor gives the rules that the known upstreams share. What passes here is
// not refused there, at a time when the caller has long been told "accepted".
func (l Limits) rulesFor(kind job.Kind) imageRules {
	switch kind {
	case job.Image:
		return imageRules{minSide: 15, maxPixels: l.ImagePixels, minRatio: 1.0 / 16, maxRatio: 16}
	case job.Video:
		return imageRules{minSide: 300, maxSide: 6000, maxPixels: l.ImagePixels, minRatio: 0.4, maxRatio: 2.5}
	}
	return imageRules{}
}

// inputTypes are the formats that the known upstreams read.
var inputTypes = []string{
	"image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif", "image/heic", "image/heif",
}

const inputFormats = "Send a JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC image."

// checkImage holds a picture against the rules. A format that hides its size
// passes: the upstream will look.
func checkImage(param string, r imageRules, f probe.Facts) error {
	if !slices.Contains(inputTypes, f.ContentType) {
		return invalidImage(param, "this is "+f.ContentType+". "+inputFormats)
	}
	w, h := f.Width, f.Height
	if w <= 0 || h <= 0 {
		return nil
	}
	ratio := float64(w) / float64(h)
	switch {
	case r.maxSide > 0 && max(w, h) > r.maxSide:
		return tooLarge(param, "has %d × %d pixels; a side may have %d at most.", w, h, r.maxSide)
	case r.maxPixels > 0 && w > r.maxPixels/h:
		return tooLarge(param, "has %d × %d pixels; the limit is %d in all.", w, h, r.maxPixels)
	case min(w, h) < r.minSide:
		return fault.Newf(fault.InvalidImage, "%s: has %d × %d pixels; a side must have %d at least.", param, w, h, r.minSide).WithParam(param)
	case ratio < r.minRatio || ratio > r.maxRatio:
		return fault.Newf(fault.InvalidImage, "%s: is %d × %d; width to height must be between %.4g and %.4g.", param, w, h, r.minRatio, r.maxRatio).WithParam(param)
	}
	return nil
}

func tooLarge(param, format string, args ...any) error {
	return fault.Newf(fault.ImageTooLarge, param+": "+format, args...).WithParam(param)
}

// notAnImage says why bytes are no picture.
func notAnImage(param string, b []byte, err error) error {
	why := "the image is damaged."
	switch {
	case errors.Is(err, probe.ErrTruncated):
		why = "the image stops before its end. Was it cut off on the way?"
	case errors.Is(err, probe.ErrUnsupported) && strings.HasPrefix(http.DetectContentType(b), "text/html"):
		why = "this is a web page, not an image. Use the address of the image itself."
	case errors.Is(err, probe.ErrUnsupported):
		why = "this is not an image. " + inputFormats
	}
	return wrapImage(param, why, err)
}
