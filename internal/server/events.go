package server

import (
	"bytes"
	"context"
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// jobEvents serves GET /v1/jobs/{id}/events: a job's log for EventSource and
// for our own client.
func (s *Server) jobEvents(c echo.Context) error {
	j, err := s.findJob(c, ScopeRead)
	if err != nil {
		return err
	}
	from, err := readCursor(c)
	if err != nil {
		return err
	}
	leave, err := s.enter("stream", j.Tenant)
	if err != nil {
		return err
	}
	defer leave()
	return s.follow(c, j, from, s.events(c), true)
}

// eventDialect speaks of jobs: named events with the whole job in each.
type eventDialect struct {
	origin string
	place  func(*job.Job, *tintype.Job) // tells where a job waits now, and for how long; nil: nobody knows
}

func (s *Server) events(c echo.Context) *eventDialect {
	return &eventDialect{s.origin(c), func(j *job.Job, view *tintype.Job) {
		view.Queue = s.queueOf(c.Request().Context(), j)
		view.ETA = s.etaOf(c.Request().Context(), j, view.Queue)
	}}
}

var _ dialect = (*eventDialect)(nil)

// begin says how soon to come back after a lost connection.
func (d *eventDialect) begin(b *bytes.Buffer) { b.WriteString("retry: 2000\n\n") }

func (d *eventDialect) event(b *bytes.Buffer, then *job.Job, log []job.Event, i int) {
	e := log[i]
	view := viewJob(d.origin, then, log[:i+1])
	if i == len(log)-1 { // what was the place of a job earlier is not known any more
		d.tell(then, &view)
	}
	d.write(b, tintype.Event{Seq: e.Seq, Type: tintype.EventType(e.Type), Time: e.Time, Job: view})
}

func (d *eventDialect) gap(b *bytes.Buffer, j *job.Job, log []job.Event) {
	view := viewJob(d.origin, j, log)
	d.tell(j, &view)
	d.write(b, tintype.Event{Seq: j.Version, Type: tintype.EventGap, Time: lastChange(j, log), Job: view})
}

func (d *eventDialect) tell(j *job.Job, view *tintype.Job) {
	if d.place != nil {
		d.place(j, view)
	}
}

func (d *eventDialect) write(b *bytes.Buffer, e tintype.Event) {
	data, err := encodeJSON(e)
	if err != nil {
		return // a job that was read from JSON can be written as JSON
	}
	fmt.Fprintf(b, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Type, data)
}

// beat is a comment: EventSource passes over it.
func (d *eventDialect) beat(_ context.Context, b *bytes.Buffer, _ *job.Job) {
	b.WriteString(": still here\n\n")
}
