package blob

import "io"

// Exact returns a reader of body that fails with ErrSize unless body has
// exactly size bytes; UnknownSize leaves body as it is. It gives out the last
// byte only when it has seen that body ends there: whoever sends what it reads
// never sends all of a body that turns out to be wrong.
func Exact(body io.Reader, size int64) io.Reader {
	if size == UnknownSize {
		return body
	}
	return &exact{body: body, left: size}
}

type exact struct {
	body  io.Reader
	left  int64
	err   error // for ever
	right bool  // err is io.EOF, after the right length
}

// Read implements io.Reader.
func (e *exact) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	if e.left == 0 { // an empty body
		e.finish()
		return 0, e.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := e.body.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	switch {
	case e.left == 0 && (err == nil || err == io.EOF):
		if e.finish(); e.right {
			return n, io.EOF
		}
	case err == io.EOF:
		e.err = ErrSize
	case err != nil:
		e.err = err
	}
	if e.err != nil && e.left == 0 {
		return 0, e.err
	}
	return n, e.err
}

// finish reads on to see that nothing follows, and sets err.
func (e *exact) finish() {
	var one [1]byte
	for range 100 { // a reader may give nothing for a while, not for ever
		n, err := e.body.Read(one[:])
		switch {
		case n > 0:
			e.err = ErrSize
		case err != nil:
			e.err, e.right = err, err == io.EOF
		default:
			continue
		}
		return
	}
	e.err = io.ErrNoProgress
}
