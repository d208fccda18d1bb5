package probe

import (
	"bytes"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// The most of a picture that is kept while its size is sought. A JPEG may
// carry megabytes of metadata (depth maps, colour profiles) in front; a TIFF
// may have its directory at the very end.
const (
	firstHead = 4 << 10
	maxHead   = 32 << 20
)

// ending follows a picture to its end.
type ending interface {
	feed(p []byte)
	verdict() error // nil if the picture is whole
	broken() error  // what no further byte can mend
}

// images has the kinds of picture whose header we read.
var images = map[string]func() ending{
	"image/jpeg": func() ending { return newJPEGEnd() },
	"image/png":  func() ending { return newPNGEnd() },
	"image/gif":  func() ending { return newGIFEnd() },
	"image/webp": func() ending { return newLengthEnd(webpLength) },
	"image/bmp":  func() ending { return newLengthEnd(bmpLength) },
	"image/tiff": func() ending { return newLengthEnd(nil) },
}

func decodeConfig(contentType string, r io.Reader) (image.Config, error) {
	switch contentType {
	case "image/jpeg":
		return jpeg.DecodeConfig(r)
	case "image/png":
		return png.DecodeConfig(r)
	case "image/gif":
		return gif.DecodeConfig(r)
	case "image/webp":
		return webp.DecodeConfig(r)
	case "image/bmp":
		return bmp.DecodeConfig(r)
	case "image/tiff":
		return tiff.DecodeConfig(r)
	}
	return image.Config{}, errors.New("no decoder")
}

// picture is the format of everything in images.
type picture struct {
	found Facts
	end   ending
	whole bool // no limit on the header

	head  []byte // until the size is known
	tryAt int    // length of head at which to look again
	sized bool
	err   error // header out of reach
}

func newImage(found Facts, end ending, whole bool) *picture {
	return &picture{found: found, end: end, whole: whole, tryAt: firstHead}
}

func (pic *picture) feed(p []byte) {
	pic.end.feed(p)
	if pic.sized || pic.err != nil {
		return
	}
	if pic.whole {
		pic.readSize(p)
		return
	}
	pic.head = append(pic.head, p[:min(len(p), maxHead-len(pic.head))]...)
	if len(pic.head) < pic.tryAt {
		return
	}
	// Doubling keeps the repeated reading linear in the header's length.
	pic.tryAt = min(2*len(pic.head), maxHead)
	pic.readSize(pic.head)
	if !pic.sized && len(pic.head) == maxHead {
		pic.err = invalid("no picture size in the first %d MiB", maxHead>>20)
		pic.head = nil
	}
}

// readSize tries to find width and height in the bytes so far.
func (pic *picture) readSize(b []byte) {
	c, err := decodeConfig(pic.found.ContentType, bytes.NewReader(b))
	if err != nil {
		return
	}
	pic.sized = true
	pic.head = nil
	pic.found.Width, pic.found.Height = c.Width, c.Height
	if c.Width <= 0 || c.Height <= 0 {
		pic.err = invalid("a picture of %d × %d", c.Width, c.Height)
	}
}

func (pic *picture) facts() (Facts, error) {
	if !pic.sized && pic.err == nil && len(pic.head) > 0 {
		pic.readSize(pic.head)
	}
	if err := pic.end.verdict(); err != nil {
		return pic.found, err
	}
	if pic.err == nil && !pic.sized {
		return pic.found, invalid("the header of %s cannot be read", pic.found.ContentType)
	}
	return pic.found, pic.err
}

func (pic *picture) broken() error {
	if pic.err != nil {
		return pic.err
	}
	return pic.end.broken()
}
