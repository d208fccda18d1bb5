package tintype

import (
	"io"
	"time"
)

// SSEEvent is an event as the parser gives it.
type SSEEvent struct {
	Name, ID string
	Kept     bool
	Data     string
}

// ParseSSE reads a stream to its end, which is a nil error.
func ParseSSE(r io.Reader) (events []SSEEvent, retry time.Duration, err error) {
	in := newSSEReader(r)
	for {
		e, err := in.next()
		if err == io.EOF { //nolint:errorlint // the parser's own promise: a bare io.EOF
			return events, in.retry, nil
		}
		if err != nil {
			return events, in.retry, err
		}
		events = append(events, SSEEvent{e.name, e.id, e.kept, string(e.data)})
	}
}
