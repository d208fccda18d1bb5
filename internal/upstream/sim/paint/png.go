package paint

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
)

// writePNG encodes an opaque picture in true colour. It is several times
// faster than image/png, because it does not look for the best filter of each
// line: in a gradient the difference to the line above is always good.
func writePNG(img *image.NRGBA) ([]byte, error) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	var out bytes.Buffer
	out.WriteString("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(nil, uint32(w)) //nolint:gosec // check has bounded it
	head = binary.BigEndian.AppendUint32(head, uint32(h)) //nolint:gosec // check has bounded it
	chunk(&out, "IHDR", append(head, 8, 2, 0, 0, 0))
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, flate.HuffmanOnly)
	if err != nil {
		return nil, fmt.Errorf("encode png: %w", err)
	}
	if err := writeLines(z, img); err != nil {
		return nil, fmt.Errorf("encode png: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("encode png: %w", err)
	}
	chunk(&out, "IDAT", packed.Bytes())
	chunk(&out, "IEND", nil)
	return out.Bytes(), nil
}

// writeLines writes each line as its difference to the one above (filter 2).
func writeLines(z *zlib.Writer, img *image.NRGBA) error {
	w := img.Rect.Dx()
	line := make([]byte, 1+3*w)
	line[0] = 2
	above := make([]byte, 4*w)
	for y := range img.Rect.Dy() {
		row := img.Pix[y*img.Stride : y*img.Stride+4*w]
		for x := range w {
			p, q, d := row[4*x:4*x+3:4*x+3], above[4*x:4*x+3:4*x+3], line[1+3*x:4+3*x:4+3*x]
			d[0], d[1], d[2] = p[0]-q[0], p[1]-q[1], p[2]-q[2]
		}
		if _, err := z.Write(line); err != nil {
			return err
		}
		above = row
	}
	return nil
}

func chunk(out *bytes.Buffer, kind string, data []byte) {
	body := append([]byte(kind), data...)
	_ = binary.Write(out, binary.BigEndian, uint32(len(data))) //nolint:gosec // far below 4 GB; a buffer never fails
	out.Write(body)
	_ = binary.Write(out, binary.BigEndian, crc32.ChecksumIEEE(body)) // a buffer never fails
}
