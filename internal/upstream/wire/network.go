package wire

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Network is how a driver connects. The zero value is right but for tests and
// private certificates.
type Network struct {
	// Dial opens connections; nil means the system's dialer with a limit of
	// 10 s.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// TLS is copied; nil means the system's certificates.
	TLS *tls.Config
}

const (
	connectTimeout   = 10 * time.Second // dialing, and again for TLS
	keepAlive        = 30 * time.Second
	poolConns        = 512              // idle connections to the upstream
	poolIdle         = 30 * time.Second // shorter than any server's own limit is likely to be
	headerLimitBytes = 64 << 10
)

// Transports gives one that never uses a connection twice, for what is paid,
// and one that keeps them, for chat and for questions. Both speak HTTP/1.1
// alone, ask for no compression (it would hold back the chunks of a stream) and
// use no proxy.
func (n Network) Transports() (submits, pooled *http.Transport) {
	submits, pooled = n.transport(), n.transport()
	submits.DialContext = abrupt(submits.DialContext)
	submits.DisableKeepAlives = true
	submits.WriteBufferSize = 64 << 10 // images are sent inside of the request
	pooled.MaxIdleConns, pooled.MaxIdleConnsPerHost = poolConns, poolConns
	pooled.IdleConnTimeout = poolIdle
	return submits, pooled
}

// abrupt makes closing a connection drop what it has not delivered yet. After a
// submission has timed out the system would otherwise go on delivering it, and
// the upstream might act on it when nobody reckons with it any more. An answer
// that has been read is not touched by it.
func abrupt(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
			err = tcp.SetLinger(0)
		}
		return conn, err
	}
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

func (n Network) transport() *http.Transport {
	dial := n.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: connectTimeout, KeepAlive: keepAlive}).DialContext
	}
	t := &http.Transport{
		DialContext:            dial,
		TLSHandshakeTimeout:    connectTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: headerLimitBytes,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if n.TLS != nil {
		t.TLSClientConfig = n.TLS.Clone()
	}
	return t
}
