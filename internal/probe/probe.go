// Package probe reads facts out of media bytes: what they are, how large the
// picture is, how long the clip runs, and whether the end is there. It looks
// at the bytes alone, never at a name or at the Content-Type that came along.
//
// [Bytes] looks at a slice. A [Writer] looks at a stream that flows past, for
// instance as the side of an [io.TeeReader], and keeps only what it needs: a
// film of any length costs its index, a picture its header.
//
//	JPEG, PNG, GIF     type, size; walked to the format's own end
//	WebP, BMP          type, size; as long as the header says
//	TIFF               type, size
//	HEIC, HEIF, AVIF   type; every box whole
//	MP4, MOV           type, size, duration, frame rate; every box whole
//
// No pixel is decoded, so the facts of a picture of 40,000 × 40,000 cost no
// more than those of an icon. A picture whose coded data is damaged somewhere
// in the middle can pass, except for PNG, whose checksums are compared.
package probe

import (
	"errors"
	"fmt"
	"time"
)

// ErrTruncated means that the bytes begin as media that we know and then stop
// before its end, or that there are no bytes at all. Fetching again may help.
var ErrTruncated = errors.New("probe: truncated")

// ErrUnsupported means that the bytes are of another kind, such as an HTML
// page; the error's text names the kind.
var ErrUnsupported = errors.New("probe: unsupported")

// ErrInvalid means that the bytes claim to be media that we know and break its
// rules.
var ErrInvalid = errors.New("probe: invalid")

// Facts is what the bytes tell about themselves. A field that the format does
// not have, or that comes after the place where the bytes broke, is zero.
type Facts struct {
	ContentType string        // "image/png", "video/mp4"; no parameters
	Ext         string        // with its dot: ".png"
	Width       int           // pixels, as displayed
	Height      int           // pixels, as displayed
	Duration    time.Duration // of a clip
	FPS         float64       // frames per second of a clip, on average
}

// Bytes reads the facts of b. The error wraps ErrTruncated, ErrUnsupported or
// ErrInvalid; beside it stand the facts that were found before.
func Bytes(b []byte) (Facts, error) {
	w := &Writer{whole: true}
	w.feed(b)
	return w.Facts()
}

func truncated(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrTruncated}, args...)...)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnsupported}, args...)...)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}
