package wire

// dropping is the wish to lose one reply.
type dropping struct {
	request, reply func([]byte) bool
	done           chan struct{}
}

// DropReply loses one reply: the next request of which request is true goes
// through and is carried out, its answer is swallowed if reply is true of it
// (nil: always), and the connection is reset. The channel closes when that has
// happened. A second wish replaces one that has found no request yet.
func (p *Proxy) DropReply(request, reply func([]byte) bool) <-chan struct{} {
	d := &dropping{request: request, reply: reply, done: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop = d
	return d.done
}

// doom marks the connection on whose request the wish has waited.
func (l *link) doom(request []byte) {
	l.proxy.mu.Lock()
	d := l.proxy.drop
	if d != nil && d.request(request) {
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

// swallow tells whether this reply is the one to lose. One that is not leaves
// the wish to the next request.
func (l *link) swallow(reply []byte) bool {
	l.mu.Lock()
	d := l.doomed
	l.doomed = nil
	l.mu.Unlock()
	if d == nil {
		return false
	}
	if d.reply == nil || d.reply(reply) {
		close(d.done)
		return true
	}
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	if l.proxy.drop == nil {
		l.proxy.drop = d
	}
	return false
}
