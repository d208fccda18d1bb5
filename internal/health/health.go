// Package health asks a running program how it is, as a container's health check does.
package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// patience is how long a program may take to say how it is. Those who ask
// every few seconds, as container engines do, must not pile up.
const patience = 4 * time.Second

// Ask asks the program that listens on addr, host:port, on this machine how it
// is: whether it is ready for work, or, with live, whether it lives at all. An
// address of all interfaces is asked on loopback. Its error says what is missing
// and where to look.
func Ask(ctx context.Context, addr string, live bool) error {
	path := "/readyz"
	if live {
		path = "/healthz"
	}
	err := AskURL(ctx, "http://"+dialable(addr)+path)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nothing listens at %s: the program has not started, or listens elsewhere (server.addr, worker.addr)", dialable(addr))
	}
	return err
}

// AskURL asks a URL, which may be of a program that is not ours. Anything but 200
// is an error.
func AskURL(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("%q holds no address of the form host:port", url)
	}
	// Never by a proxy that the environment names: it is about this machine.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s does not answer within %s", url, patience)
	case err != nil:
		return fmt.Errorf("%s cannot be asked: %w", url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("%s says %s", url, said(resp))
}

// dialable turns an address to listen on into one to dial.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		return addr
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// said is what an answer that is not well says, in a line: its status, and which
// part is away.
func said(resp *http.Response) string {
	const most = 4096
	parts := map[string]string{}
	if json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&parts) != nil {
		return resp.Status
	}
	words := make([]string, 0, len(parts))
	for part, state := range parts {
		words = append(words, part+" "+state)
	}
	slices.Sort(words)
	return resp.Status + ": " + strings.Join(words, ", ")
}
