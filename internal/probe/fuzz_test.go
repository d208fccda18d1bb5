package probe_test

import (
	"errors"
	"math"
	"testing"

	"github.com/tintypehq/tintype/internal/probe"
)

// check holds what is true of any input: no panic, one of three errors or
// sensible facts, and the same from a stream as from a slice.
func check(t *testing.T, b []byte, pieces uint16) {
	t.Helper()
	facts, err := probe.Bytes(b)
	known := errors.Is(err, probe.ErrTruncated) || errors.Is(err, probe.ErrUnsupported) || errors.Is(err, probe.ErrInvalid)
	if err != nil && !known {
		t.Fatalf("an error of another kind: %v", err)
	}
	if facts.Duration < 0 || facts.FPS < 0 || math.IsNaN(facts.FPS) || math.IsInf(facts.FPS, 0) || facts.Width < 0 || facts.Height < 0 {
		t.Fatalf("%+v", facts)
	}
	again, streamErr := stream(b, 1+int(pieces))
	if (err == nil) != (streamErr == nil) || err == nil && again != facts {
		t.Fatalf("at once %+v, %v; in pieces of %d %+v, %v", facts, err, 1+int(pieces), again, streamErr)
	}
}

func FuzzImage(f *testing.F) {
	for _, name := range []string{"anim.gif", "anim.png", "still.webp", "still.bmp", "still.tiff"} {
		f.Add(file(f, name), uint16(100))
	}
	f.Add(pngBytes(f, 3, 2), uint16(0))
	f.Add(jpegBytes(f, 3, 2), uint16(6))
	f.Fuzz(check)
}

func FuzzBoxes(f *testing.F) {
	for _, name := range []string{"front.mp4", "back.mp4", "fragmented.mp4", "sound.mov"} {
		f.Add(file(f, name), uint16(100))
	}
	// The first bytes are given, so that the time goes into the boxes.
	f.Fuzz(func(t *testing.T, b []byte, pieces uint16) {
		check(t, append(box("ftyp", []byte("isom\x00\x00\x02\x00isom")), b...), pieces)
		check(t, b, pieces)
	})
}
