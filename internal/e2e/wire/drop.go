package wire

// dropping is the wish to lose one reply.
type dropping struct {
	matches func(request []byte) bool
	done    chan struct{}
}

// DropReply loses one reply: the next request of which matches is true goes
// through and is carried out, its answer is swallowed, and the connection is
// reset. The channel closes when that has happened. A second wish replaces one
// that has found no request yet.
func (p *Proxy) DropReply(matches func(request []byte) bool) <-chan struct{} {
	d := &dropping{matches: matches, done: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop = d
	return d.done
}

// doom marks the connection on whose request the wish has waited.
func (l *link) doom(request []byte) {
	l.proxy.mu.Lock()
	d := l.proxy.drop
	if d != nil && d.matches(request) {
		l.proxy.drop = nil
	} else {
		d = nil
	}
	l.proxy.mu.Unlock()
	if d == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.doomed = d
}

// swallow tells whether this reply is the one to lose.
func (l *link) swallow() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.doomed == nil {
		return false
	}
	close(l.doomed.done)
	l.doomed = nil
	return true
}
