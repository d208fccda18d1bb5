// Package paint draws the simulator's pictures: a pleasant pattern that
// follows from the prompt alone, with a caption that says what was asked for.
//
// A picture is drawn small and enlarged, plane by plane, so that one of four
// megapixels takes about a tenth of a second with its encoding.
package paint

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
)

// Spec is what to draw. The same Spec gives the same bytes.
type Spec struct {
	Prompt string
	Seed   int64 // another number gives another picture for the same prompt
	Width  int   // pixels, from 1
	Height int

	// Caption is written at the bottom, from top to bottom, the first line
	// large. Runes outside of Latin-1 are left out.
	Caption []string

	// Mark is written small into a corner; empty for none.
	Mark string

	// Input is a picture that shows through, or nil. A [Thumb] will do.
	Input image.Image
}

// quality is high enough that no block shows in a gradient.
const quality = 88

// JPEG draws a JPEG.
func JPEG(s Spec) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	img := image.NewYCbCr(image.Rect(0, 0, s.Width, s.Height), image.YCbCrSubsampleRatio420)
	y, cb, cr := s.draw().ycbcr()
	y.enlarge(img.Y, s.Width, s.Height, img.YStride)
	cw, ch := (s.Width+1)/2, (s.Height+1)/2
	cb.enlarge(img.Cb, cw, ch, img.CStride)
	cr.enlarge(img.Cr, cw, ch, img.CStride)
	for _, l := range s.labels() {
		l.ontoYCbCr(img)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("encode jpeg: %w", err)
	}
	return out.Bytes(), nil
}

// PNG draws a PNG.
func PNG(s Spec) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	img := image.NewNRGBA(image.Rect(0, 0, s.Width, s.Height))
	s.draw().ontoNRGBA(img)
	for _, l := range s.labels() {
		l.ontoNRGBA(img)
	}
	return writePNG(img)
}

func (s Spec) check() error {
	if s.Width < 1 || s.Height < 1 || s.Width > 16384 || s.Height > 16384 {
		return fmt.Errorf("cannot draw %d x %d pixels", s.Width, s.Height)
	}
	return nil
}

// draw makes the small picture.
func (s Spec) draw() *canvas {
	c := newCanvas(s.Width, s.Height)
	newScene(s.Prompt, s.Seed).onto(c)
	if s.Input != nil {
		c.blend(s.Input)
	}
	return c
}
