package demo

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
)

// landscape draws the picture that the image from an image begins with: hills
// under an evening sun.
func landscape() ([]byte, error) {
	const width, height = 960, 540
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetRGBA(x, y, landscapeAt(float64(x)/width, float64(y)/height))
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}

// landscapeAt gives the colour at a place, both coordinates from 0 to 1.
func landscapeAt(x, y float64) color.RGBA {
	for hill := 2.0; hill >= 0; hill-- { // the nearest one first
		ridge := 0.52 + 0.16*hill + 0.07*math.Sin(5*x+2.4*hill+1) + 0.03*math.Sin(13*x+5*hill)
		if y > ridge {
			return blend(color.RGBA{R: 38, G: 70, B: 83, A: 255}, color.RGBA{R: 42, G: 157, B: 143, A: 255}, hill/2-(y-ridge))
		}
	}
	if math.Hypot((x-0.68)*16/9, y-0.36) < 0.11 {
		return color.RGBA{R: 255, G: 240, B: 200, A: 255}
	}
	return blend(color.RGBA{R: 244, G: 162, B: 97, A: 255}, color.RGBA{R: 233, G: 196, B: 106, A: 255}, y/0.6)
}

// blend goes from one colour to the other as t goes from 0 to 1.
func blend(from, to color.RGBA, t float64) color.RGBA {
	t = min(max(t, 0), 1)
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + t*(float64(b)-float64(a))) }
	return color.RGBA{R: mix(from.R, to.R), G: mix(from.G, to.G), B: mix(from.B, to.B), A: 255}
}
