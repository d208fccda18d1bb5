package probe

import (
	"encoding/binary"
	"hash"
	"hash/crc32"
)

// fate is the part that all endings share: whole, broken, or still going.
type fate struct {
	whole bool
	err   error
}

func (f *fate) broken() error { return f.err }

func (f *fate) verdict() error {
	switch {
	case f.err != nil:
		return f.err
	case !f.whole:
		return truncated("the picture ends before its end mark")
	}
	return nil
}

// pngEnd walks the chunks of a PNG to IEND and compares their checksums. What
// follows IEND is padding.
type pngEnd struct {
	fate
	stream
	crc   hash.Hash32
	kind  string
	data  bool // an IDAT was seen
	first bool // the next chunk is the first
}

func newPNGEnd() *pngEnd {
	e := &pngEnd{crc: crc32.NewIEEE(), first: true}
	e.passed = func(p []byte) { _, _ = e.crc.Write(p) }
	e.next(8, 8, e.chunk)
	return e
}

func (e *pngEnd) feed(p []byte) { e.run(p) }

// chunk gets length and type of the next chunk.
func (e *pngEnd) chunk(b []byte) {
	length := binary.BigEndian.Uint32(b)
	e.kind = string(b[4:])
	if length > 1<<31-1 || e.first != (e.kind == "IHDR") {
		e.fail(invalid("not a PNG chunk"))
		return
	}
	e.first = false
	e.data = e.data || e.kind == "IDAT"
	e.crc.Reset()
	_, _ = e.crc.Write(b[4:])
	e.next(int64(length), 4, e.checksum)
}

func (e *pngEnd) checksum(b []byte) {
	// Lower case marks a chunk that a reader may ignore, checksum and all.
	critical := e.kind[0]&0x20 == 0
	switch {
	case critical && binary.BigEndian.Uint32(b) != e.crc.Sum32():
		e.fail(invalid("a PNG chunk does not match its checksum"))
	case e.kind != "IEND":
		e.next(0, 8, e.chunk)
	case !e.data:
		e.fail(invalid("a PNG without picture data"))
	default:
		e.whole = true
		e.end()
	}
}

func (e *pngEnd) fail(err error) {
	e.err = err
	e.end()
}

// gifEnd walks the blocks of a GIF to its trailer.
type gifEnd struct {
	fate
	stream
	picture bool
}

func newGIFEnd() *gifEnd {
	e := &gifEnd{}
	e.next(10, 3, e.screen) // after signature and screen size
	return e
}

func (e *gifEnd) feed(p []byte) { e.run(p) }

// colourTable is the length of the table that a packed field announces.
func colourTable(packed byte) int64 {
	if packed&0x80 == 0 {
		return 0
	}
	return 3 << (packed&7 + 1)
}

func (e *gifEnd) screen(b []byte) { e.next(colourTable(b[0]), 1, e.block) }

func (e *gifEnd) block(b []byte) {
	switch b[0] {
	case 0x21: // extension: a label, then sub-blocks
		e.next(1, 1, e.subBlock)
	case 0x2c: // picture: place and size, then a packed field
		e.picture = true
		e.next(8, 1, e.descriptor)
	case 0x3b: // trailer
		e.whole = e.picture
		if !e.whole {
			e.err = invalid("a GIF without a picture")
		}
		e.end()
	default:
		e.err = invalid("not a GIF block")
		e.end()
	}
}

// descriptor skips the local colour table and the LZW code size.
func (e *gifEnd) descriptor(b []byte) { e.next(colourTable(b[0])+1, 1, e.subBlock) }

func (e *gifEnd) subBlock(b []byte) {
	if b[0] == 0 {
		e.next(0, 1, e.block)
		return
	}
	e.next(int64(b[0]), 1, e.subBlock)
}

// lengthEnd compares the number of bytes with the length that the header
// tells. A header that tells none is believed whole.
type lengthEnd struct {
	stream
	length  func(head []byte) int64
	told    int64
	counted int64
}

func newLengthEnd(length func([]byte) int64) *lengthEnd {
	e := &lengthEnd{length: length}
	if length != nil {
		e.next(0, 8, func(b []byte) {
			e.told = e.length(b)
			e.end()
		})
	}
	return e
}

func webpLength(head []byte) int64 { return int64(binary.LittleEndian.Uint32(head[4:])) + 8 }

func bmpLength(head []byte) int64 { return int64(binary.LittleEndian.Uint32(head[2:])) }

func (e *lengthEnd) feed(p []byte) {
	e.run(p)
	e.counted += int64(len(p))
}

func (e *lengthEnd) broken() error { return nil }

func (e *lengthEnd) verdict() error {
	if e.counted < e.told || !e.done() {
		return truncated("%d of %d bytes", e.counted, e.told)
	}
	return nil
}
