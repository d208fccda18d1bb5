package probe

import (
	"bytes"
	"encoding/binary"
)

// jpegEnd walks a JPEG's segments and coded data to EOI. What follows EOI is
// padding, or a second picture that some cameras append. It does not search
// for the mark: a thumbnail inside the metadata has one too.
type jpegEnd struct {
	fate
	stream
	coded    bool // inside coded data
	sawMark  bool // the last coded byte was 0xFF
	hasScans bool
}

// Markers that the walk must know.
const (
	jpegTEM  = 0x01
	jpegRST0 = 0xd0
	jpegRST7 = 0xd7
	jpegSOI  = 0xd8
	jpegEOI  = 0xd9
	jpegSOS  = 0xda
)

func newJPEGEnd() *jpegEnd {
	e := &jpegEnd{}
	e.next(2, 2, e.marker)
	return e
}

func (e *jpegEnd) feed(p []byte) {
	for len(p) > 0 && !e.done() {
		if e.coded {
			p = e.scan(p)
			continue
		}
		p = e.step(p)
	}
}

// marker gets two bytes between segments. Bytes that are no marker are passed
// over like coded data, as decoders do.
func (e *jpegEnd) marker(b []byte) {
	if b[0] != 0xff {
		e.coded, e.sawMark = true, b[1] == 0xff
		return
	}
	e.code(b[1:])
}

// code gets a marker's second byte.
func (e *jpegEnd) code(b []byte) {
	switch c := b[0]; {
	case c == 0xff: // fill byte
		e.next(0, 1, e.code)
	case c == jpegEOI:
		e.whole = e.hasScans
		if !e.whole {
			e.err = invalid("a JPEG without picture data")
		}
		e.end()
	case c == jpegTEM, c >= jpegRST0 && c <= jpegSOI: // without a body
		e.next(0, 2, e.marker)
	case c == 0: // no marker
		e.coded = true
	default:
		e.next(0, 2, func(b []byte) { e.segment(c, b) })
	}
}

// segment gets the length of a segment's body, which counts itself.
func (e *jpegEnd) segment(code byte, b []byte) {
	length := int64(binary.BigEndian.Uint16(b))
	if length < 2 {
		e.err = invalid("a JPEG segment of no length")
		e.end()
		return
	}
	if code != jpegSOS {
		e.next(length-2, 2, e.marker)
		return
	}
	e.hasScans = true
	e.next(length-2, 0, func([]byte) { e.coded = true })
}

// scan passes over coded data to the next marker and returns what follows its
// 0xFF.
func (e *jpegEnd) scan(p []byte) []byte {
	if !e.sawMark {
		i := bytes.IndexByte(p, 0xff)
		if i < 0 {
			return nil
		}
		p = p[i+1:]
		e.sawMark = true
	}
	if len(p) == 0 {
		return nil
	}
	switch c := p[0]; {
	case c == 0xff: // fill byte; the mark stands
	case c == 0, c >= jpegRST0 && c <= jpegRST7: // a coded 0xFF, or a restart
		e.sawMark = false
	default:
		e.sawMark, e.coded = false, false
		e.code(p[:1])
	}
	return p[1:]
}
