package probe_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/probe"
)

// file reads a file of testdata; testdata/make.sh made them.
func file(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func pngBytes(tb testing.TB, w, h int) []byte {
	tb.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, noise(w, h)); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func jpegBytes(tb testing.TB, w, h int) []byte {
	tb.Helper()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, noise(w, h), nil); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// noise is a picture that does not compress, so that all byte values occur.
func noise(w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	x := uint32(1)
	for i := range m.Pix {
		x = x*1664525 + 1013904223
		m.Pix[i] = byte(x >> 24)
	}
	return m
}

// stream feeds b to a Writer in pieces of n bytes.
func stream(b []byte, n int) (probe.Facts, error) {
	w := probe.NewWriter()
	for len(b) > 0 {
		k := min(n, len(b))
		_, _ = w.Write(b[:k])
		b = b[k:]
	}
	return w.Facts()
}

func samples(tb testing.TB) map[string][]byte {
	tb.Helper()
	all := map[string][]byte{
		"noise.png":  pngBytes(tb, 97, 61),
		"noise.jpeg": jpegBytes(tb, 97, 61),
	}
	for _, name := range []string{
		"front.mp4", "back.mp4", "fragmented.mp4", "rotated.mp4", "sound.mov",
		"anim.gif", "anim.png", "still.webp", "still.bmp", "still.tiff",
	} {
		all[name] = file(tb, name)
	}
	return all
}

func TestFacts(t *testing.T) {
	t.Parallel()
	clip := probe.Facts{ContentType: "video/mp4", Ext: ".mp4", Width: 160, Height: 90, Duration: 2 * time.Second, FPS: 12}
	turned, mov := clip, clip
	turned.Width, turned.Height = clip.Height, clip.Width
	mov.ContentType, mov.Ext = "video/quicktime", ".mov"
	still := func(contentType, ext string, w, h int) probe.Facts {
		return probe.Facts{ContentType: contentType, Ext: ext, Width: w, Height: h}
	}
	want := map[string]probe.Facts{
		"noise.png": still("image/png", ".png", 97, 61), "noise.jpeg": still("image/jpeg", ".jpg", 97, 61),
		"anim.gif": still("image/gif", ".gif", 64, 48), "anim.png": still("image/png", ".png", 64, 48),
		"still.webp": still("image/webp", ".webp", 64, 48), "still.bmp": still("image/bmp", ".bmp", 64, 48),
		"still.tiff": still("image/tiff", ".tiff", 64, 48),
		"front.mp4":  clip, "back.mp4": clip, "fragmented.mp4": clip, "rotated.mp4": turned, "sound.mov": mov,
	}
	for name, b := range samples(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := probe.Bytes(b)
			if err != nil || got != want[name] {
				t.Errorf("Bytes: %+v, %v; want %+v", got, err, want[name])
			}
			for _, n := range []int{1, 2, 3, 7, 1000, 4096, 1 << 20} {
				if got, err := stream(b, n); err != nil || got != want[name] {
					t.Errorf("in pieces of %d: %+v, %v; want %+v", n, got, err, want[name])
				}
			}
		})
	}
}

// TestEveryCut cuts each file at every byte: none of the pieces may pass.
func TestEveryCut(t *testing.T) {
	t.Parallel()
	for name, b := range samples(t) {
		if name == "fragmented.mp4" || name == "still.tiff" {
			continue // whole by its own account when cut at certain places: see the docs
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := range b {
				facts, err := probe.Bytes(b[:n])
				if err == nil {
					t.Fatalf("%d of %d bytes pass as whole: %+v", n, len(b), facts)
				}
				if n > 3072 && !errors.Is(err, probe.ErrTruncated) {
					t.Fatalf("%d of %d bytes: %v, want ErrTruncated", n, len(b), err)
				}
				if _, streamErr := stream(b[:n], 700); streamErr == nil || streamErr.Error() != err.Error() {
					t.Fatalf("%d of %d bytes: streamed %v, at once %v", n, len(b), streamErr, err)
				}
			}
		})
	}
}

func TestTrailingPadding(t *testing.T) {
	t.Parallel()
	for name, b := range samples(t) {
		for _, n := range []int{1, 7, 8, 512} {
			if _, err := probe.Bytes(append(bytes.Clone(b), make([]byte, n)...)); err != nil {
				t.Errorf("%s with %d zeros behind: %v", name, n, err)
			}
		}
	}
}

