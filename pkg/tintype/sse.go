package tintype

import (
	"bufio"
	"bytes"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxEventBytes bounds one event of a stream, all of its lines together.
const maxEventBytes = 4 << 20

// sseEvent is one event of a stream, by the rules of the HTML standard.
type sseEvent struct {
	name string // of "event:"; empty: a message
	id   string // of "id:"
	kept bool   // the event itself had an id, if only an empty one
	data []byte // lines joined by "\n"; the caller may keep it
}

// sseReader reads a stream of server-sent events. An event is there as soon as
// its empty line is; no byte after that is waited for.
type sseReader struct {
	in     *bufio.Reader
	skipLF bool // the last line ended with CR: a LF that follows belongs to it
	begun  bool // the first line, which may have a byte order mark, is read

	// retry is the server's last word on how long to wait before coming back;
	// zero: it has said nothing.
	retry time.Duration
}

func newSSEReader(r io.Reader) *sseReader {
	return &sseReader{in: bufio.NewReader(r)}
}

// next returns the next event that has data. The end of the stream is io.EOF;
// an event that it cuts off is no event.
func (r *sseReader) next() (sseEvent, error) {
	var e sseEvent
	var data []byte
	hasData := false
	for {
		line, err := r.line(maxEventBytes - len(data))
		if err != nil {
			return sseEvent{}, err
		}
		if len(line) > 0 {
			if value, ok := r.field(&e, line); ok {
				data, hasData = append(append(data, value...), '\n'), true
			}
			continue
		}
		if hasData {
			e.data = data[:len(data)-1]
			return e, nil
		}
		e = sseEvent{}
	}
}

// field takes a line into the event. It gives the value of a data line back.
func (r *sseReader) field(e *sseEvent, line []byte) (value []byte, isData bool) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		return value, true
	case "event":
		e.name = string(value)
	case "id":
		if !bytes.ContainsRune(value, 0) {
			e.id, e.kept = string(value), true
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
			r.retry = time.Duration(ms) * time.Millisecond
		}
	} // any other is a comment, whose name is empty, or unknown: both are passed over
	return nil, false
}

// line returns the next line without its end: LF, CR LF or CR. What follows
// the last end is no line.
func (r *sseReader) line(limit int) ([]byte, error) {
	var line []byte
	for {
		b, err := r.buffered()
		if err != nil {
			return nil, err
		}
		end := bytes.IndexAny(b, "\r\n")
		piece := b
		if end >= 0 {
			piece = b[:end]
		}
		if len(line)+len(piece) > limit {
			return nil, ErrTooLarge
		}
		line = append(line, piece...)
		if end < 0 {
			r.discard(len(b))
			continue
		}
		r.skipLF = b[end] == '\r'
		r.discard(end + 1)
		return r.unmarked(line), nil
	}
}

// buffered returns what can be read without waiting, at least one byte.
func (r *sseReader) buffered() ([]byte, error) {
	for {
		first, err := r.in.Peek(1)
		if err != nil {
			return nil, err
		}
		if r.skipLF && first[0] == '\n' {
			r.discard(1)
			r.skipLF = false
			continue
		}
		r.skipLF = false
		return r.in.Peek(r.in.Buffered())
	}
}

// discard drops bytes that are buffered, which cannot fail.
func (r *sseReader) discard(n int) { _, _ = r.in.Discard(n) }

// unmarked cuts the byte order mark off the first line.
func (r *sseReader) unmarked(line []byte) []byte {
	if r.begun {
		return line
	}
	r.begun = true
	return bytes.TrimPrefix(line, []byte("\ufeff"))
}

// seq is the event's id as a cursor; not ok if it has none or another kind.
func (e sseEvent) seq() (int64, bool) {
	if !e.kept {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(e.id), 10, 64)
	return n, err == nil && n > 0
}
