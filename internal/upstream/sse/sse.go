// Package sse reads a stream of server-sent events as the HTML standard writes
// them: lines that end in LF, CR or CRLF, a byte order mark before the first,
// fields with an optional space after the colon, comments, data over several
// lines, and an event that ends with an empty line.
//
// A [Reader] hands on each event as soon as its empty line is there. It never
// waits for the byte after a CR, and it holds one event in memory, no more than
// the limit that it was made with.
package sse

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"
)

// ErrTooLong means that a line, or the data of one event, is over the limit.
// Nothing can be read after it.
var ErrTooLong = errors.New("sse: line or event over the limit")

// Event is one event of a stream.
type Event struct {
	// Type is the event's name; empty means "message".
	Type string

	// Data is the text of the data lines, joined by LF. It is valid until the
	// next call of Next.
	Data []byte

	// ID is the last id that the stream has set, in this event or before.
	ID string

	// Retry is the reconnection time that this event set; zero if it set none.
	Retry time.Duration
}

// Reader reads the events of one stream. It is not safe for concurrent use.
type Reader struct {
	lines lines
	limit int
	bom   bool // the first line is still to come
	err   error

	// The event that is being read.
	event   Event
	data    []byte // of its data lines so far
	hasData bool
	open    bool // some field of the event was read
	lastID  string
}

// NewReader gives a reader of r. No line, and no event's data, may be longer
// than maxLineBytes.
func NewReader(r io.Reader, maxLineBytes int) *Reader {
	return &Reader{lines: lines{r: r, limit: maxLineBytes}, limit: maxLineBytes, bom: true}
}

// BeforeRead sets what Next calls before each read from the stream, which may
// wait: what was made of the events so far can be handed on then, and not for
// each event alone. Nil, as at first, is nothing.
func (r *Reader) BeforeRead(f func()) { r.lines.before = f }

// Next gives the next event that has data. At the end of the stream it gives
// io.EOF, or io.ErrUnexpectedEOF when the stream ended inside an event, which is
// then lost, as the standard wants. After any error it gives the same again.
func (r *Reader) Next() (Event, error) {
	if r.err != nil {
		return Event{}, r.err
	}
	r.reset()
	for {
		line, err := r.lines.next()
		if err != nil {
			return Event{}, r.end(err)
		}
		if r.bom {
			line, r.bom = bytes.TrimPrefix(line, []byte("\ufeff")), false
		}
		if len(line) > 0 {
			if err := r.field(line); err != nil {
				return Event{}, r.end(err)
			}
			continue
		}
		if r.hasData {
			return r.finish(), nil
		}
		r.reset()
	}
}

func (r *Reader) reset() {
	r.event = Event{}
	r.data, r.hasData, r.open = r.data[:0], false, false
}

func (r *Reader) finish() Event {
	e := r.event
	e.ID, e.Data = r.lastID, r.data
	return e
}

func (r *Reader) end(err error) error {
	if err == io.EOF && r.open { //nolint:errorlint // io.Reader's own end, never wrapped
		err = io.ErrUnexpectedEOF
	}
	r.err = err
	return err
}

// field reads one line that is not empty.
func (r *Reader) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if len(name) == 0 {
		return nil // a comment
	}
	value = bytes.TrimPrefix(value, []byte(" "))
	r.open = true
	switch string(name) {
	case "data":
		return r.addData(value)
	case "event":
		r.event.Type = string(value)
	case "id":
		if !bytes.ContainsRune(value, 0) {
			r.lastID = string(value)
		}
	case "retry":
		r.setRetry(value)
	}
	return nil
}

func (r *Reader) addData(value []byte) error {
	if len(r.data)+1+len(value) > r.limit {
		return ErrTooLong
	}
	if r.hasData {
		r.data = append(r.data, '\n')
	}
	r.data, r.hasData = append(r.data, value...), true
	return nil
}

// setRetry takes a time in milliseconds, of digits alone.
func (r *Reader) setRetry(value []byte) {
	const most = uint64(24 * time.Hour / time.Millisecond)
	ms, err := strconv.ParseUint(string(value), 10, 64)
	if err == nil {
		r.event.Retry = time.Duration(min(ms, most)) * time.Millisecond
	}
}
