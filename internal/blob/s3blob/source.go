package s3blob

import (
	"errors"
	"io"
	"sync"
)

var errReturned = errors.New("s3blob: the Put has returned")

// source is the body of a Put. It remembers the body's error, which would
// otherwise be lost in the SDK's and the transport's own, and takes the body
// away from a transport that reads on while Put returns.
type source struct {
	mu     sync.Mutex // held while the body is read
	body   io.Reader
	err    error // the body's own, other than io.EOF
	closed bool
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errReturned
	}
	n, err := s.body.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// close waits for a Read that is going on, lets none happen any more, and
// returns the error that the body ended with, or nil.
func (s *source) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.err
}
