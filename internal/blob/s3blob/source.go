package s3blob

import (
	"io"
	"sync"
)

// source is the body of a Put. It remembers its error, which would otherwise
// be lost in the SDK's and the transport's own. The transport may still read
// while Put returns.
type source struct {
	body io.Reader
	mu   sync.Mutex
	err  error // other than io.EOF
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err != nil && err != io.EOF {
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
	}
	return n, err
}

// failed gives the error that the body ended with, or nil.
func (s *source) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