// chunk makes a PNG chunk.
func chunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// hugePNG claims w × h pixels and has hardly any bytes.
func hugePNG(w, h uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32(nil, w)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, h), 8, 6, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", ihdr)...)
	b = append(b, chunk("IDAT", []byte{0})...)
	return append(b, chunk("IEND", nil)...)
}

func TestHugePictureCostsNoPixels(t *testing.T) { // not parallel: it counts allocations
	var before, after runtime.MemStats
	b := hugePNG(40000, 40000)
	runtime.ReadMemStats(&before)
	facts, err := probe.Bytes(b)
	runtime.ReadMemStats(&after)
	if err != nil || facts.Width != 40000 || facts.Height != 40000 {
		t.Errorf("%+v, %v", facts, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes were allocated", n)
	}
}

func TestFactsStandBesideTheError(t *testing.T) {
	t.Parallel()
	b := pngBytes(t, 97, 61)
	facts, err := stream(b[:len(b)-20], 512)
	if !errors.Is(err, probe.ErrTruncated) || facts.Width != 97 || facts.ContentType != "image/png" {
		t.Errorf("%+v, %v", facts, err)
	}
}

// box makes a box of an MP4.
func box(kind string, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(all)))
	return append(append(b, kind...), all...)
}

func sized(size uint32, kind string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, size), kind...)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	ftyp := box("ftyp", []byte("isom\x00\x00\x02\x00isom"))
	mdat := box("mdat", make([]byte, 100))
	longBox := func(kind string, size uint64) []byte {
		return binary.BigEndian.AppendUint64(sized(1, kind), size)
	}
	spoiled := pngBytes(t, 97, 61)
	spoiled[len(spoiled)/2] ^= 1
	html := "<!DOCTYPE html><html><body>403 Forbidden</body></html>"
	tests := []struct {
		name string
		in   []byte
		want error
		text string
	}{
		{"nothing", nil, probe.ErrTruncated, "no bytes"},
		{"HTML", []byte(html), probe.ErrUnsupported, "text/html"},
		{"long HTML", []byte(html + strings.Repeat(" ", 10000)), probe.ErrUnsupported, "text/html"},
		{"JSON", []byte(`{"error":{"code":"x"}}`), probe.ErrUnsupported, "application/json"},
		{"XML", []byte(`<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`), probe.ErrUnsupported, "text/xml"},
		{"text", []byte("not found"), probe.ErrUnsupported, "text/plain"},
		{"zeros", make([]byte, 5000), probe.ErrUnsupported, "octet-stream"},
		{"sound only", file(t, "sound.mp4"), probe.ErrUnsupported, "no video track"},
		{"damaged PNG", spoiled, probe.ErrInvalid, "checksum"},
		{"PNG without pixels", append([]byte("\x89PNG\r\n\x1a\n"), chunk("IEND", nil)...), probe.ErrInvalid, "PNG chunk"},
		{"PNG of no size", hugePNG(0, 5), probe.ErrInvalid, ""},
		{"JPEG of end marks", []byte("\xff\xd8\xff\xd9"), probe.ErrInvalid, "without picture data"},
		{"ftyp alone", ftyp, probe.ErrTruncated, "no moov"},
		{"no moov", append(bytes.Clone(ftyp), mdat...), probe.ErrTruncated, "no moov"},
		{"box smaller than its header", append(bytes.Clone(ftyp), sized(7, "free")...), probe.ErrInvalid, "7 bytes"},
		{"long box smaller than its header", append(bytes.Clone(ftyp), longBox("free", 15)...), probe.ErrInvalid, "15 bytes"},
		{"box beyond all files", append(bytes.Clone(ftyp), longBox("mdat", math.MaxUint64)...), probe.ErrInvalid, "bytes"},
		{"box larger than the file", append(bytes.Clone(ftyp), longBox("mdat", math.MaxInt64)...), probe.ErrTruncated, "mdat"},
		{"huge moov", append(bytes.Clone(ftyp), sized(1<<31, "moov")...), probe.ErrInvalid, "moov"},
		{"endless moov", append(bytes.Clone(ftyp), sized(0, "moov")...), probe.ErrInvalid, "moov"},
		{"two moov", bytes.Join([][]byte{ftyp, box("moov", box("free")), box("moov", box("free"))}, nil), probe.ErrInvalid, "two moov"},
		{"fragment first", append(bytes.Clone(ftyp), box("moof", box("traf"))...), probe.ErrInvalid, "before the moov"},
		{"child outside its parent", bytes.Join([][]byte{ftyp, box("moov", sized(1000, "trak"), make([]byte, 50)), mdat}, nil), probe.ErrInvalid, "out of its parent"},
		{
			"stts with more entries than bytes",
			bytes.Join([][]byte{ftyp, box("moov", box("trak", box("mdia", box("minf", box("stbl", box("stts", []byte("\x00\x00\x00\x00\xff\xff\xff\xff"))))))), mdat}, nil),
			probe.ErrInvalid, "stts",
		},
		{"no track", bytes.Join([][]byte{ftyp, box("moov", box("free")), mdat}, nil), probe.ErrUnsupported, "no video track"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := probe.Bytes(tt.in)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v with %q", err, tt.want, tt.text)
			}
			if _, err := stream(tt.in, 5); !errors.Is(err, tt.want) {
				t.Errorf("streamed: got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestErrIsEarly(t *testing.T) {
	t.Parallel()
	w := probe.NewWriter()
	if err := w.Err(); err != nil {
		t.Fatalf("before any byte: %v", err)
	}
	_, _ = w.Write([]byte("<!DOCTYPE html><html>" + strings.Repeat("x", 4000)))
	if err := w.Err(); !errors.Is(err, probe.ErrUnsupported) {
		t.Errorf("after a page of HTML: %v", err)
	}
	w = probe.NewWriter()
	b := pngBytes(t, 97, 61)
	_, _ = w.Write(b[:4000])
	if err := w.Err(); err != nil {
		t.Errorf("within a PNG: %v", err)
	}
}

// TestHEIF checks that a picture that we cannot read is known by its type and
// that its boxes are whole.
func TestHEIF(t *testing.T) {
	t.Parallel()
	for brand, want := range map[string]string{"heic": "image/heic", "mif1": "image/heif", "avif": "image/avif"} {
		b := append(box("ftyp", []byte(brand+"\x00\x00\x00\x00"+brand)), box("meta", make([]byte, 40))...)
		b = append(b, box("mdat", make([]byte, 5000))...)
		if facts, err := probe.Bytes(b); err != nil || facts.ContentType != want {
			t.Errorf("%s: %+v, %v", brand, facts, err)
		}
		if _, err := probe.Bytes(b[:4000]); !errors.Is(err, probe.ErrTruncated) {
			t.Errorf("%s, cut: %v", brand, err)
		}
	}
}

// TestJPEGWithLongMetadata has 3 MiB of segments, with end marks inside, in
// front of the picture's size.
func TestJPEGWithLongMetadata(t *testing.T) {
	t.Parallel()
	plain := jpegBytes(t, 97, 61)
	segment := append([]byte{0xff, 0xe1, 0xff, 0xff}, bytes.Repeat([]byte{0xff, 0xd9}, 32767)...)
	segment = segment[:2+65535]
	b := append(bytes.Clone(plain[:2]), bytes.Repeat(segment, 48)...)
	b = append(b, plain[2:]...)
	if facts, err := stream(b, 32<<10); err != nil || facts.Width != 97 {
		t.Errorf("%+v, %v", facts, err)
	}
	if _, err := stream(b[:len(b)-2], 32<<10); !errors.Is(err, probe.ErrTruncated) {
		t.Errorf("without its end: %v", err)
	}
}

// TestLongClipCostsItsIndex lets a gigabyte flow past.
func TestLongClipCostsItsIndex(t *testing.T) { // not parallel: it counts allocations
	b := file(t, "back.mp4")
	at := bytes.Index(b, []byte("mdat")) - 4
	size := int(binary.BigEndian.Uint32(b[at:]))
	piece := make([]byte, 1<<20)
	w := probe.NewWriter()
	_, _ = w.Write(b[:at])
	_, _ = w.Write(binary.BigEndian.AppendUint64(sized(1, "mdat"), 16+1<<30))
	allocated := testing.AllocsPerRun(1, func() {
		for range 512 {
			_, _ = w.Write(piece)
		}
	})
	_, _ = w.Write(b[at+size:])
	facts, err := w.Facts()
	if err != nil || facts.Duration != 2*time.Second {
		t.Errorf("%+v, %v", facts, err)
	}
	if allocated > 0 {
		t.Errorf("%v allocations while the media went by", allocated)
	}
}
