package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// Event is one event of a stream.
type Event struct {
	After time.Duration // how long it takes after the one before
	Name  string        // of the event: line; images have one, chat has none
	Data  func() any    // called when it is time
}

// Stream sends the events and [DONE], or what the faults make of them; failure is
// the error in the middle.
func (d *Desk) Stream(ctx context.Context, c *Call, events []Event, failure any) {
	c.Streamed = true
	h := c.W.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	c.W.WriteHeader(http.StatusOK)
	faults.Flush(c.W)
	for i, e := range events {
		if clock.Sleep(ctx, d.Clock, e.After) != nil {
			return
		}
		if 2*i >= len(events) && breakOff(c, e, failure) {
			return
		}
		if !writeEvent(c.W, e.Name, e.Data()) {
			return
		}
	}
	_, err := c.W.Write([]byte("data: [DONE]\n\n"))
	c.Whole = err == nil
}

// breakOff ends the stream early if a fault says so.
func breakOff(c *Call, next Event, failure any) bool {
	switch {
	case c.Set.Has(faults.SSEError):
		name := ""
		if next.Name != "" {
			name = "error"
		}
		writeEvent(c.W, name, failure)
		return true
	case c.Set.Has(faults.SSEEOF):
		return true
	case c.Set.Has(faults.Truncate):
		faults.Flush(c.W)
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
