package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/server"
)

// pngChunk is one chunk, with its checksum.
func pngChunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// pngOf is a PNG that claims a size and has next to nothing in it; head is as
// much as a cut-off one has.
func pngOf(w, h uint32) (whole, head []byte) {
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	head = append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(ihdr, 8, 6, 0, 0, 0))...)
	whole = append(bytes.Clone(head), pngChunk("IDAT", []byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1})...)
	return append(whole, pngChunk("IEND", nil)...), head
}

// resized is a file with other dimensions written over its own.
func resized(b []byte, at int, size ...byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], size)
	return b
}

func webpOf(chunk string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("WEBP"+chunk), uint32(len(data)))
	b = append(b, data...)
	if len(b)%2 != 0 {
		b = append(b, 0)
	}
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(b))), b...)
}

func tiffOf(w, h uint32) []byte {
	b := append([]byte("II*\x00\x08\x00\x00\x00"), 4, 0)
	for _, e := range [][2]uint32{{256, w}, {257, h}, {258, 8}, {262, 1}} {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, 4)
		b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, 1), e[1])
	}
	return append(b, 0, 0, 0, 0)
}

func bmpOf(w, h uint32) []byte {
	b := append([]byte("BM"), 54, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(b, w), h)
	return append(append(b, 1, 0, 24, 0), make([]byte, 24)...)
}

// gifOf is an animation of that many frames.
func gifOf(t *testing.T, frames int) []byte {
	t.Helper()
	g := &gif.GIF{}
	for range frames {
		g.Image = append(g.Image, image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.Black, color.White}))
		g.Delay = append(g.Delay, 0)
	}
	g.Config = image.Config{ColorModel: g.Image[0].Palette, Width: 64, Height: 64}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bombs are pictures that are small to send and enormous to open, and files that
// only look like pictures.
func bombs(t *testing.T) map[string]struct {
	file []byte
	code fault.Code // empty: it passes
} {
	t.Helper()
	var jpg bytes.Buffer
	if err := jpeg.Encode(&jpg, image.NewGray(image.Rect(0, 0, 16, 16)), nil); err != nil {
		t.Fatal(err)
	}
	sof := bytes.Index(jpg.Bytes(), []byte{0xff, 0xc0}) + 5 // height, then width
	png, pngHead := pngOf(40_000, 40_000)
	most, _ := pngOf(1<<31-1, 1<<31-1)
	flat, _ := pngOf(0, 40_000)
	most4, large, damaged := []byte{0xff, 0xff, 0xff, 0xff}, fault.ImageTooLarge, fault.InvalidImage
	return map[string]struct {
		file []byte
		code fault.Code
	}{
		"PNG":                           {png, large},
		"PNG, the head alone":           {pngHead, large},
		"PNG, the largest":              {most, damaged},
		"PNG without a width":           {flat, damaged},
		"JPEG":                          {resized(jpg.Bytes(), sof, most4...), large},
		"GIF":                           {resized(gifOf(t, 1), 6, most4...), large},
		"GIF of 20,000 frames":          {gifOf(t, 20_000), ""},
		"WebP, extended":                {webpOf("VP8X", append([]byte{0, 0, 0, 0}, 0x3f, 0x9c, 0, 0x3f, 0x9c, 0)), large},
		"WebP, beyond its rules":        {webpOf("VP8X", append([]byte{0, 0, 0, 0}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)), damaged},
		"WebP, lossless":                {webpOf("VP8L", []byte{0x2f, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0}), large},
		"WebP, lossy":                   {webpOf("VP8 ", []byte{0x10, 0, 0, 0x9d, 1, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0}), large},
		"TIFF":                          {tiffOf(40_000, 40_000), large},
		"TIFF beyond all numbers":       {tiffOf(1<<32-1, 1<<32-1), damaged},
		"BMP":                           {bmpOf(40_000, 40_000), large},
		"BMP of negative size":          {bmpOf(1<<31, 1<<31), damaged},
		"SVG":                           {[]byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="40000" height="40000"><script>alert(1)</script></svg>`), damaged},
		"HTML":                          {[]byte("<!DOCTYPE html><html><body>hi</body></html>"), damaged},
		"HTML behind a PNG's signature": {append([]byte("\x89PNG\r\n\x1a\n"), "<html><script>alert(1)</script></html>"...), damaged},
		"HTML behind a GIF's signature": {append([]byte("GIF89a"), "<html><script>alert(1)</script></html>"...), damaged},
		"PDF":                           {[]byte("%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF"), damaged},
		"a zip":                         {append([]byte("PK\x03\x04"), make([]byte, 100)...), damaged},
		"packed":                        {append([]byte("\x1f\x8b\x08"), make([]byte, 100)...), damaged},
		"a program":                     {append([]byte("\x7fELF"), make([]byte, 100)...), damaged},
		"a film":                        {[]byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42"), damaged},
		"zeros":                         {make([]byte, 1<<20), damaged},
	}
}

// allocated is how many bytes this process has ever taken.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestImageBombs: a picture costs what its bytes cost, whatever it claims to be,
// and one that is over a limit, or no picture, is refused for that. Not parallel:
// it counts the memory of the process.
func TestImageBombs(t *testing.T) {
	for name, tt := range bombs(t) {
		text := base64.StdEncoding.EncodeToString(tt.file)
		before := allocated()
		contentType, err := server.Look(t.Context(), text)
		if took := allocated() - before; took > uint64(4*len(text)+1<<20) {
			t.Errorf("%s: %d bytes of memory for %d bytes of picture", name, took, len(tt.file))
		}
		switch {
		case tt.code == "" && err != nil, tt.code != "" && !fault.Is(err, tt.code):
			t.Errorf("%s: %q, %v; want %s", name, contentType, err, tt.code)
		case err != nil && (fault.From(err).Param != "image" || strings.Contains(fault.From(err).Message, "alert")):
			t.Errorf("%s: %+v", name, err)
		}
	}
}

// TestImageBombsAtTheDoor: the same by the doors that there are: sent along,
// fetched, and in a chat. Nothing comes of it.
func TestImageBombsAtTheDoor(t *testing.T) {
	t.Parallel()
	h := open(t)
	for name, tt := range bombs(t) {
		if tt.code == "" {
			continue
		}
		uri := h.dataURI(tt.file)
		for path, body := range map[string]any{
			images: map[string]string{"prompt": "x", "image": uri},
			videos: map[string]string{"prompt": "x", "image": h.page(tt.file)},
			chats:  json.RawMessage(fmt.Sprintf(`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":%q}}]}]}`, uri)),
		} {
			text, err := json.Marshal(body)
			h.must(err)
			a := h.call(http.MethodPost, path, string(text))
			if code, _, _ := errorOf(t, a.body); a.status != 400 || code != string(tt.code) {
				t.Errorf("%s to %s: %d %s; want %s", name, path, a.status, a.body, tt.code)
			}
		}
	}
	h.nothingHappened()
}
