package rawjson

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strconv"
	"strings"
)

// ErrEncoding is what is wrong with bytes that are not base64 at all.
var ErrEncoding = errors.New("not base64")

// SplitBase64 reads a JSON text and decodes some of its strings on the way, so
// that megabytes of base64 are never held. The text that it gives has, in the
// place of each, a string with its index in blobs. Pick says of a string, by its
// key and whether it begins as a data URI, whether it is one of them; a data URI
// is taken apart.
//
// The text itself may have textLimit bytes, the blobs as much as r gives. Whether
// the text is valid JSON is left to its reader. An end of r within a string that was
// picked is io.ErrUnexpectedEOF.
func SplitBase64(r io.Reader, pick func(key string, dataURI bool) bool, textLimit int) (text []byte, blobs [][]byte, err error) {
	const buffer = 64 << 10
	s := &splitter{in: bufio.NewReaderSize(r, buffer), pick: pick, limit: textLimit}
	for err == nil {
		err = s.step()
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return s.text, s.blobs, err
}

type splitter struct {
	in    *bufio.Reader
	pick  func(key string, dataURI bool) bool
	limit int
	text  []byte
	blobs [][]byte

	last []byte // the last string, with its quotes
}

// step reads up to the next string, and that.
func (s *splitter) step() error {
	from := len(s.text)
	if err := s.copy(); err != nil {
		return err
	}
	between := bytes.TrimSpace(s.text[from : len(s.text)-1])
	if string(between) == ":" && len(s.last) > 1 {
		head, _ := s.in.Peek(len("data:"))
		if uri := string(head) == "data:"; s.pick(string(s.last[1:len(s.last)-1]), uri) {
			s.last = nil
			return s.blob(uri)
		}
	}
	from = len(s.text) - 1
	for {
		if err := s.copy(); err != nil {
			return err
		}
		if !escaped(s.text, len(s.text)-1) {
			break
		}
	}
	s.last = append(s.last[:0], s.text[from:]...)
	return nil
}

// copy keeps what comes, up to and with the next quote.
func (s *splitter) copy() error {
	for {
		part, err := s.in.ReadSlice('"')
		if len(s.text)+len(part) > s.limit {
			return bufio.ErrTooLong
		}
		s.text = append(s.text, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// blob decodes the string whose first quote has been read.
func (s *splitter) blob(dataURI bool) error {
	in := &inString{in: s.in}
	if dataURI {
		if err := in.past(','); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	_, err := out.ReadFrom(base64.NewDecoder(base64.StdEncoding, in))
	switch {
	case in.err != nil:
		return in.err
	case err != nil:
		return ErrEncoding
	}
	s.text = strconv.AppendInt(s.text, int64(len(s.blobs)), 10)
	s.text = append(s.text, '"')
	s.blobs = append(s.blobs, out.Bytes())
	return nil
}

// inString reads what is in a string, up to its last quote.
type inString struct {
	in  *bufio.Reader
	err error // of the reader, or of the string
}

// past skips what comes up to a character.
func (s *inString) past(c byte) error {
	for {
		var one [1]byte
		n, err := s.Read(one[:])
		switch {
		case n == 1 && one[0] == c:
			return nil
		case s.err != nil:
			return s.err
		case err != nil:
			return ErrEncoding // the string has ended
		}
	}
}

// Read implements io.Reader.
func (s *inString) Read(p []byte) (int, error) {
	have, err := s.in.Peek(max(1, min(len(p), s.in.Buffered())))
	if len(have) == 0 {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		s.err = err
		return 0, err
	}
	n := bytes.IndexAny(have, `"\`)
	switch {
	case n < 0:
		n = len(have)
	case n == 0 && have[0] == '"':
		_, _ = s.in.Discard(1) // it is there
		return 0, s.end()
	case n == 0:
		return s.escape(p)
	}
	copy(p, have[:n])
	_, _ = s.in.Discard(n) // it is there
	return n, nil
}

// end is the end of the string, also when it is asked for again.
func (s *inString) end() error {
	s.in = bufio.NewReader(strings.NewReader(`"`))
	return io.EOF
}

// escape reads one escaped character: there are encoders that write "\/" and
// "+" in the place of letters of base64.
func (s *inString) escape(p []byte) (int, error) {
	const short, long = 2, 6
	seq, err := s.in.Peek(short)
	if err == nil && seq[1] == 'u' {
		seq, err = s.in.Peek(long)
	}
	if err != nil {
		s.err = io.ErrUnexpectedEOF
		return 0, s.err
	}
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(string(seq), `\/`, "/") + `"`)
	if err != nil || len(text) != 1 {
		s.err = ErrEncoding
		return 0, s.err
	}
	_, _ = s.in.Discard(len(seq)) // it is there
	p[0] = text[0]
	return 1, nil
}
