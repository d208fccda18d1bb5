package doubaoweb

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/chat"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/sse"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// drainTime is how long Close waits for the end of a finished answer, so that the
// connection can be used again.
const drainTime = 50 * time.Millisecond

// stream is one chat's answer. It starts no goroutine: each piece is read and
// rewritten by whoever calls Next.
type stream struct {
	driver  *Driver
	ctx     context.Context //nolint:containedctx // of the call whose answer this is; it ends with Close
	call    wire.Call
	watch   *wire.Watch
	body    *wire.Guarded
	events  *sse.Reader
	decoder *decoder

	id      string
	created int64
	model   []byte // the public name as a JSON string
	usage   bool   // it was asked for
	asked   int64  // estimate of the request's tokens

	first    *piece // the words that ChatStream has waited for
	pending  []piece
	frames   int
	spoken   bool // something was said or thought
	begun    bool // a chunk was given out
	finished bool // the answer is whole
	over     bool // nothing more is to be read
	stage    int  // of the end: the finish, the usage, nothing
	tokens   int64
	buf      []byte
	err      error
}

// next gives the next words, or the end, as a piece of kind ended.
func (s *stream) next() (piece, *upstream.Error) {
	if s.first != nil {
		p := *s.first
		s.first = nil
		return p, nil
	}
	for {
		if s.over {
			return s.end()
		}
		if len(s.pending) == 0 {
			if failure := s.fill(); failure != nil {
				return piece{}, failure
			}
			continue
		}
		p := s.pending[0]
		s.pending = s.pending[1:]
		switch p.kind {
		case said, thought:
			s.spoken = true
			s.tokens += chat.CountText([]byte(p.text))
			return p, nil
		case ended:
			s.finished, s.over = true, true
		case finished:
			s.finished = true
		case failed:
			e := s.driver.profile.failure(InFrame, p.code, p.text)
			if !s.spoken {
				e.Outcome = upstream.Rejected
			}
			return piece{}, e
		case garbled:
			return piece{}, &upstream.Error{Class: upstream.Unknown, Fault: faultOf(upstream.Unknown), Cause: errors.New("a frame that is no JSON")}
		case ids, retold, creation:
		}
	}
}

// fill reads a frame.
func (s *stream) fill() *upstream.Error {
	e, err := s.events.Next()
	switch {
	case err == nil:
		s.frames++
		s.pending = s.decoder.decode(e)
		return nil
	case s.finished:
		s.over = true // some streams have no last frame, and nothing in it is wanted
		return nil
	}
	return s.brokenOff(err)
}

// end is the end of an answer, which is an error if nothing was said in it.
func (s *stream) end() (piece, *upstream.Error) {
	if !s.spoken {
		return piece{}, &upstream.Error{Class: upstream.Empty, Fault: faultOf(upstream.Empty), Cause: errors.New("a whole answer without words")}
	}
	return piece{kind: ended}, nil
}

// Next implements [upstream.ChatStream].
func (s *stream) Next() ([]byte, error) {
	if s.err != nil {
		return nil, s.err
	}
	if s.stage > 0 {
		return s.last()
	}
	p, failure := s.next()
	switch {
	case failure != nil:
		failure.Outcome = ""
		s.err = failure
		return nil, failure
	case p.kind == ended:
		s.stage = 1
		return s.chunk("", "", "stop"), nil
	case p.kind == thought:
		return s.chunk("reasoning_content", p.text, ""), nil
	}
	return s.chunk("content", p.text, ""), nil
}

// last gives the usage, if it was asked for, and then the end.
func (s *stream) last() ([]byte, error) {
	if s.stage == 1 && s.usage {
		s.stage = 2
		o := s.begin("chat.completion.chunk")
		o.Raw("choices", []byte("[]"))
		s.writeUsage(o)
		s.buf = o.Done()
		return s.buf, nil
	}
	s.err = io.EOF
	return nil, io.EOF
}

func (s *stream) begin(object string) *rawjson.Object {
	o := rawjson.Begin(s.buf)
	o.Str("id", s.id)
	o.Str("object", object)
	o.Int("created", s.created)
	o.Raw("model", s.model)
	return o
}

// chunk writes one piece of the answer; the first one tells the role.
func (s *stream) chunk(field, text, finish string) []byte {
	delta := rawjson.NewObject(len(text) + 64)
	if !s.begun {
		delta.Str("role", "assistant")
		s.begun = true
	}
	if field != "" {
		delta.Str(field, text)
	}
	choice := rawjson.NewObject(len(text) + 128)
	choice.Int("index", 0)
	choice.Raw("delta", delta.Done())
	if finish == "" {
		choice.Raw("finish_reason", []byte("null"))
	} else {
		choice.Str("finish_reason", finish)
	}
	o := s.begin("chat.completion.chunk")
	o.Key("choices").Text("[")
	o.Buf = append(append(o.Buf, choice.Done()...), ']')
	s.buf = o.Done()
	return s.buf
}

// whole writes the answer in one object.
func (s *stream) whole(text, reasoning string) upstream.ChatAnswer {
	said := rawjson.NewObject(len(text) + len(reasoning) + 64)
	said.Str("role", "assistant")
	said.Str("content", text)
	if reasoning != "" {
		said.Str("reasoning_content", reasoning)
	}
	choice := rawjson.NewObject(len(text) + len(reasoning) + 128)
	choice.Int("index", 0)
	choice.Raw("message", said.Done())
	choice.Str("finish_reason", "stop")
	o := s.begin("chat.completion")
	o.Key("choices").Text("[")
	o.Buf = append(append(o.Buf, choice.Done()...), ']')
	s.writeUsage(o)
	return upstream.ChatAnswer{Body: json.RawMessage(o.Done())}
}

func (s *stream) writeUsage(o *rawjson.Object) {
	tokens := max(s.tokens, 1)
	o.Key("usage").Text("{")
	o.Int("prompt_tokens", s.asked)
	o.Int("completion_tokens", tokens)
	o.Int("total_tokens", s.asked+tokens)
	o.Text("}")
}

// BeforeWait implements [upstream.ChatStream].
func (s *stream) BeforeWait(f func()) { s.events.BeforeRead(f) }

// Close implements [upstream.ChatStream].
func (s *stream) Close() error {
	if s.over {
		s.watch.Within(drainTime)
		_, _ = io.CopyN(io.Discard, s.body.ReadCloser, wire.SmallAnswer)
	} else {
		s.watch.Stop() // ends the call at the upstream
	}
	err := s.body.Close()
	s.watch.Stop()
	return err
}
