package doubaoweb

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// frame is one event of a stream: with a name, or with a number and its data as
// JSON in a string.
type frame struct {
	after time.Duration // how long it takes after the one before
	name  string
	event int
	data  any
	make  func() frame // makes the rest when it is time; may be nil
}

func (f frame) bytes(n int) []byte {
	if f.make != nil {
		f = f.make()
	}
	data := text(f.data)
	id := strconv.Itoa(n)
	if f.name == "" {
		return []byte("data: " + text(object{"event_data": data, "event_id": id, "event_type": f.event}) + "\n\n")
	}
	return []byte("id: " + id + "\nevent: " + f.name + "\ndata: " + data + "\n\n")
}

// text is the JSON of a value.
func text(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "null"
	}
	return string(bytes.TrimSpace(b.Bytes()))
}

// stream sends frames, or what the faults make of them.
func (p *Protocol) stream(ctx context.Context, c *desk.Call, frames []frame, failure frame) {
	c.Streamed = true
	h := c.W.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	c.W.WriteHeader(http.StatusOK)
	faults.Flush(c.W)
	if c.Set.Has(faults.WebOneWrite) {
		p.together(ctx, c, frames)
		return
	}
	for i, f := range frames {
		if clock.Sleep(ctx, p.desk.Clock, f.after) != nil {
			return
		}
		if 2*i >= len(frames) && c.Set.Has(faults.SSEError) {
			write(c, failure.bytes(i))
			return
		}
		if 2*i >= len(frames) && c.Set.Has(faults.SSEEOF) {
			return
		}
		if !write(c, f.bytes(i)) {
			return
		}
	}
	c.Whole = true
}

// together sends all frames at once, when the last is due.
func (p *Protocol) together(ctx context.Context, c *desk.Call, frames []frame) {
	var all []byte
	var wait time.Duration
	for i, f := range frames {
		all = append(all, f.bytes(i)...)
		wait += f.after
	}
	if clock.Sleep(ctx, p.desk.Clock, wait) == nil {
		c.Whole = write(c, all)
	}
}

// write sends bytes: one by one, if the faults say so.
func write(c *desk.Call, b []byte) bool {
	step := len(b)
	if c.Set.Has(faults.WebSplit) {
		step = 1
	}
	for len(b) > 0 {
		n := min(step, len(b))
		if _, err := c.W.Write(b[:n]); err != nil { //nolint:gosec // G705: events of a stream, which no browser takes for a page
			return false
		}
		b = b[n:]
		faults.Flush(c.W)
	}
	return true
}
