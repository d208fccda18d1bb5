package clients_test

import (
	"bufio"
	"bytes"
	"context"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// cut is when a connection is cut, which is always after its request has gone
// to the API whole.
type cut string

const (
	atOnce    cut = "at once"            // whether the API still makes the job is a matter of luck
	waiting   cut = "while it waits"     // for the head of the answer; its job is there
	settled   cut = "when all have jobs" // as waiting, but surely; for when nothing else is cut
	inHead    cut = "in the head"        // the job is done, and the caller does not know
	afterHead cut = "after the head"     // before the rest
	never     cut = "never"
)

// cutter is a proxy before the APIs that serves one request a connection and
// cuts the first two connections of each call.
type cutter struct {
	*testing.T

	s      *service
	apis   []string                             // host:port
	choose func(r *http.Request, luck uint) cut // for the first two connections

	mu    sync.Mutex
	next  int            // API
	tries map[string]int // of calls with an idempotency key
	cuts  map[cut]int    // what was done
}

// listen starts the proxy and gives its origin.
func (c *cutter) listen(s *service) string {
	c.Helper()
	c.s = s
	c.tries, c.cuts = map[string]int{}, map[cut]int{}
	for _, api := range s.apis {
		c.apis = append(c.apis, strings.TrimPrefix(api.URL(), "http://"))
	}
	ln, err := new(net.ListenConfig).Listen(c.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		c.Fatal(err)
	}
	ctx, end := context.WithCancel(context.WithoutCancel(c.Context()))
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { c.serve(ctx, in) })
		}
	})
	c.Cleanup(func() {
		end()
		_ = ln.Close()
		wg.Wait()
	})
	return "http://" + ln.Addr().String()
}

// serve hands one request on, and its answer back as far as it goes.
func (c *cutter) serve(ctx context.Context, in net.Conn) {
	defer func() { _ = in.Close() }()
	r, err := http.ReadRequest(bufio.NewReader(in))
	if err != nil {
		return // a connection that was opened in vain
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	how, api := c.plan(r, body)
	out, err := new(net.Dialer).DialContext(ctx, "tcp", api)
	if err != nil {
		c.Errorf("no connection to the API: %v", err)
		return
	}
	stop := context.AfterFunc(ctx, func() { _, _ = in.Close(), out.Close() })
	defer stop()
	defer func() { _ = out.Close() }()
	r.Body, r.Close = io.NopCloser(bytes.NewReader(body)), true
	if err := r.Write(out); err != nil {
		c.Errorf("the request does not reach the API: %v", err)
		return
	}
	if r.Method == http.MethodPost {
		c.s.posted.Add(1)
	}
	if how == settled {
		c.s.settle(c.T)
	}
	c.answer(in, out, how)
}

// answer hands the answer back, until the connection is cut.
func (c *cutter) answer(in, out net.Conn, how cut) {
	switch how {
	case atOnce, settled:
	case waiting:
		time.Sleep(200*time.Millisecond + rand.N(200*time.Millisecond))
	case inHead:
		_, _ = io.CopyN(in, out, 20)
	case afterHead:
		passHead(in, out)
	case never:
		_, _ = io.Copy(in, out)
		return
	}
	if tcp, ok := in.(*net.TCPConn); ok && rand.IntN(2) == 0 {
		_ = tcp.SetLinger(0) // as a reset
	}
}

// passHead passes the head of an answer on and, if that is 200, the first byte
// behind it, which is the space that keeps a call alive.
func passHead(in, out net.Conn) {
	answer := bufio.NewReader(out)
	status, err := answer.ReadString('\n')
	for line := status; err == nil; {
		_, _ = io.WriteString(in, line)
		if line == "\r\n" {
			break
		}
		line, err = answer.ReadString('\n')
	}
	if strings.Contains(status, " 200 ") {
		_, _ = io.CopyN(in, answer, 1)
	}
}

// plan says what is to become of a connection, and which API gets its request.
func (c *cutter) plan(r *http.Request, body []byte) (cut, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	api := c.apis[c.next%len(c.apis)]
	if r.Method != http.MethodPost { // somebody looks at media
		return never, api
	}
	try, err := strconv.Atoi(r.Header.Get("X-Stainless-Retry-Count"))
	if err != nil {
		c.Errorf("a call without a count of its tries: %v", r.Header)
	}
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		try = c.tries[key]
		c.tries[key]++
	}
	how := never
	if try < 2 {
		luck := fnv.New32a()
		_, _ = luck.Write(body)
		how = c.choose(r, uint(luck.Sum32())+uint(try))
	}
	c.cuts[how]++
	return how, api
}

// done tells how many connections were cut, by how.
func (c *cutter) done() map[cut]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.cuts)
}
