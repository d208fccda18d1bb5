package probe

// stream cuts a flow of bytes into the fields of a format. A format sets what
// it wants next, and stream calls it back: small fields arrive whole, the rest
// goes by. The zero value passes nothing and wants nothing: it is at its end.
type stream struct {
	pass   int64          // bytes that go by before the next field
	passed func(p []byte) // sees the bytes that go by; may be nil
	want   int            // length of the next field; 0 with field set calls it at once
	field  func(b []byte) // gets the next field, whole; b is valid during the call
	got    []byte         // of the next field, if it did not arrive in one piece
}

// next asks for a field of n bytes after skipping some.
func (s *stream) next(skip int64, n int, field func([]byte)) {
	s.pass, s.want, s.field = skip, n, field
}

// end wants no more bytes.
func (s *stream) end() { s.next(0, 0, nil) }

// done reports whether the format has ended.
func (s *stream) done() bool { return s.field == nil }

// step consumes bytes of p up to the end of one field at most, and returns the
// rest.
func (s *stream) step(p []byte) []byte {
	if s.pass > 0 {
		n := int(min(s.pass, int64(len(p))))
		if s.passed != nil {
			s.passed(p[:n])
		}
		s.pass -= int64(n)
		p = p[n:]
		if s.pass > 0 {
			return p
		}
	}
	need := s.want - len(s.got)
	if len(s.got) == 0 && len(p) >= need {
		s.field(p[:need])
		return p[need:]
	}
	n := min(need, len(p))
	s.got = append(s.got, p[:n]...)
	if len(s.got) == s.want {
		whole := s.got
		s.got = nil
		s.field(whole)
	}
	return p[n:]
}

// run consumes all of p, or as much as there is until the format ends.
func (s *stream) run(p []byte) {
	for len(p) > 0 && !s.done() {
		p = s.step(p)
	}
}
