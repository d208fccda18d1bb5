package probe

import "encoding/binary"

// fragments counts the frames of the moof boxes of a fragmented file. Such a
// file that was cut exactly between two fragments looks whole, only shorter.
type fragments struct{ samples }

// Flags of the tfhd and trun boxes: which fields are there.
const (
	tfhdBaseOffset  = 0x1
	tfhdDescription = 0x2
	tfhdTicks       = 0x8
	trunOffset      = 0x1
	trunFirstFlags  = 0x4
	trunTicks       = 0x100
	trunSize        = 0x200
	trunFlags       = 0x400
	trunComposition = 0x800
)

// add counts the frames that a moof box adds to the index's track.
func (f *fragments) add(x *index, moof []byte) error {
	return children(moof, func(kind string, body []byte) error {
		if kind != "traf" {
			return nil
		}
		return f.addRun(x, body)
	})
}

func (f *fragments) addRun(x *index, traf []byte) error {
	ours, ticks := false, x.sampleTicks
	return children(traf, func(kind string, body []byte) error {
		if kind != "tfhd" && kind != "trun" {
			return nil
		}
		if len(body) < 8 {
			return invalid("a %s box of %d bytes", kind, len(body))
		}
		flags := binary.BigEndian.Uint32(body) & 0xffffff
		n := binary.BigEndian.Uint32(body[4:])
		switch {
		case kind == "tfhd":
			ours = n == x.id
			ticks = defaultTicks(flags, body[8:], ticks)
		case ours:
			return f.addSamples(flags, n, body[8:], ticks)
		}
		return nil
	})
}

// defaultTicks reads the length of a sample that a tfhd box may hold.
func defaultTicks(flags uint32, b []byte, otherwise uint32) uint32 {
	at := 0
	if flags&tfhdBaseOffset != 0 {
		at += 8
	}
	if flags&tfhdDescription != 0 {
		at += 4
	}
	if flags&tfhdTicks == 0 || len(b) < at+4 {
		return otherwise
	}
	return binary.BigEndian.Uint32(b[at:])
}

// addSamples counts the n samples of a trun box.
func (f *fragments) addSamples(flags, n uint32, b []byte, ticks uint32) error {
	if flags&trunTicks == 0 {
		return f.samples.add(n, ticks)
	}
	at := 0
	for _, field := range []uint32{trunOffset, trunFirstFlags} {
		if flags&field != 0 {
			at += 4
		}
	}
	row := 4
	for _, field := range []uint32{trunSize, trunFlags, trunComposition} {
		if flags&field != 0 {
			row += 4
		}
	}
	if at > len(b) || uint64(n)*uint64(row) > uint64(len(b)-at) {
		return invalid("a trun box with %d samples in %d bytes", n, len(b))
	}
	for b = b[at:]; n > 0; n-- {
		if err := f.samples.add(1, binary.BigEndian.Uint32(b)); err != nil {
			return err
		}
		b = b[row:]
	}
	return nil
}
