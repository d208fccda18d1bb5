package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A body is what a link gives: pieces of memory and stretches of filler that
// exist only while they are read, so that media of gigabytes costs nothing.
// It is an [io.ReadSeeker].
type body struct {
	parts []part
	size  int64
	at    int64
}

type part struct {
	from  int64 // where it begins in the body
	size  int64
	bytes []byte // nil for filler
}

func (b *body) add(data []byte) {
	b.parts = append(b.parts, part{from: b.size, size: int64(len(data)), bytes: data})
	b.size += int64(len(data))
}

func (b *body) addFiller(n int64) {
	b.parts = append(b.parts, part{from: b.size, size: n})
	b.size += n
}

// Read reads on from where the last Seek or Read ended.
func (b *body) Read(p []byte) (int, error) {
	for _, part := range b.parts {
		if off := b.at - part.from; off >= 0 && off < part.size {
			p = p[:min(int64(len(p)), part.size-off)]
			if part.bytes != nil {
				copy(p, part.bytes[off:])
			} else {
				fill(p, off)
			}
			b.at += int64(len(p))
			return len(p), nil
		}
	}
	return 0, io.EOF
}

// Seek moves to where the next Read begins.
func (b *body) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	b.at = offset
	return offset, nil
}

// filler is repeated in all padding. Its length is a prime, so that bytes
// which were left out or sent twice are noticed by a checksum.
var filler = func() []byte {
	b := make([]byte, 65521)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x >> 11)
	}
	return b
}()

// fill writes the filler that stands at an offset into p.
func fill(p []byte, off int64) {
	at := int(off % int64(len(filler)))
	for n := 0; n < len(p); at = 0 {
		n += copy(p[n:], filler[at:])
	}
}

// padTo makes media of a type as large as size and still valid. It leaves
// data as it is if that is too large already, or so near that no filler fits.
func padTo(contentType string, data []byte, size int64) (*body, error) {
	b := &body{}
	room := size - int64(len(data))
	if room < 16 {
		b.add(data)
		return b, nil
	}
	switch contentType {
	case "image/png":
		padPNG(b, data, room)
	case "image/jpeg":
		padJPEG(b, data, room)
	case "video/mp4":
		padMP4(b, data, room)
	default:
		return nil, fmt.Errorf("cannot pad %s", contentType)
	}
	return b, nil
}

// padPNG adds private ancillary chunks, which every decoder skips, before the
// last chunk.
func padPNG(b *body, data []byte, room int64) {
	const end, most = 12, 1 << 30
	b.add(data[:len(data)-end])
	for room > 0 {
		n := min(room, most)
		if room-n > 0 && room-n < end {
			n -= end
		}
		head := binary.BigEndian.AppendUint32(nil, uint32(n-end)) //nolint:gosec // at most 1 GB
		head = append(head, "siMx"...)
		crc := fillerCRC(head[4:], n-end)
		b.add(head)
		b.addFiller(n - end)
		b.add(binary.BigEndian.AppendUint32(nil, crc))
		room -= n
	}
	b.add(data[len(data)-end:])
}

func fillerCRC(kind []byte, n int64) uint32 {
	crc := crc32.ChecksumIEEE(kind)
	for n > 0 {
		step := min(n, int64(len(filler)))
		crc = crc32.Update(crc, crc32.IEEETable, filler[:step])
		n -= step
	}
	return crc
}

// padJPEG adds comments after the first marker.
func padJPEG(b *body, data []byte, room int64) {
	const most = 65535 + 2
	b.add(data[:2])
	for room > 0 {
		n := min(room, most)
		if room-n > 0 && room-n < 4 {
			n -= 4
		}
		b.add(binary.BigEndian.AppendUint16([]byte{0xff, 0xfe}, uint16(n-2)))
		b.addFiller(n - 4)
		room -= n
	}
	b.add(data[2:])
}

// padMP4 adds a box that players skip.
func padMP4(b *body, data []byte, room int64) {
	b.add(data)
	head := append([]byte{0, 0, 0, 1}, "free"...)            // 1: the length follows in 64 bits
	b.add(binary.BigEndian.AppendUint64(head, uint64(room))) //nolint:gosec // more than zero
	b.addFiller(room - 16)
}

// plain is a body of just these bytes.
func plain(data []byte) *body {
	b := &body{}
	b.add(data)
	return b
}
