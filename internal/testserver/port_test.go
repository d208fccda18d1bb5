package testserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/tintypehq/tintype/internal/testserver"
)

// drawPorts makes this test program draw ports and say them, in place of
// testing, until its standard input is closed.
const (
	drawPorts = "TINTYPE_TEST_DRAW_PORTS"
	draws     = 150 // more than a process claims at a time
)

func sayPorts() {
	for range draws {
		addr, err := testserver.FreeAddr(context.Background())
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Println(addr)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// TestFreeAddr draws ports in several processes at once. None is given twice,
// whether or not anybody listens on it yet.
func TestFreeAddr(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var said []*bufio.Scanner
	for range 4 {
		said = append(said, startDrawing(t))
	}
	for range draws {
		for _, out := range said {
			if !out.Scan() {
				t.Fatalf("a process ended before it had drawn all: %v", out.Err())
			}
			addr := out.Text()
			if host, _, err := net.SplitHostPort(addr); err != nil || host != "127.0.0.1" || seen[addr] {
				t.Fatalf("drawn %q, %v; seen before: %t", addr, err, seen[addr])
			}
			seen[addr] = true
		}
	}
}

func startDrawing(t *testing.T) *bufio.Scanner {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), drawPorts+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return bufio.NewScanner(out)
}

// TestFreeAddrAmongForks: a child that was just forked holds what its parent had open,
// until it is another program. That is no reason why an address should not be free.
func TestFreeAddrAmongForks(t *testing.T) {
	t.Parallel()
	var forks sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		forks.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := exec.CommandContext(t.Context(), "true").Run(); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	defer forks.Wait()
	defer close(stop)
	for range 1000 {
		addr, err := testserver.FreeAddr(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = ln.Close()
	}
}
