package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/internal/upstream"
)

// inputTypes are the formats that any of the known upstreams reads.
var inputTypes = []string{
	"image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif", "image/heic", "image/heif",
}

const inputFormats = "Send a JPEG, PNG, WebP, BMP, TIFF, GIF or HEIC image."

// rulesFor gives the rules of a model, and ours where they are stricter. What
// passes here is not refused there, at a time when the caller has long been
// told "accepted".
func (l Limits) rulesFor(m *upstream.Model) upstream.InputLimits {
	r := m.Input
	if len(r.Types) == 0 {
		r.Types = inputTypes
	}
	r.MaxBytes = stricter(r.MaxBytes, l.ImageBytes)
	r.MaxPixels = stricter(r.MaxPixels, l.ImagePixels)
	return r
}

// stricter gives the smaller of two limits, where zero is none.
func stricter[T int | int64](a, b T) T {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// checkImage holds a picture against the rules. A format that hides its size
// passes: the upstream will look.
func checkImage(param string, r upstream.InputLimits, f probe.Facts) error {
	if !slices.Contains(r.Types, f.ContentType) {
		return invalidImage(param, "this is "+f.ContentType+". "+sendOneOf(r.Types))
	}
	w, h := f.Width, f.Height
	if w <= 0 || h <= 0 {
		return nil
	}
	aspect := float64(w) / float64(h)
	switch {
	case r.MaxSide > 0 && max(w, h) > r.MaxSide:
		return tooLarge(param, "has %d × %d pixels; a side may have %d at most.", w, h, r.MaxSide)
	case r.MaxPixels > 0 && w > r.MaxPixels/h:
		return tooLarge(param, "has %d × %d pixels; the limit is %d in all.", w, h, r.MaxPixels)
	case min(w, h) < r.MinSide:
		return invalidImage(param, fmt.Sprintf("has %d × %d pixels; a side must have %d at least.", w, h, r.MinSide))
	case aspect < r.MinAspect || r.MaxAspect > 0 && aspect > r.MaxAspect:
		return invalidImage(param, fmt.Sprintf("is %d × %d; width to height must be between %.4g and %.4g.", w, h, r.MinAspect, r.MaxAspect))
	}
	return nil
}

// sendOneOf names formats as people do.
func sendOneOf(types []string) string {
	var names []string
	for _, t := range types {
		names = append(names, strings.ToUpper(strings.TrimPrefix(t, "image/")))
	}
	last := len(names) - 1
	if last < 1 {
		return "Send a " + strings.Join(names, "") + " image."
	}
	return "Send a " + strings.Join(names[:last], ", ") + " or " + names[last] + " image."
}

func tooLarge(param, format string, args ...any) error {
	return fault.Newf(fault.ImageTooLarge, param+": "+format, args...).WithParam(param)
}

// notAnImage says why bytes are no picture. Of one that is cut off and over a
// limit that is said: it would not pass either if it came whole.
func notAnImage(param string, r upstream.InputLimits, f probe.Facts, b []byte, err error) error {
	if over := checkImage(param, r, f); errors.Is(err, probe.ErrTruncated) && fault.Is(over, fault.ImageTooLarge) {
		return over
	}
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
