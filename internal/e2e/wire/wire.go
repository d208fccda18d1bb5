// Package wire spoils what two programs say to each other: a TCP proxy that
// stands between them and refuses, delays, swallows or cuts, and an HTTP proxy
// that does the same with whole requests.
//
// A proxy passes everything on until it is told otherwise, and may be told at
// any time. What it starts ends with Close.
package wire

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/testserver"
)

// dialWithin bounds how long the target may take to answer a connection.
const dialWithin = 5 * time.Second

// Mode is what a proxy does to everything that comes by.
type Mode string

// The modes.
const (
	Pass Mode = "pass"

	// Refuse closes the port: connections are refused, and those that exist are
	// reset.
	Refuse Mode = "refuse"

	// Hole lets nothing through, in either direction. Connections stay, and what
	// was sent into them arrives when the mode changes, as after a partition of
	// the network that is over before TCP gives up.
	Hole Mode = "hole"
)

// Proxy is a TCP proxy on a port of its own. Its methods are safe for
// concurrent use.
type Proxy struct {
	addr, target string
	life         context.Context //nolint:containedctx // ends what the proxy has started
	end          context.CancelFunc
	running      sync.WaitGroup

	mu      sync.Mutex
	mode    Mode
	delay   time.Duration
	changed chan struct{} // closed when the mode changes
	ln      net.Listener  // nil while it refuses
	links   map[*link]struct{}
	drop    *dropping
	budget  *budget
}

// Start makes a proxy to a target, host:port. The caller closes it.
func Start(ctx context.Context, target string) (*Proxy, error) {
	addr, err := testserver.FreeAddr(ctx)
	if err != nil {
		return nil, err
	}
	p := &Proxy{addr: addr, target: target, mode: Pass, changed: make(chan struct{}), links: map[*link]struct{}{}}
	p.life, p.end = context.WithCancel(context.WithoutCancel(ctx))
	p.mu.Lock()
	defer p.mu.Unlock()
	return p, p.listen()
}

// Addr is where the proxy listens, host:port.
func (p *Proxy) Addr() string { return p.addr }

// Set changes the mode. Its error is that of opening the port again.
func (p *Proxy) Set(m Mode) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
	close(p.changed)
	p.changed = make(chan struct{})
	if m == Refuse {
		p.refuse()
		return nil
	}
	return p.listen()
}

// Delay holds each piece that comes by for a time; 0 for none.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Cut resets all connections that there are.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

// CutAfter resets the next connection that opens when so many bytes have gone
// through it, of both directions together.
func (p *Proxy) CutAfter(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget = &budget{left: bytes}
}

// Close ends the proxy and returns when nothing of it runs any more.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.end()
	p.refuse()
	p.mu.Unlock()
	p.running.Wait()
}

// listen opens the port if it is closed.
func (p *Proxy) listen() error {
	select {
	case <-p.life.Done():
		return nil
	default:
	}
	if p.ln != nil {
		return nil
	}
	ln, err := new(net.ListenConfig).Listen(p.life, "tcp", p.addr)
	if err != nil {
		return err
	}
	p.ln = ln
	p.running.Go(func() { p.accept(ln) })
	return nil
}

func (p *Proxy) refuse() {
	if p.ln != nil {
		_ = p.ln.Close()
		p.ln = nil
	}
	p.cut()
}

func (p *Proxy) cut() {
	for l := range p.links {
		l.reset()
	}
}

func (p *Proxy) accept(ln net.Listener) {
	for {
		client, err := ln.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve carries one connection until either side, or the proxy, ends it.
func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(p.life, dialWithin)
	server, err := new(net.Dialer).DialContext(ctx, "tcp", p.target)
	cancel()
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	l := &link{proxy: p, client: client, server: server, gone: make(chan struct{})}
	if !p.enter(l) {
		return
	}
	defer p.leave(l)
	var pumps sync.WaitGroup
	pumps.Go(func() { l.pump(client, server, true) })
	pumps.Go(func() { l.pump(server, client, false) })
	pumps.Wait()
}

// enter takes a connection into the books; false if there are to be none.
func (p *Proxy) enter(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life.Err() != nil || p.mode == Refuse {
		return false
	}
	l.budget, p.budget = p.budget, nil
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) leave(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}
