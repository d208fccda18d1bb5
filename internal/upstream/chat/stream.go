package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/sse"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

const (
	// streamLineBytes is the longest event that is read.
	streamLineBytes = 4 << 20

	// drainTime is how long Close waits for the end of a finished answer, so
	// that the connection can be used again.
	drainTime = 50 * time.Millisecond
)

// stream is one streamed answer. It starts no goroutine: each chunk is read,
// rewritten and handed on by whoever calls Next.
type stream struct {
	client  *Client
	ctx     context.Context //nolint:containedctx // of the call whose answer this is; it ends with Close
	call    wire.Call
	watch   *wire.Watch
	body    *wire.Guarded
	events  *sse.Reader
	request upstream.ChatRequest
	model   []byte // the public name as a JSON string

	first    []byte // the chunk that ChatStream has waited for
	firstErr error
	hasFirst bool
	begun    bool // Next was called

	buf       []byte // of the chunk that was given out last
	last      object
	choices   int   // chunks with choices so far
	tokens    int64 // estimate of what was said so far
	finished  bool  // a finish_reason was seen
	usageSeen bool
	done      bool // [DONE] was read
	err       error
}

// Next implements [upstream.ChatStream].
func (s *stream) Next() ([]byte, error) {
	s.begun = true
	if s.hasFirst {
		s.hasFirst = false
		return s.first, s.firstErr
	}
	return s.read()
}

// BeforeWait implements [upstream.ChatStream].
func (s *stream) BeforeWait(f func()) { s.events.BeforeRead(f) }

func (s *stream) read() ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	for {
		chunk, err := s.event()
		if err != nil {
			s.err = err
			return nil, err
		}
		if chunk != nil {
			return chunk, nil
		}
	}
}

// event reads one event. It gives nil for one that the caller need not see.
func (s *stream) event() ([]byte, error) {
	if s.done {
		return nil, io.EOF
	}
	e, err := s.events.Next()
	if err != nil {
		return s.ended(err)
	}
	if string(e.Data) == "[DONE]" {
		s.done = true
		return s.closing()
	}
	if !json.Valid(e.Data) || bytes.TrimLeft(e.Data, " \t\n")[0] != '{' {
		return nil, broken(upstream.Unknown, wire.SaysGarbled, errors.New("a chunk that is no JSON object"))
	}
	return s.chunk(oneLine(e.Data))
}

// oneLine takes the line ends out of an event that had several lines of data.
func oneLine(data []byte) []byte {
	if bytes.IndexByte(data, '\n') < 0 {
		return data
	}
	var b bytes.Buffer
	_ = json.Compact(&b, data) // it is valid
	return b.Bytes()
}

// chunk makes OpenAI's chunk of the upstream's.
func (s *stream) chunk(raw []byte) ([]byte, error) {
	in := readChat(raw)
	if in.failed {
		return nil, s.failure(raw)
	}
	said, counted := rawjson.HasElement(in.choices), !rawjson.IsNull(in.usage)
	wanted := counted && s.request.IncludeUsage
	if !said && counted && !wanted {
		return nil, nil
	}
	o := s.begin(in)
	o.Key("choices")
	if writeChoices(o, in.choices) {
		s.finished = true
	}
	if wanted {
		o.Raw("usage", in.usage)
		s.usageSeen = true
	}
	if said {
		s.choices++
	}
	if s.request.IncludeUsage && !s.usageSeen {
		s.tokens += countChoices(in.choices)
	}
	return s.emit(o), nil
}

// begin starts a chunk in the buffer of the one before, and remembers the id and
// the time for a chunk that has none.
func (s *stream) begin(in object) *rawjson.Object {
	if rawjson.IsNull(in.id) {
		in.id = s.last.id
	} else {
		s.last.id = append(s.last.id[:0], in.id...)
	}
	if rawjson.IsNull(in.created) {
		in.created = s.last.created
	} else {
		s.last.created = append(s.last.created[:0], in.created...)
	}
	o := rawjson.Begin(s.buf)
	writeHead(o, in, "chat.completion.chunk", s.model, s.client.Now())
	return o
}

func (s *stream) emit(o *rawjson.Object) []byte {
	s.buf = o.Done()
	return s.buf
}

// closing ends a stream that the upstream has ended properly. Where usage was
// asked for and did not come, it is estimated.
func (s *stream) closing() ([]byte, error) {
	switch {
	case s.choices == 0:
		return nil, broken(upstream.Empty, wire.SaysEmpty, errors.New("a stream without choices"))
	case !s.request.IncludeUsage || s.usageSeen:
		return nil, io.EOF
	}
	s.usageSeen = true
	o := s.begin(object{})
	o.Raw("choices", []byte("[]"))
	writeUsage(o, CountMessages(s.request.Body["messages"]), s.tokens)
	return s.emit(o), nil
}

// ended is for a stream without [DONE]: whole if the model had finished, broken
// off if not.
func (s *stream) ended(err error) ([]byte, error) {
	end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case end && s.finished:
		s.done = true
		return s.closing()
	case errors.Is(err, sse.ErrTooLong):
		return nil, broken(upstream.Unknown, wire.SaysGarbled, err)
	case wire.IsTimeout(s.ctx, err):
		return nil, broken(upstream.Timeout, wire.SaysNoAnswer, err)
	}
	return nil, broken(upstream.Transient, wire.SaysBrokeOff, err)
}

// failure reads the upstream's error inside a stream.
func (s *stream) failure(raw []byte) error {
	if e := s.client.Inside(s.call, nil, raw); e != nil {
		if s.begun {
			e.Outcome = ""
		}
		return e
	}
	return broken(upstream.Unknown, wire.SaysGarbled, errors.New("an error without a code"))
}

func broken(class upstream.Class, message string, cause error) *upstream.Error {
	return &upstream.Error{Class: class, Fault: fault.New(fault.Upstream, message), Cause: wire.Unexpected(cause)}
}

// Close implements [upstream.ChatStream].
func (s *stream) Close() error {
	if s.done {
		s.watch.Within(drainTime)
		_, _ = io.CopyN(io.Discard, s.body.ReadCloser, wire.SmallAnswer)
	} else {
		s.watch.Stop() // ends the call at the upstream
	}
	err := s.body.Close()
	s.watch.Stop()
	return err
}
