package stand

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Said is in every answer of [Upstream]: what came through can be known by it.
const Said = "The quick brown fox jumps over the lazy dog."

// stampDigits is the length of a time in nanoseconds since 1970, until 2286.
const stampDigits = 19

const (
	wholeBody = `{"choices":[{"finish_reason":"stop","index":0,"logprobs":null,"message":{"content":"` + Said + `","role":"assistant"}}],` +
		`"created":1733300587,"id":"021733300587123456789abcdef0123456789abcdef012345","model":"doubao-seed-2-0-lite-260428","service_tier":"default",` +
		`"object":"chat.completion","usage":{"completion_tokens":11,"prompt_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":0}}}`

	chunkHead = `data: {"choices":[{"delta":{"content":"`
	chunkTail = `","role":"assistant"},"index":0}],"created":1733300587,"id":"021733300587123456789abcdef0123456789abcdef012345",` +
		`"model":"doubao-seed-2-0-lite-260428","service_tier":"default","object":"chat.completion.chunk","usage":null}` + "\n\n"
	lastChunk = `data: {"choices":[{"delta":{"content":"","role":"assistant"},"finish_reason":"stop","index":0}],"created":1733300587,` +
		`"id":"021733300587123456789abcdef0123456789abcdef012345","model":"doubao-seed-2-0-lite-260428","service_tier":"default",` +
		`"object":"chat.completion.chunk","usage":null}` + "\n\ndata: [DONE]\n\n"

	streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// fastUpstream answers chats in Ark's shape. It works on bare connections, so
// that it takes less of the machine than what is measured in front of it.
type fastUpstream struct {
	chunks int           // of a stream, each written by itself
	pace   time.Duration // between two of them
}

func runUpstream(ctx context.Context, flags *flag.FlagSet, args []string, stdout io.Writer) error {
	var u fastUpstream
	addr := flags.String("addr", "", "host:port to listen on")
	flags.IntVar(&u.chunks, "chunks", 16, "chunks of a streamed answer")
	flags.DurationVar(&u.pace, "pace", 0, "pause before each of them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ln, err := listen(ctx, *addr, stdout)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = ln.Close() })()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		conns.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			u.serve(conn)
		})
	}
}

func (u fastUpstream) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	whole := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(wholeBody), wholeBody)
	in, body := bufio.NewReader(conn), bytes.Buffer{}
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body.Reset()
		if _, err := body.ReadFrom(req.Body); err != nil {
			return
		}
		if bytes.Contains(body.Bytes(), []byte(`"stream":true`)) {
			err = u.stream(conn)
		} else {
			_, err = conn.Write(whole)
		}
		if err != nil {
			return
		}
	}
}

// stream writes the chunks. Each says when it was written.
func (u fastUpstream) stream(w io.Writer) error {
	if _, err := io.WriteString(w, streamHead); err != nil {
		return err
	}
	frame := fmt.Appendf(nil, "%x\r\n%s%0*d%s\r\n", len(chunkHead)+stampDigits+len(chunkTail), chunkHead, stampDigits, 0, chunkTail)
	at := bytes.Index(frame, []byte(chunkHead)) + len(chunkHead)
	for range u.chunks {
		if u.pace > 0 {
			time.Sleep(u.pace)
		}
		strconv.AppendInt(frame[at:at], time.Now().UnixNano(), 10)
		if _, err := w.Write(frame); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%x\r\n%s\r\n0\r\n\r\n", len(lastChunk), lastChunk)
	return err
}

// SentAt finds in a line of a stream when [Upstream] wrote it; false for lines
// that do not say.
func SentAt(line []byte) (time.Time, bool) {
	_, rest, ok := bytes.Cut(line, []byte(`"content":"`))
	if !ok || len(rest) < stampDigits {
		return time.Time{}, false
	}
	nanos, err := strconv.ParseInt(string(rest[:stampDigits]), 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(0, nanos), true
}
