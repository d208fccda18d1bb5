package wire

import (
	"io"
	"net"
	"sync"
	"time"
)

// pieceBytes is the most that is read at once. A request of one of the programs
// is smaller, so that it comes in one piece.
const pieceBytes = 256 << 10

// link is one connection through a proxy.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	once           sync.Once
	gone           chan struct{} // closed when it is reset
	budget         *budget       // nil: no end

	mu     sync.Mutex
	doomed *dropping // its next reply is swallowed for this; nil: none is
}

// budget is how many bytes may still go through.
type budget struct {
	mu   sync.Mutex
	left int64
}

// take gives how many of n bytes may go.
func (b *budget) take(n int) (may int, spent bool) {
	if b == nil {
		return n, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	may = int(min(int64(n), b.left))
	b.left -= int64(may)
	return may, b.left == 0
}

// reset ends the connection in both directions, as a crash does.
func (l *link) reset() {
	l.once.Do(func() {
		close(l.gone)
		for _, c := range []net.Conn{l.client, l.server} {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = c.Close()
		}
	})
}

// pump carries one direction. An end of the stream is passed on as one.
func (l *link) pump(from, to net.Conn, request bool) {
	piece := make([]byte, pieceBytes)
	for {
		n, err := from.Read(piece)
		if n > 0 && !l.carry(to, piece[:n], request) {
			l.reset()
			return
		}
		if err != nil {
			l.hangUp(to, err)
			return
		}
	}
}

func (l *link) hangUp(to net.Conn, err error) {
	tcp, ok := to.(*net.TCPConn)
	if err != io.EOF || !ok || tcp.CloseWrite() != nil { //nolint:errorlint // Read gives it bare
		l.reset()
	}
}

// carry passes a piece on when the proxy lets it; false ends the connection.
func (l *link) carry(to net.Conn, piece []byte, request bool) bool {
	if !l.wait() {
		return false
	}
	if request {
		l.doom(piece)
	} else if l.swallow(piece) {
		return false
	}
	may, spent := l.budget.take(len(piece))
	_, err := to.Write(piece[:may])
	return err == nil && !spent
}

// wait returns when a piece may go on; false when the connection has ended.
func (l *link) wait() bool {
	for {
		l.proxy.mu.Lock()
		mode, delay, changed := l.proxy.mode, l.proxy.delay, l.proxy.changed
		l.proxy.mu.Unlock()
		if mode == Pass {
			return l.pause(delay)
		}
		select {
		case <-changed:
		case <-l.gone:
			return false
		}
	}
}

func (l *link) pause(d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.gone:
		return false
	}
}
