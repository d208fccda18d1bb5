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

// chunks posts body, which asks for a stream, once and gives what comes.
func (c *Client) chunks(ctx context.Context, path string, body any) iter.Seq2[*Chunk, error] {
	var used atomic.Bool
	return func(yield func(*Chunk, error) bool) {
		if used.Swap(true) {
			yield(nil, ErrStreamUsed)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		resp, err := c.openStream(ctx, http.MethodPost, path, body, 0)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		if !readChunks(resp, yield) {
			return
		}
		stop := time.AfterFunc(drainTime, cancel)
		defer stop.Stop()
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // only for the connection's sake
	}
}

// openStream sends a request whose answer is a stream of events after a cursor;
// zero: from the beginning.
func (c *Client) openStream(ctx context.Context, method, path string, body any, after int64) (*http.Response, error) {
	req, err := c.request(ctx, method, path, typeStream, body)
	if err != nil {
		return nil, err
	}
	if after > 0 {
		req.Header.Set("Last-Event-ID", fmt.Sprint(after))
	}
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
	broken := &IncompleteError{JobID: resp.Header.Get(headerJobID)}
	for {
		event, err := in.next()
		if err != nil {
			yield(nil, broken.because(err))
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
		if chunk.Seq > 0 { // only the events of a job are numbered
			broken.JobID, broken.Seq = chunk.ID, chunk.Seq
		}
		if !yield(chunk, nil) {
			return false
		}
	}
}

// because gives e its cause. An end that comes too early is not a good end.
func (e *IncompleteError) because(err error) error {
	if errors.Is(err, ErrTooLarge) {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	e.Err = err
	return e
}

// decodeChunk reads an event that is a chunk or a failure.
func decodeChunk(resp *http.Response, event sseEvent) (*Chunk, error) {
	if detail := failureIn(event.data); detail != nil {
		return nil, apiErrorFrom(resp, *detail)
	}
	chunk := new(Chunk)
	if err := json.Unmarshal(event.data, chunk); err != nil {
		return nil, fmt.Errorf("tintype: an event of the stream is not the API's: %w", err)
	}
	chunk.Seq, _ = event.seq()
	return chunk, nil
}
