package ark

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// event is one event of a stream.
type event struct {
	after time.Duration // how long it takes after the one before
	name  string        // of the event: line; images have one, chat has none
	data  func() any    // called when it is time
}

// stream sends the events and [DONE], or what the faults make of them.
func (p *Protocol) stream(ctx context.Context, c *call, events []event) {
	c.streamed = true
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	c.w.WriteHeader(http.StatusOK)
	faults.Flush(c.w)
	for i, e := range events {
		if clock.Sleep(ctx, p.cfg.Clock, e.after) != nil {
			return
		}
		if 2*i >= len(events) && p.breakOff(c, e) {
			return
		}
		if !writeEvent(c.w, e.name, e.data()) {
			return
		}
	}
	_, err := c.w.Write([]byte("data: [DONE]\n\n"))
	c.whole = err == nil
}

// breakOff ends the stream early if a fault says so.
func (p *Protocol) breakOff(c *call, next event) bool {
	switch {
	case c.set.Has(faults.SSEError):
		name := ""
		if next.name != "" {
			name = "error"
		}
		writeEvent(c.w, name, envelope{Error: internalError().withID(c.requestID)})
		return true
	case c.set.Has(faults.SSEEOF):
		return true
	case c.set.Has(faults.Truncate):
		faults.Flush(c.w)
		panic(http.ErrAbortHandler)
	}
	return false
}

// writeEvent sends an event, whose data is always one line.
func writeEvent(w http.ResponseWriter, name string, data any) bool {
	var b bytes.Buffer
	if name != "" {
		b.WriteString("event: " + name + "\n")
	}
	text, err := json.Marshal(data)
	if err != nil {
		return false
	}
	b.WriteString("data: ")
	b.Write(text)
	b.WriteString("\n\n")
	_, err = w.Write(b.Bytes())
	faults.Flush(w)
	return err == nil
}
