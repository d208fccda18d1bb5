package probe

import (
	"encoding/binary"
	"math"
)

// Limits on what is kept of a file made of boxes. An index (moov) of 32 MiB is
// that of a film of many hours.
const (
	maxIndex    = 32 << 20
	maxFragment = 4 << 20
)

// isBoxed reports whether the bytes begin with an ftyp box.
func isBoxed(head []byte) bool {
	return len(head) >= 12 && string(head[4:8]) == "ftyp"
}

// boxes is the format of MP4, MOV and HEIF: a row of boxes, each with its
// length in front. It lets all of them go by but moov and moof.
type boxes struct {
	stream
	found Facts
	still bool // a picture: the boxes must be whole, nothing is read

	size    int64 // of the box whose header was just read, without the header
	kind    string
	between bool // the next byte, once pass is over, begins a box
	media   bool // an mdat was seen
	index   *index
	frags   fragments
	err     error
}

func newBoxes(found Facts, still bool) *boxes {
	b := &boxes{found: found, still: still}
	b.nextBox(0)
	return b
}

func (b *boxes) feed(p []byte) { b.run(p) }

// nextBox waits for the header of the box that follows after so many bytes.
func (b *boxes) nextBox(skip int64) {
	b.between = true
	b.next(skip, 8, b.header)
}

// header gets length and type of the next box.
func (b *boxes) header(h []byte) {
	b.between = false
	b.kind = string(h[4:8])
	switch size := binary.BigEndian.Uint32(h); size {
	case 0:
		b.openEnd()
	case 1:
		b.next(0, 8, b.longHeader)
	default:
		b.box(uint64(size), 8)
	}
}

// longHeader gets a 64-bit length.
func (b *boxes) longHeader(h []byte) { b.box(binary.BigEndian.Uint64(h), 16) }

// openEnd is a box of length zero: it goes on to the end of the file. Zeros
// behind the media are padding, and look the same.
func (b *boxes) openEnd() {
	b.media = b.media || b.kind == "mdat"
	if b.kind == "moov" || b.kind == "moof" {
		b.fail(invalid("a %s box without a length", b.kind))
		return
	}
	b.end()
}

// box goes into a box whose length, header included, is known.
func (b *boxes) box(size, header uint64) {
	if size < header || size > math.MaxInt64 {
		b.fail(invalid("a box of %d bytes", size))
		return
	}
	b.size = int64(size - header)
	switch {
	case b.kind == "moov" && !b.still:
		b.keep(maxIndex, b.moov)
	case b.kind == "moof" && !b.still:
		b.keep(maxFragment, b.moof)
	default:
		b.media = b.media || b.kind == "mdat"
		b.nextBox(b.size)
	}
}

// keep gathers a box's body, which grows with what arrives, not with what the
// header claims.
func (b *boxes) keep(limit int64, body func([]byte)) {
	if b.size > limit {
		b.fail(invalid("a %s box of %d bytes", b.kind, b.size))
		return
	}
	b.next(0, int(b.size), body)
}

func (b *boxes) moov(body []byte) {
	if b.index != nil {
		b.fail(invalid("two moov boxes"))
		return
	}
	index, err := readIndex(body)
	if err != nil {
		b.fail(err)
		return
	}
	b.index = index
	b.nextBox(0)
}

func (b *boxes) moof(body []byte) {
	if b.index == nil {
		b.fail(invalid("a fragment before the moov box"))
		return
	}
	if err := b.frags.add(b.index, body); err != nil {
		b.fail(err)
		return
	}
	b.nextBox(0)
}

func (b *boxes) fail(err error) {
	b.err = err
	b.end()
}

func (b *boxes) broken() error { return b.err }

// inside reports whether the bytes stopped within a box. Up to seven zeros
// after the last box are padding.
func (b *boxes) inside() bool {
	if b.done() {
		return false
	}
	if b.pass > 0 || !b.between {
		return true
	}
	for _, c := range b.got {
		if c != 0 {
			return true
		}
	}
	return false
}

func (b *boxes) facts() (Facts, error) {
	b.fill()
	switch {
	case b.err != nil:
		return b.found, b.err
	case b.inside():
		return b.found, truncated("the bytes end inside a %s box", printable(b.kind))
	case b.still:
		return b.found, nil
	case b.index == nil:
		return b.found, truncated("no moov box")
	case !b.media:
		return b.found, truncated("no mdat box")
	}
	return b.found, b.check()
}

// fill takes over what the index tells.
func (b *boxes) fill() {
	if b.index == nil {
		return
	}
	b.found.Width, b.found.Height = b.index.width, b.index.height
	b.found.Duration, b.found.FPS = b.index.timing(b.frags)
}

func (b *boxes) check() error {
	switch {
	case !b.index.video:
		return unsupported("the file has no video track")
	case b.found.Width <= 0 || b.found.Height <= 0:
		return invalid("a picture of %d × %d", b.found.Width, b.found.Height)
	case b.found.Duration <= 0:
		return invalid("a clip without a duration")
	}
	return nil
}

// printable keeps a box's name out of trouble in a log.
func printable(kind string) string {
	for _, c := range []byte(kind) {
		if c < ' ' || c > '~' {
			return "nameless"
		}
	}
	return kind
}
