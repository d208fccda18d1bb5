package server

import (
	"bytes"
	"encoding/json"
	"maps"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// lineBytes is what readers of streams take in a line: several stop at 64 KiB.
// pieceOfText is how much text, as JSON, one of the chunks may have into which
// a larger one is taken apart; the rest is for what stands around it.
const (
	lineBytes   = 64<<10 - 1
	pieceOfText = 48 << 10
)

// mostHeld is when chunks are sent though more have arrived already.
const mostHeld = 16 << 10

// chunkWriter writes chunks to a caller, several at once where it can.
type chunkWriter struct {
	server *Server
	c      echo.Context
	failed func() // ends the call at the upstream, for which nobody is left
	held   bytes.Buffer
	err    error // of the first write that failed; nothing is written after it
}

func (w *chunkWriter) add(chunk []byte) {
	for _, one := range splitChunk(chunk) {
		w.held.WriteString("data: ")
		w.held.Write(one)
		w.held.WriteString("\n\n")
	}
	if w.held.Len() >= mostHeld {
		w.flush()
	}
}

// flush sends what is held.
func (w *chunkWriter) flush() {
	if w.err == nil && w.held.Len() > 0 {
		if w.err = w.server.send(w.c, w.held.Bytes()); w.err != nil {
			w.failed()
		}
	}
	w.held.Reset()
}

// splitChunk takes a chunk apart that would not fit into a line. One that is
// large for other reasons than its text stays whole.
func splitChunk(chunk []byte) [][]byte {
	whole := [][]byte{chunk}
	if len("data: ")+len(chunk) < lineBytes {
		return whole
	}
	var c, choice, delta fields
	var choices []json.RawMessage
	if json.Unmarshal(chunk, &c) != nil || json.Unmarshal(c["choices"], &choices) != nil || len(choices) != 1 ||
		json.Unmarshal(choices[0], &choice) != nil || json.Unmarshal(choice["delta"], &delta) != nil {
		return whole
	}
	out, ok := splitDelta(c, choice, delta)
	if !ok {
		return whole
	}
	return out
}

// splitDelta gives the chunks that together say what delta does. The first has
// the role, the last has all that is not text.
func splitDelta(c, choice, delta fields) (out [][]byte, ok bool) {
	early := fields{"index": choice["index"], "finish_reason": json.RawMessage("null")}
	before := maps.Clone(c)
	delete(before, "usage")
	add := func(whole, choice, delta fields) bool {
		b, err := withDelta(whole, choice, delta)
		out = append(out, b)
		return err == nil
	}
	for _, name := range []string{"reasoning_content", "content"} {
		var text string
		if delta.missing(name) || json.Unmarshal(delta[name], &text) != nil {
			continue
		}
		pieces := splitText(text, pieceOfText)
		for _, piece := range pieces[:len(pieces)-1] {
			said := fields{name: quote(piece)}
			if role, has := delta["role"]; has && len(out) == 0 {
				said["role"] = role
			}
			if !add(before, early, said) {
				return nil, false
			}
		}
		delta[name] = quote(pieces[len(pieces)-1])
		if name == "reasoning_content" && len(pieces) > 1 && !delta.missing("content") {
			if !add(before, early, fields{name: delta[name]}) { // it comes before the answer, and not beside it
				return nil, false
			}
			delete(delta, name)
		}
	}
	if len(out) > 0 {
		delete(delta, "role")
	}
	return out, add(c, choice, delta) && len(out) > 1
}

// withDelta is the chunk c with another delta in its only choice.
func withDelta(c, choice, delta fields) ([]byte, error) {
	one := fields{}
	for name, value := range choice {
		if value != nil {
			one[name] = value
		}
	}
	var err error
	if one["delta"], err = encodeJSON(delta); err != nil {
		return nil, err
	}
	whole := maps.Clone(c)
	if whole["choices"], err = encodeJSON([]fields{one}); err != nil {
		return nil, err
	}
	return encodeJSON(whole)
}

func quote(s string) json.RawMessage {
	b, err := encodeJSON(s)
	if err != nil {
		return json.RawMessage(`""`) // a string: cannot fail
	}
	return b
}

// splitText cuts between two characters, so that no piece is over most bytes
// when it is written as JSON. It gives one piece at least.
func splitText(s string, most int) (pieces []string) {
	from, size := 0, 0
	for i, r := range s {
		n := jsonSize(r)
		if size+n > most {
			pieces = append(pieces, s[from:i])
			from, size = i, 0
		}
		size += n
	}
	return append(pieces, s[from:])
}

// jsonSize is how many bytes a character takes in JSON, at most.
func jsonSize(r rune) int {
	const escaped = len(`\u0000`)
	switch {
	case r == '"' || r == '\\':
		return 2
	case r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == utf8.RuneError:
		return escaped
	}
	return utf8.RuneLen(r)
}
