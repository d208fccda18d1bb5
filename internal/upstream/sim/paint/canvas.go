package paint

import (
	"image"

	"golang.org/x/image/draw"
)

// maxSide is the longer side of the small picture. All shapes are soft, so
// enlarging it costs no sharpness that anybody would miss.
const maxSide = 560

// rgb is a colour; each part goes from 0 to 1.
type rgb struct{ r, g, b float32 }

func (a rgb) mix(b rgb, t float32) rgb {
	return rgb{a.r + (b.r-a.r)*t, a.g + (b.g-a.g)*t, a.b + (b.b-a.b)*t}
}

// canvas is the small picture.
type canvas struct {
	w, h  int
	scale float32 // 1 / the shorter side
	pix   []rgb
}

func newCanvas(w, h int) *canvas {
	f := min(1, float64(maxSide)/float64(max(w, h)))
	c := &canvas{w: max(1, int(float64(w)*f)), h: max(1, int(float64(h)*f))}
	c.scale = 1 / float32(min(c.w, c.h))
	c.pix = make([]rgb, c.w*c.h)
	return c
}

// blend lets a picture show through, cut to the canvas' shape.
func (c *canvas) blend(in image.Image) {
	small := image.NewRGBA(image.Rect(0, 0, c.w, c.h))
	draw.ApproxBiLinear.Scale(small, small.Rect, in, cover(in.Bounds(), c.w, c.h), draw.Src, nil)
	const share = 0.68
	for i := range c.pix {
		p := small.Pix[4*i : 4*i+4 : 4*i+4]
		was := rgb{float32(p[0]) / 255, float32(p[1]) / 255, float32(p[2]) / 255}
		c.pix[i] = c.pix[i].mix(was, share)
	}
}

// cover is the largest part in the middle of r that has the shape w:h.
func cover(r image.Rectangle, w, h int) image.Rectangle {
	cw, ch := r.Dx(), r.Dx()*h/w
	if ch > r.Dy() {
		cw, ch = r.Dy()*w/h, r.Dy()
	}
	cw, ch = max(cw, 1), max(ch, 1)
	at := r.Min.Add(image.Pt((r.Dx()-cw)/2, (r.Dy()-ch)/2))
	return image.Rectangle{Min: at, Max: at.Add(image.Pt(cw, ch))}
}

// Thumb is a small copy of a picture, to be kept for [Spec.Input].
func Thumb(in image.Image) image.Image {
	const side = 256
	b := in.Bounds()
	f := min(1, float64(side)/float64(max(b.Dx(), b.Dy())))
	out := image.NewRGBA(image.Rect(0, 0, max(1, int(float64(b.Dx())*f)), max(1, int(float64(b.Dy())*f))))
	draw.ApproxBiLinear.Scale(out, out.Rect, in, b, draw.Src, nil)
	return out
}

// plane is one colour of the small picture.
type plane struct {
	w, h int
	pix  []uint8
}

func (c *canvas) plane(f func(rgb) float32) plane {
	p := plane{w: c.w, h: c.h, pix: make([]uint8, len(c.pix))}
	for i, px := range c.pix {
		p.pix[i] = uint8(min(max(f(px), 0), 1)*255 + 0.5)
	}
	return p
}

// ycbcr splits the picture by the JFIF formulas.
func (c *canvas) ycbcr() (y, cb, cr plane) {
	y = c.plane(func(p rgb) float32 { return 0.299*p.r + 0.587*p.g + 0.114*p.b })
	cb = c.plane(func(p rgb) float32 { return 0.5 - 0.168736*p.r - 0.331264*p.g + 0.5*p.b })
	cr = c.plane(func(p rgb) float32 { return 0.5 + 0.5*p.r - 0.418688*p.g - 0.081312*p.b })
	return y, cb, cr
}

// step says between which two samples of a smaller line a sample lies.
type step struct {
	from, to int
	part     int // of 256, how near to the second
}

func steps(small, large int) []step {
	out := make([]step, large)
	for i := range out {
		at := max(0, ((2*i+1)*small*128)/large-128)
		from := min(at>>8, small-1)
		out[i] = step{from: from, to: min(from+1, small-1), part: at & 255}
	}
	return out
}

// enlarge fills dst, whose lines are stride apart, by linear interpolation.
func (p plane) enlarge(dst []uint8, w, h, stride int) {
	across := steps(p.w, w)
	p.rows(h, func(y int, line []int) {
		row := dst[y*stride : y*stride+w]
		for x, s := range across {
			a := line[s.from]
			row[x] = uint8((a<<8 + (line[s.to]-a)*s.part) >> 16) //nolint:gosec // line holds at most 255<<8
		}
	})
}

// rows calls f with each line of the enlarged picture, not yet enlarged
// across, in 256ths.
func (p plane) rows(h int, f func(y int, line []int)) {
	line := make([]int, p.w)
	for y, s := range steps(p.h, h) {
		up, down := p.pix[s.from*p.w:(s.from+1)*p.w], p.pix[s.to*p.w:(s.to+1)*p.w]
		for x := range line {
			a := int(up[x])
			line[x] = a<<8 + (int(down[x])-a)*s.part
		}
		f(y, line)
	}
}

func (c *canvas) ontoNRGBA(img *image.NRGBA) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	across := steps(c.w, w)
	parts := []func(rgb) float32{
		func(p rgb) float32 { return p.r },
		func(p rgb) float32 { return p.g },
		func(p rgb) float32 { return p.b },
	}
	for i, part := range parts {
		c.plane(part).rows(h, func(y int, line []int) {
			row := img.Pix[y*img.Stride : y*img.Stride+4*w]
			for x, s := range across {
				a := line[s.from]
				row[4*x+i] = uint8((a<<8 + (line[s.to]-a)*s.part) >> 16) //nolint:gosec // line holds at most 255<<8
				row[4*x+3] = 255
			}
		})
	}
}
