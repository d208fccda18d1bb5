package paint

import (
	"fmt"
	"image"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// label is text on a darkened box.
type label struct {
	at    image.Point
	shade uint8        // how much the box darkens what is behind it
	ink   *image.Alpha // the letters; its bounds are the box
}

// labels are the caption and the mark.
func (s Spec) labels() []label {
	var out []label
	size := float64(min(s.Width, s.Height)) / 24
	if len(s.Caption) > 0 && size >= 6 {
		l := write(s.Caption, size, s.Width*9/10)
		l.shade = 120
		gap := int(size * 0.9)
		l.at = image.Pt(gap, s.Height-gap-l.ink.Rect.Dy())
		out = append(out, l)
	}
	if s.Mark != "" {
		l := write([]string{s.Mark}, max(size*0.6, 8), s.Width)
		l.shade = 60
		l.at = image.Pt(s.Width-l.ink.Rect.Dx(), 0)
		out = append(out, l)
	}
	return out
}

var fonts = sync.OnceValues(func() ([2]*opentype.Font, error) {
	bold, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return [2]*opentype.Font{}, fmt.Errorf("parse font: %w", err)
	}
	regular, err := opentype.Parse(goregular.TTF)
	return [2]*opentype.Font{bold, regular}, err
})

// write draws lines, the first in bold, the others smaller, none wider than
// maxWidth pixels.
func write(lines []string, size float64, maxWidth int) label {
	type line struct {
		face font.Face
		text string
		base int
	}
	pad := int(size * 0.6)
	width, y := 0, pad
	var placed []line
	for i, text := range lines {
		face := faceOf(min(i, 1), size*[]float64{1, 0.72}[min(i, 1)])
		text = fit(face, latin(text), maxWidth-2*pad)
		if text == "" {
			continue
		}
		height := face.Metrics().Height.Ceil()
		placed = append(placed, line{face, text, y + face.Metrics().Ascent.Ceil()})
		width = max(width, font.MeasureString(face, text).Ceil())
		y += height
	}
	ink := image.NewAlpha(image.Rect(0, 0, width+2*pad, y+pad))
	for _, l := range placed {
		d := font.Drawer{Dst: ink, Src: image.Opaque, Face: l.face, Dot: fixed.P(pad, l.base)}
		d.DrawString(l.text)
	}
	return label{ink: ink}
}

func faceOf(which int, size float64) font.Face {
	both, err := fonts()
	if err != nil {
		panic(err) // the fonts are part of the program
	}
	face, err := opentype.NewFace(both[which], &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(err) // the size is more than zero
	}
	return face
}

// latin drops what the fonts cannot show.
func latin(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r > 0xff:
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// fit shortens text to a width in pixels.
func fit(face font.Face, text string, width int) string {
	if font.MeasureString(face, text).Ceil() <= width {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 {
		runes = runes[:len(runes)-1-len(runes)/16]
		short := strings.TrimSpace(string(runes)) + "..."
		if font.MeasureString(face, short).Ceil() <= width {
			return short
		}
	}
	return ""
}

// ontoYCbCr darkens the box and writes in white.
func (l label) ontoYCbCr(img *image.YCbCr) {
	box := l.ink.Rect.Add(l.at).Intersect(img.Rect)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			a, i := l.cover(x, y), img.YOffset(x, y)
			img.Y[i] = l.over(img.Y[i], a)
			if a > 128 {
				c := img.COffset(x, y)
				img.Cb[c], img.Cr[c] = 128, 128
			}
		}
	}
}

func (l label) ontoNRGBA(img *image.NRGBA) {
	box := l.ink.Rect.Add(l.at).Intersect(img.Rect)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			a, i := l.cover(x, y), img.PixOffset(x, y)
			for k := range 3 {
				img.Pix[i+k] = l.over(img.Pix[i+k], a)
			}
		}
	}
}

// cover is how much of a pixel of the picture the letters cover.
func (l label) cover(x, y int) uint8 {
	return l.ink.Pix[l.ink.PixOffset(x-l.at.X, y-l.at.Y)]
}

// over is a part of a pixel under the box and its letters.
func (l label) over(v, ink uint8) uint8 {
	dark := uint(v) * uint(255-l.shade) / 255
	return uint8((dark*uint(255-ink) + 250*uint(ink)) / 255) //nolint:gosec // at most 255
}
