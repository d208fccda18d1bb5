// Package wire is a light HTTP/1.1 client for making load: on the two cores that
// the measured program shares with it, a client of net/http would measure
// itself. Requests are written as prepared bytes, and one goroutine owns a
// connection.
package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// patience is the longest that one answer may take, a stream as a whole, unless
// [Conn.Patient] says otherwise.
const patience = 60 * time.Second

// Request is a request, ready to be written.
type Request []byte

// NewRequest prepares a request. header are lines without their ends; a body
// that is not empty is sent as JSON.
func NewRequest(method, path, host, body string, header ...string) Request {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	for _, line := range header {
		b.WriteString(line + "\r\n")
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// Conn is one connection. It is not safe for concurrent use.
type Conn struct {
	conn  net.Conn
	in    *bufio.Reader
	body  bytes.Buffer
	drain []byte        // room for what is only counted
	most  time.Duration // that an answer may take
}

// Dial opens a connection; the caller closes it.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Conn{conn: conn, in: bufio.NewReaderSize(conn, 16<<10), most: patience}, nil
}

// Patient sets how long each of the answers to come may take.
func (c *Conn) Patient(most time.Duration) { c.most = most }

// Close closes the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Do sends a request and reads the whole answer. The body is valid until the
// next call.
func (c *Conn) Do(r Request) (status int, body []byte, err error) {
	resp, err := c.send(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	c.body.Reset()
	_, err = c.body.ReadFrom(resp.Body)
	return resp.StatusCode, c.body.Bytes(), err
}

// Drain is Do for a body that is only counted: it may be larger than anybody wants
// to hold.
func (c *Conn) Drain(r Request) (status int, size int64, err error) {
	resp, err := c.send(r)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if c.drain == nil {
		c.drain = make([]byte, 256<<10) // more than the reader's own, which is passed by then
	}
	for {
		n, err := resp.Body.Read(c.drain)
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return resp.StatusCode, size, nil
		}
		if err != nil {
			return resp.StatusCode, size, err
		}
	}
}

// Lines sends a request and hands on each line of the answer that is not empty
// as it comes, without its end. A line is valid during the call only.
func (c *Conn) Lines(r Request, each func(line []byte)) (status int, err error) {
	resp, err := c.send(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if line := lines.Bytes(); len(line) > 0 {
			each(line)
		}
	}
	if err := lines.Err(); err != nil {
		return resp.StatusCode, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func (c *Conn) send(r Request) (*http.Response, error) {
	if err := c.conn.SetDeadline(time.Now().Add(c.most)); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(r); err != nil {
		return nil, err
	}
	return http.ReadResponse(c.in, nil)
}

// Exchange is a whole request and answer on a connection of its own: for what is
// not measured.
func Exchange(ctx context.Context, addr string, r Request) (status int, body []byte, err error) {
	c, err := Dial(ctx, addr)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	status, body, err = c.Do(r)
	return status, slices.Clone(body), err
}

// AddrOf gives the host and port of an http URL without a path.
func AddrOf(url string) string { return strings.TrimPrefix(url, "http://") }
