package testserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// Servers get ports below the range from which Linux takes the local ports of
// outgoing connections (32768 and up): a connection of some other test can so
// never sit on a server's port between its kill and its restart.
const (
	firstPort = 10_000
	lastPort  = 32_767
)

// blockPorts is how many ports a process claims at a time. Test programs run
// side by side, and a draw over the whole range let one try a port that
// another had drawn and not opened yet.
const blockPorts = 64

// portTries is how often a start is tried with another port: what is not of
// this package may sit on a port of a claimed block.
const portTries = 5

// ports are those of the block that this process has claimed.
var ports struct {
	sync.Mutex

	guards []net.Listener // on the first port of each block: who listens there has it
	next   int
	end    int // the first port past the newest block
}

// FreeAddr gives an address of 127.0.0.1 that nobody listens on, and that no
// other process is given as long as this one lives. It is for programs that
// must be told their address before they start; where a listener can be handed
// over instead, do that.
func FreeAddr(ctx context.Context) (string, error) {
	ports.Lock()
	defer ports.Unlock()
	// A child that is forked while a port is tried has the listener until it becomes
	// another program, and keeps the port taken for that long.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for range 10 * blockPorts {
		if ports.next == ports.end {
			if err := claimBlock(ctx); err != nil {
				return "", err
			}
		}
		port := ports.next
		ports.next++
		if ln, err := listenOn(ctx, port); err == nil {
			return ln.Addr().String(), ln.Close()
		}
	}
	return "", fmt.Errorf("no free port from %d to %d on 127.0.0.1", firstPort, lastPort)
}

// claimBlock takes a block that no process has, until this one ends. A block
// that is used up stays claimed: its servers may be started again.
func claimBlock(ctx context.Context) error {
	const blocks = (lastPort + 1 - firstPort) / blockPorts
	for range 10 * blocks {
		first := firstPort + blockPorts*rand.IntN(blocks) //nolint:gosec // G404: a port need not be a secret
		guard, err := listenOn(ctx, first)
		if err != nil {
			continue
		}
		ports.guards = append(ports.guards, guard)
		ports.next, ports.end = first+1, first+blockPorts
		return nil
	}
	return fmt.Errorf("no block of %d ports is free from %d to %d on 127.0.0.1", blockPorts, firstPort, lastPort)
}

func listenOn(ctx context.Context, port int) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// onFreePort calls start with free addresses until it does not fail for the
// port's sake.
func onFreePort(ctx context.Context, start func(addr string) error) error {
	var err error
	for range portTries {
		addr, addrErr := FreeAddr(ctx)
		if addrErr != nil {
			return addrErr
		}
		if err = start(addr); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}
