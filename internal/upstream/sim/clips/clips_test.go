package clips_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream/sim/clips"
)

// Each clip must be an MP4 that can be played while it is loaded, of H.264, in
// its ratio, five seconds long; all together small enough to be embedded.
func TestClips(t *testing.T) {
	t.Parallel()
	total := 0
	for _, ratio := range clips.Ratios {
		data, err := clips.MP4(ratio)
		if err != nil {
			t.Fatal(err)
		}
		total += len(data)
		var top []string
		for name := range boxes(t, data) {
			top = append(top, name)
		}
		if fmt.Sprint(top) != "[ftyp moov free mdat]" {
			t.Errorf("%s: boxes %v", ratio, top)
		}
		moov := inside(t, data, "moov")
		mvhd := inside(t, moov, "mvhd")
		scale, length := binary.BigEndian.Uint32(mvhd[12:]), binary.BigEndian.Uint32(mvhd[16:])
		if length != 5*scale {
			t.Errorf("%s: %d of %d a second", ratio, length, scale)
		}
		trak := inside(t, moov, "trak")
		tkhd := inside(t, trak, "tkhd")
		w, h := int(binary.BigEndian.Uint32(tkhd[76:])>>16), int(binary.BigEndian.Uint32(tkhd[80:])>>16)
		var a, b int
		if _, err := fmt.Sscanf(ratio, "%d:%d", &a, &b); err != nil {
			t.Fatal(err)
		}
		if got, want := float64(w)/float64(h), float64(a)/float64(b); got < want*0.95 || got > want*1.05 {
			t.Errorf("%s: %dx%d", ratio, w, h)
		}
		stsd := inside(t, inside(t, inside(t, inside(t, trak, "mdia"), "minf"), "stbl"), "stsd")
		if kind := string(stsd[12:16]); kind != "avc1" {
			t.Errorf("%s: %s", ratio, kind)
		}
	}
	if total >= 1<<20 {
		t.Errorf("%d bytes", total)
	}
	if _, err := clips.MP4("3:2"); err == nil {
		t.Error("there is no clip for 3:2")
	}
}

// boxes goes through the boxes in data: name and content.
func boxes(t *testing.T, data []byte) func(yield func(string, []byte) bool) {
	t.Helper()
	return func(yield func(string, []byte) bool) {
		for len(data) >= 8 {
			n := int(binary.BigEndian.Uint32(data))
			if n < 8 || n > len(data) {
				t.Fatalf("a box of %d bytes in %d", n, len(data))
			}
			if !yield(string(data[4:8]), data[8:n]) {
				return
			}
			data = data[n:]
		}
	}
}

func inside(t *testing.T, data []byte, name string) []byte {
	t.Helper()
	for n, content := range boxes(t, data) {
		if n == name {
			return content
		}
	}
	t.Fatalf("no %s", name)
	return nil
}
