package server_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/server"
)

// TestHostsAreLookedUpOnce: a hundred pictures of one host are one question.
func TestHostsAreLookedUpOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	inputs := fetch.New(fetch.Config{AllowHTTP: true, Resolver: names(&asked)})
	t.Cleanup(inputs.Close)
	h := open(t, configure(func(c *server.Config) { c.Inputs = inputs }))
	var parts []string
	for i := range 100 {
		parts = append(parts, fmt.Sprintf(`{"type":"image_url","image_url":{"url":"https://pictures.example/%d.png"}}`, i))
	}
	parts = append(parts, `{"type":"image_url","image_url":{"url":"https://10.0.0.1/private.png"}}`)
	a := h.call(http.MethodPost, chats, `{"messages":[{"role":"user","content":[`+strings.Join(parts, ",")+`]}]}`)
	if code, param, _ := errorOf(t, a.body); code != "invalid_image" || param != "messages[0].content[100].image_url" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// names answers every question for an address with a public one.
func names(asked *atomic.Int32) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = ours.Close() }()
			for answerName(ours, asked) == nil {
				continue
			}
		}()
		return theirs, nil
	}}
}

func answerName(c net.Conn, asked *atomic.Int32) error {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	q := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, q); err != nil {
		return err
	}
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	end += 5 // the name's end, type and class
	head := []byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}
	var found []byte
	if q[end-3] == 1 { // an IPv4 address
		asked.Add(1)
		head[7] = 1
		found = []byte{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 93, 184, 216, 34}
	}
	reply := append(append(head, q[12:end]...), found...)
	_, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	return err
}
