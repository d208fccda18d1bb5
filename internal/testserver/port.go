package testserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Servers get ports below the range from which Linux takes the local ports of
// outgoing connections (32768 and up): a connection of some other test can so
// never sit on a server's port between its kill and its restart.
const (
	firstPort = 10_000
	lastPort  = 32_767
)

// portTries is how often a start is tried with another port. A single try
// fails only when two processes draw the same port in the same millisecond.
const portTries = 5

// FreeAddr gives an address of 127.0.0.1 that nobody listened on just now. It
// is for programs that must be told their address before they start; where a
// listener can be handed over instead, do that.
func FreeAddr(ctx context.Context) (string, error) {
	for range 100 {
		//nolint:gosec // G404: a port need not be a secret
		port := firstPort + rand.IntN(lastPort-firstPort+1)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
		if err != nil {
			continue
		}
		return addr, ln.Close()
	}
	return "", fmt.Errorf("no free port from %d to %d on 127.0.0.1", firstPort, lastPort)
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
