package sse

import (
	"bytes"
	"io"
)

// lines cuts a stream into lines without waiting for anything after a line's
// end.
type lines struct {
	r      io.Reader
	limit  int    // longest line in bytes
	before func() // called before each read; may be nil

	buf        []byte
	start, end int  // buf[start:end] is read but not given out
	searched   int  // buf[start:searched] holds no line end
	skipLF     bool // the last line ended in CR: an LF that follows belongs to it
	err        error
	empty      int // reads in a row that gave nothing
}

const (
	firstBuffer   = 4 << 10
	mostEmptyRead = 100
)

// next gives the next line without its end, valid until the next call.
func (l *lines) next() ([]byte, error) {
	for {
		if line, ok := l.cut(); ok {
			return line, nil
		}
		if l.end-l.start > l.limit {
			return nil, ErrTooLong
		}
		if l.err != nil {
			return nil, l.stop()
		}
		l.fill()
	}
}

// stop tells why there is no further line: what is left in the buffer is not a
// whole one.
func (l *lines) stop() error {
	if l.err == io.EOF && l.start < l.end { //nolint:errorlint // io.Reader's own end, never wrapped
		return io.ErrUnexpectedEOF
	}
	return l.err
}

// cut takes a line out of what is in the buffer.
func (l *lines) cut() ([]byte, bool) {
	if l.skipLF && l.start < l.end {
		if l.buf[l.start] == '\n' {
			l.start++
		}
		l.skipLF = false
	}
	l.searched = max(l.searched, l.start)
	i := lineEnd(l.buf[l.searched:l.end])
	if i < 0 {
		l.searched = l.end
		return nil, false
	}
	stop := l.searched + i
	line := l.buf[l.start:stop:stop]
	l.skipLF = l.buf[stop] == '\r'
	l.start, l.searched = stop+1, stop+1
	return line, len(line) <= l.limit || l.refuse()
}

// lineEnd is the place of the first LF or CR, or -1. Two searches for one byte
// each are much faster than one for either.
func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// refuse makes next answer ErrTooLong for a whole line that is over the limit.
func (l *lines) refuse() bool {
	l.start, l.end, l.searched, l.err = 0, 0, 0, ErrTooLong
	return false
}

// fill reads once. It moves what is left to the front, or into a bigger buffer,
// when there is no room behind it.
func (l *lines) fill() {
	if l.before != nil {
		l.before()
	}
	if l.end == len(l.buf) {
		l.room()
	}
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	l.err = err
	if n > 0 {
		l.empty = 0
	} else if l.empty++; err == nil && l.empty > mostEmptyRead {
		l.err = io.ErrNoProgress
	}
}

func (l *lines) room() {
	left := l.end - l.start
	to := l.buf
	if left > len(to)/2 || len(to) == 0 {
		to = make([]byte, max(firstBuffer, 2*len(to)))
	}
	copy(to, l.buf[l.start:l.end])
	l.buf, l.searched = to, l.searched-l.start
	l.start, l.end = 0, left
}
