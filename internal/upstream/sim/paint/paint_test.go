package paint_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
)

func spec(prompt string, w, h int) paint.Spec {
	return paint.Spec{
		Prompt: prompt, Width: w, Height: h,
		Caption: []string{"doubao-seedream-4-0-250828", "1:1  2048x2048", prompt}, Mark: "AI generated",
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, s := range []paint.Spec{spec("x", 1, 1), spec("x", 17, 3), spec("x", 3, 17), spec("a lake", 640, 360), spec("月", 333, 777), spec("y", 1000, 16)} {
		j, err := paint.JPEG(s)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(j))
		if err != nil || img.Bounds() != image.Rect(0, 0, s.Width, s.Height) {
			t.Errorf("jpeg %dx%d: %v %v", s.Width, s.Height, img, err)
		}
		p, err := paint.PNG(s)
		if err != nil {
			t.Fatal(err)
		}
		img, err = png.Decode(bytes.NewReader(p))
		if err != nil || img.Bounds() != image.Rect(0, 0, s.Width, s.Height) {
			t.Errorf("png %dx%d: %v", s.Width, s.Height, err)
		}
	}
	for _, s := range []paint.Spec{spec("x", 0, 5), spec("x", 5, -1), spec("x", 20000, 5)} {
		if _, err := paint.JPEG(s); err == nil {
			t.Errorf("%dx%d was drawn", s.Width, s.Height)
		}
	}
}

// Both encodings must show the same picture, and the caption must be on it.
func TestSameInBothFormats(t *testing.T) {
	t.Parallel()
	with, without := spec("a panda", 320, 240), spec("a panda", 320, 240)
	without.Caption, without.Mark = nil, ""
	j, err := paint.JPEG(with)
	if err != nil {
		t.Fatal(err)
	}
	a, err := jpeg.Decode(bytes.NewReader(j))
	if err != nil {
		t.Fatal(err)
	}
	b, c := decode(t, with), decode(t, without)
	far, changed := 0, 0
	for y := range 240 {
		for x := range 320 {
			if distance(a.At(x, y), b.At(x, y)) > 40 {
				far++
			}
			if distance(b.At(x, y), c.At(x, y)) > 0 {
				changed++
			}
		}
	}
	if far > 320*240/50 {
		t.Errorf("%d pixels differ between JPEG and PNG", far)
	}
	if changed < 1000 || changed > 320*240/2 {
		t.Errorf("the caption covers %d pixels", changed)
	}
}

func decode(t *testing.T, s paint.Spec) image.Image {
	t.Helper()
	p, err := paint.PNG(s)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(p))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// distance is the largest difference of a part, 0 to 255.
func distance(a, b color.Color) int {
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	d := func(x, y uint32) int { return max(int(x>>8)-int(y>>8), int(y>>8)-int(x>>8)) }
	return max(d(r1, r2), d(g1, g2), d(b1, b2))
}

func TestThumb(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ w, h, wantW, wantH int }{{100, 50, 100, 50}, {1024, 512, 256, 128}, {1, 2000, 1, 256}} {
		got := paint.Thumb(image.NewGray(image.Rect(0, 0, tt.w, tt.h))).Bounds()
		if got.Dx() != tt.wantW || got.Dy() != tt.wantH {
			t.Errorf("%dx%d becomes %v", tt.w, tt.h, got)
		}
	}
}

func BenchmarkJPEG2K(b *testing.B) {
	for b.Loop() {
		if _, err := paint.JPEG(spec("a cat", 2048, 2048)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPNG2K(b *testing.B) {
	for b.Loop() {
		if _, err := paint.PNG(spec("a cat", 2048, 2048)); err != nil {
			b.Fatal(err)
		}
	}
}
