package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// frame is one event of a stream as it came over the wire.
type frame struct {
	lines []string // without line ends
}

// field gives the value of a line "name: value", or "".
func (f frame) field(name string) string {
	for _, line := range f.lines {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return v
		}
	}
	return ""
}

// seq is the number in the event's id line; 0 without one.
func (f frame) seq() int64 {
	n, _ := strconv.ParseInt(f.field("id"), 10, 64)
	return n
}

func (f frame) object() (fields, error) { return answer{body: []byte(f.field("data"))}.object() }

// framesOf splits a stream into its events. What follows the last empty line
// is an event that was cut off, and is left out as every reader does.
func framesOf(body []byte) []frame {
	var out []frame
	for {
		event, rest, found := bytes.Cut(body, []byte("\n\n"))
		if !found {
			return out
		}
		out = append(out, frame{strings.Split(string(event), "\n")})
		body = rest
	}
}

// onlyLines finds lines of other kinds than those named.
func onlyLines(frames []frame, names ...string) (found []string) {
	for i, f := range frames {
		for _, line := range f.lines {
			known := false
			for _, name := range names {
				known = known || strings.HasPrefix(line, name+": ")
			}
			if !known {
				found = append(found, fmt.Sprintf("event %d has the line %q", i, line))
			}
		}
	}
	return found
}

// checkMediaStream holds a whole stream of a create call against B3.
func checkMediaStream(a answer, kind, model string) (found []string) {
	frames := framesOf(a.body)
	id := a.jobID()
	found = append(found, checkStreamHead(a)...)
	found = append(found, onlyLines(frames, "id", "data")...)
	if len(frames) < 6 || frames[len(frames)-1].field("data") != "[DONE]" || !bytes.HasSuffix(a.body, []byte("\n\n")) {
		return append(found, fmt.Sprintf("%d events, the last is %v", len(frames), frames[max(0, len(frames)-1):]))
	}
	empty := fields{"content": ""}
	last := len(frames) - 4
	for i, f := range frames[:len(frames)-1] {
		o, err := f.object()
		if err != nil {
			return append(found, fmt.Sprintf("event %d: %v", i, err))
		}
		var want fields
		switch {
		case i == 0:
			want = waitingChunk(id, model, fields{"role": "assistant", "content": ""})
		case i < last:
			want = waitingChunk(id, model, empty)
		case i == last:
			want = chunk(id, model, fields{"content": text}, nil)
		case i == last+1:
			want = chunk(id, model, linksDelta(kind), nil)
		default:
			want = chunk(id, model, fields{}, "stop")
		}
		found = append(found, like(fmt.Sprintf("event %d", i), o, want)...)
	}
	return append(found, checkOrder(frames)...)
}

func linksDelta(kind string) fields {
	if kind == "image" {
		return fields{"images": each(1, text)}
	}
	return fields{"videos": each(1, fields{"vid": text, "cover": text, "url": text})}
}

func checkStreamHead(a answer) (found []string) {
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache, no-transform",
		"X-Accel-Buffering": "no", "Content-Encoding": "",
	} {
		if got := a.header.Get(name); got != want {
			found = append(found, fmt.Sprintf("%s is %q, not %q", name, got, want))
		}
	}
	if a.status != 200 {
		found = append(found, fmt.Sprintf("status %d", a.status))
	}
	return found
}

// checkOrder: ids are 1, 2, 3…, on durable events only.
func checkOrder(frames []frame) (found []string) {
	next := int64(1)
	for i, f := range frames {
		n := f.seq()
		if n == 0 {
			continue
		}
		if n != next {
			found = append(found, fmt.Sprintf("event %d has the id %d, not %d", i, n, next))
		}
		next = n + 1
	}
	return found
}

// streamedAnswer puts together what a stream told, in the shape of a blocking
// answer, so that both are held against the same contract.
func streamedAnswer(a answer) answer {
	type message struct {
		Role    string       `json:"role"`
		Content string       `json:"content"`
		Images  []string     `json:"images,omitempty"`
		Videos  []videoLinks `json:"videos,omitempty"`
	}
	m := message{Role: "assistant"}
	for _, f := range framesOf(a.body) {
		var c struct{ Choices []struct{ Delta message } }
		if json.Unmarshal([]byte(f.field("data")), &c) != nil || len(c.Choices) == 0 {
			continue
		}
		d := c.Choices[0].Delta
		m.Content += d.Content
		m.Images, m.Videos = append(m.Images, d.Images...), append(m.Videos, d.Videos...)
	}
	out := a
	out.body = []byte(encode(fields{"choices": []any{fields{"message": m}}}))
	return out
}
