package server

import (
	"net"
	"net/http"
	"sync/atomic"
)

// doorkeeper bounds how many connections are open: each costs memory and a file
// descriptor, also one that never says a word. One too many is closed before
// anything of it is read, so that nothing of it can have been done and its
// caller may simply come again. Safe for concurrent use.
type doorkeeper struct {
	most int64
	open atomic.Int64
	*metrics
}

// watch is the server's ConnState hook.
func (d *doorkeeper) watch(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.connections.Inc()
		if d.open.Add(1) > d.most {
			d.turnedAway.Inc()
			_ = conn.Close() // nobody is to be told of a failure to close it
		}
	case http.StateClosed, http.StateHijacked:
		d.connections.Dec()
		d.open.Add(-1)
	case http.StateActive, http.StateIdle:
	}
}
