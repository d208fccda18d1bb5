package tintype

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sync/atomic"
	"time"
)

// endOfStream is the data of the last event of a stream of chunks.
const endOfStream = "[DONE]"

// drainTime is how long the end of the body is waited for after the last event,
// so that the connection can be used again.
const drainTime = 50 * time.Millisecond

// once makes a sequence that a second loop finds used up: it would be another
// request, and be paid again.
func once(run func(yield func(*Chunk, error) bool)) iter.Seq2[*Chunk, error] {
	var used atomic.Bool
	return func(yield func(*Chunk, error) bool) {
		if used.Swap(true) {
			yield(nil, ErrStreamUsed)
			return
		}
		run(yield)
	}
}

// chunksOnce posts body, which asks for a stream, once and gives what comes.
func (c *Client) chunksOnce(ctx context.Context, path string, body any) iter.Seq2[*Chunk, error] {
	return once(func(yield func(*Chunk, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		req, err := c.request(ctx, http.MethodPost, path, typeStream, body)
		if err != nil {
			yield(nil, err)
			return
		}
		resp, err := c.stream(req)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		if readChunks(resp, yield) {
			finish(resp, cancel)
		}
	})
}

// finish waits a moment for the end of a body whose last event was read, only for
// the connection's sake.
func finish(resp *http.Response, cancel func()) {
	stop := time.AfterFunc(drainTime, cancel)
	defer stop.Stop()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10))
}

// openStream asks for a stream of events after a cursor; zero: from the beginning.
func (c *Client) openStream(ctx context.Context, path string, after int64) (*http.Response, error) {
	req, err := c.request(ctx, http.MethodGet, path, typeStream, nil)
	if err != nil {
		return nil, err
	}
	if after > 0 {
		req.Header.Set("Last-Event-ID", fmt.Sprint(after))
	}
	return c.stream(req)
}

// stream sends a request whose answer is a stream of events, or none.
func (c *Client) stream(req *http.Request) (*http.Response, error) {
	resp, err := c.do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusNoContent || contentType(resp) == typeStream {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, notAStream(resp)
}

// notAStream tells why there is no stream: the body may say it.
func notAStream(resp *http.Response) error {
	answer, err := readAnswer(resp)
	if err != nil {
		return err
	}
	if detail := failureIn(answer); detail != nil {
		return apiErrorFrom(resp, *detail)
	}
	return fmt.Errorf("tintype: the answer (%s) is not a stream", contentType(resp))
}

// readChunks yields each chunk of a stream and then the error, if any, that
// ended it. It tells whether the stream came to its proper end.
func readChunks(resp *http.Response, yield func(*Chunk, error) bool) bool {
	in := newSSEReader(resp.Body)
	for {
		event, err := in.next()
		if err != nil {
			yield(nil, brokenOff(err))
			return false
		}
		if string(event.data) == endOfStream {
			return true
		}
		chunk, err := decodeChunk(resp, event)
		if err != nil {
			yield(nil, err)
			return false
		}
		if !yield(chunk, nil) {
			return false
		}
	}
}

// brokenOff is the error of a stream that is no job's. An end that comes too early
// is not a good end.
func brokenOff(err error) error {
	if errors.Is(err, ErrTooLarge) {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &IncompleteError{Err: err}
}

// decodeChunk reads an event that is a chunk or a failure.
func decodeChunk(resp *http.Response, event sseEvent) (*Chunk, error) {
	if detail := failureIn(event.data); detail != nil {
		return nil, apiErrorFrom(resp, *detail)
	}
	chunk := new(Chunk)
	if err := json.Unmarshal(event.data, chunk); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	chunk.Seq, _ = event.seq()
	return chunk, nil
}
