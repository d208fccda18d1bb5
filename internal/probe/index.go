package probe

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"
)

// index is what we read of a moov box.
type index struct {
	movie timed // mvhd
	video bool  // there is a video track; the rest is about the first one
	track
	sampleTicks uint32 // trex: length of a fragment's sample unless it says otherwise
}

// track is what we read of a trak box.
type track struct {
	id            uint32
	handler       string
	width, height int   // pixels, after rotation
	media         timed // mdhd
	samples       samples
}

// timed is a length in ticks of its own clock.
type timed struct {
	scale uint64 // ticks a second
	ticks uint64
}

// samples counts frames.
type samples struct {
	count uint64
	ticks uint64 // of all together
}

// maxTicks is more than any clock can mean; below it sums cannot overflow.
const maxTicks = 1 << 60

// add counts n samples of so many ticks each.
func (s *samples) add(n, ticks uint32) error {
	s.count += uint64(n)
	s.ticks += uint64(n) * uint64(ticks)
	if s.count > maxTicks || s.ticks > maxTicks {
		return invalid("a clip without end")
	}
	return nil
}

// children calls visit for each box in b. Every one must lie inside b.
func children(b []byte, visit func(kind string, body []byte) error) error {
	for len(b) >= 8 {
		size, header := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		if size == 1 && len(b) >= 16 {
			size, header = binary.BigEndian.Uint64(b[8:]), 16
		}
		if size < header || size > uint64(len(b)) {
			return invalid("a %s box reaches out of its parent", printable(string(b[4:8])))
		}
		if err := visit(string(b[4:8]), b[header:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// fullBox cuts a box with a version into its fields: v1 boxes have 64-bit
// times, which moves everything. It returns the body behind two time stamps.
func fullBox(kind string, b []byte, need0, need1 int) (rest []byte, long bool, err error) {
	skip, need := 4+2*4, need0
	if len(b) > 0 && b[0] == 1 {
		skip, need, long = 4+2*8, need1, true
	}
	if len(b) < skip+need {
		return nil, false, invalid("a %s box of %d bytes", kind, len(b))
	}
	return b[skip:], long, nil
}

// readIndex reads the body of a moov box.
func readIndex(b []byte) (*index, error) {
	x := &index{}
	defaults := map[uint32]uint32{}
	err := children(b, func(kind string, body []byte) (err error) {
		switch kind {
		case "mvhd":
			x.movie, err = readTimed(kind, body)
		case "trak":
			err = x.readTrack(body)
		case "mvex":
			err = readDefaults(body, defaults)
		}
		return err
	})
	x.sampleTicks = defaults[x.id]
	return x, err
}

// readTimed reads an mvhd or mdhd box.
func readTimed(kind string, b []byte) (timed, error) {
	rest, long, err := fullBox(kind, b, 8, 12)
	if err != nil {
		return timed{}, err
	}
	t := timed{scale: uint64(binary.BigEndian.Uint32(rest))}
	if long {
		t.ticks = binary.BigEndian.Uint64(rest[4:])
	} else {
		t.ticks = uint64(binary.BigEndian.Uint32(rest[4:]))
	}
	if t.ticks == math.MaxUint64 || t.ticks == math.MaxUint32 { // "unknown"
		t.ticks = 0
	}
	return t, nil
}

// readDefaults reads the trex boxes of an mvex box: ticks by track.
func readDefaults(b []byte, defaults map[uint32]uint32) error {
	return children(b, func(kind string, body []byte) error {
		if kind == "trex" && len(body) >= 16 {
			defaults[binary.BigEndian.Uint32(body[4:])] = binary.BigEndian.Uint32(body[12:])
		}
		return nil
	})
}

// readTrack reads a trak box and keeps it if it is the first with video.
func (x *index) readTrack(b []byte) error {
	var t track
	err := children(b, func(kind string, body []byte) error {
		switch kind {
		case "tkhd":
			return t.readHeader(body)
		case "mdia":
			return t.readMedia(body)
		}
		return nil
	})
	if err == nil && t.handler == "vide" && !x.video {
		x.video, x.track = true, t
	}
	return err
}

// readHeader reads a tkhd box: id, rotation, size in 16.16 fixed point.
func (t *track) readHeader(b []byte) error {
	rest, long, err := fullBox("tkhd", b, 72, 76)
	if err != nil {
		return err
	}
	t.id = binary.BigEndian.Uint32(rest)
	if long {
		rest = rest[4:]
	}
	w, h := int(binary.BigEndian.Uint32(rest[64:])>>16), int(binary.BigEndian.Uint32(rest[68:])>>16)
	upright := binary.BigEndian.Uint32(rest[28:]) != 0 // first cell of the matrix
	if !upright && binary.BigEndian.Uint32(rest[32:]) != 0 {
		w, h = h, w
	}
	if w > 0 && h > 0 {
		t.width, t.height = w, h
	}
	return nil
}

// readMedia reads an mdia box.
func (t *track) readMedia(b []byte) error {
	return children(b, func(kind string, body []byte) (err error) {
		switch kind {
		case "mdhd":
			t.media, err = readTimed(kind, body)
		case "hdlr":
			if len(body) >= 12 {
				t.handler = string(body[8:12])
			}
		case "minf":
			err = children(body, t.readInfo)
		}
		return err
	})
}

// readInfo reads the boxes of minf.
func (t *track) readInfo(kind string, body []byte) error {
	if kind != "stbl" {
		return nil
	}
	return children(body, func(kind string, body []byte) error {
		switch kind {
		case "stts":
			return t.samples.readTable(body)
		case "stsd":
			t.readDescription(body)
		}
		return nil
	})
}

// readTable reads an stts box: runs of frames of equal length.
func (s *samples) readTable(b []byte) error {
	if len(b) < 8 {
		return invalid("an stts box of %d bytes", len(b))
	}
	n := uint64(binary.BigEndian.Uint32(b[4:]))
	b = b[8:]
	if n > uint64(len(b)/8) {
		return invalid("an stts box with %d entries in %d bytes", n, len(b))
	}
	for ; n > 0; n-- {
		if err := s.add(binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])); err != nil {
			return err
		}
		b = b[8:]
	}
	return nil
}

// readDescription takes the coded size from an stsd box if the track's header
// told none.
func (t *track) readDescription(b []byte) {
	const width = 8 + 32 // behind the table's and the entry's own headers
	if t.width == 0 && len(b) >= width+4 {
		t.width = int(binary.BigEndian.Uint16(b[width:]))
		t.height = int(binary.BigEndian.Uint16(b[width+2:]))
	}
}

// timing tells duration and frame rate. The movie's own length knows of edits;
// the track's is for files that leave it open, as fragmented ones do.
func (x *index) timing(f fragments) (time.Duration, float64) {
	all := samples{x.samples.count + f.count, x.samples.ticks + f.ticks}
	d := duration(x.movie.ticks, x.movie.scale)
	if f.count > 0 {
		d = 0
	}
	if d == 0 && f.count == 0 {
		d = duration(x.media.ticks, x.media.scale)
	}
	if d == 0 {
		d = duration(all.ticks, x.media.scale)
	}
	if all.ticks == 0 {
		return d, 0
	}
	return d, float64(all.count) * float64(x.media.scale) / float64(all.ticks)
}

// duration converts ticks. It is zero for what cannot be a length.
func duration(ticks, scale uint64) time.Duration {
	hi, lo := bits.Mul64(ticks, uint64(time.Second))
	if scale == 0 || hi >= scale {
		return 0
	}
	d, _ := bits.Div64(hi, lo, scale)
	if d > math.MaxInt64 {
		return 0
	}
	return time.Duration(d)
}
