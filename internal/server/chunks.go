package server

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// endOfChunks is the last line of every stream of chunks.
const endOfChunks = "data: [DONE]\n\n"

// jobChunks serves GET /v1/images/generations/{id}/events and the video twin:
// the stream of a create call, for whoever lost it.
func (s *Server) jobChunks(kind job.Kind) echo.HandlerFunc {
	return func(c echo.Context) error {
		j, err := s.findJob(c, ScopeRead)
		switch {
		case err != nil:
			return err
		case j.Spec.Kind != kind:
			c.Response().Header().Del(headerJobID)
			return errNoJob()
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
		return s.follow(c, j, from, s.chunks(c), true)
	}
}

// streamChunks answers a create call with "stream": true.
func (s *Server) streamChunks(c echo.Context, j *job.Job) error {
	return s.follow(c, j, cursor{}, s.chunks(c), false)
}

// chunkDialect tells a job as a chat that is being written, for readers that
// know chats: chat.completion.chunk objects and nothing else.
type chunkDialect struct {
	origin string
	queue  func(context.Context, *job.Job) *tintype.Queue
	eta    func(context.Context, *job.Job, *tintype.Queue) *tintype.ETA
}

var _ dialect = (*chunkDialect)(nil)

func (s *Server) chunks(c echo.Context) *chunkDialect {
	return &chunkDialect{origin: s.origin(c), queue: s.queueOf, eta: s.etaOf}
}

// begin is empty: the first event is there at once.
func (d *chunkDialect) begin(*bytes.Buffer) {}

func (d *chunkDialect) event(b *bytes.Buffer, then *job.Job, log []job.Event, i int) {
	e := log[i]
	if then.State == job.Failed || then.State == job.Canceled {
		// Behind the end there may be files, and late media may make it good: this
		// dialect has one end only, and tells it last.
		if i == len(log)-1 {
			d.failure(b, e.Seq, then)
		}
		return
	}
	switch e.Type {
	case job.EventQueued:
		empty := ""
		d.write(b, e.Seq, then, tintype.Delta{Role: "assistant", Content: &empty}, "", progressOf(then, nil))
	case job.EventAdmitted, job.EventSubmitted, job.EventProgress, job.EventMedia:
		d.progress(b, e.Seq, then, progressOf(then, nil))
	case job.EventSucceeded, job.EventRecovered:
		d.result(b, e.Seq, then)
	case job.EventFailed, job.EventCanceled: // told above
	}
}

// gap tells the state in one event: progress, or the whole end.
func (d *chunkDialect) gap(b *bytes.Buffer, j *job.Job, _ []job.Event) {
	switch j.State {
	case job.Succeeded:
		d.result(b, j.Version, j)
	case job.Failed, job.Canceled:
		d.failure(b, j.Version, j)
	case job.Queued, job.Submitting, job.Running, job.Mirroring:
		d.progress(b, j.Version, j, progressOf(j, nil))
	}
}

// beat is a chunk without text: a comment breaks some readers of chunks.
func (d *chunkDialect) beat(ctx context.Context, b *bytes.Buffer, j *job.Job) {
	q := d.queue(ctx, j)
	p := progressOf(j, q)
	p.ETASeconds = secondsTo(d.eta(ctx, j, q))
	d.progress(b, 0, j, p)
}

func (d *chunkDialect) progress(b *bytes.Buffer, seq int64, j *job.Job, p *tintype.Progress) {
	empty := ""
	d.write(b, seq, j, tintype.Delta{Content: &empty}, "", p)
}

// result tells the end: the text, the links in a chunk of their own, since some
// readers drop the text of a chunk that has images, and the stop. All three are
// one event of the log: the last one carries its number, so that a reader that
// was cut off in between gets them again.
func (d *chunkDialect) result(b *bytes.Buffer, seq int64, j *job.Job) {
	r := resultOf(d.origin, j)
	text := r.markdown()
	d.write(b, 0, j, tintype.Delta{Content: &text}, "", nil)
	d.write(b, 0, j, tintype.Delta{Images: r.images, Videos: r.videos}, "", nil)
	d.write(b, seq, j, tintype.Delta{}, "stop", nil)
	b.WriteString(endOfChunks)
}

// failure is an error alone: with choices beside it some readers see success.
func (d *chunkDialect) failure(b *bytes.Buffer, seq int64, j *job.Job) {
	fmt.Fprintf(b, "id: %d\n", seq)
	writeErrorEvent(b, toFault(failureOf(j)), j.ID)
}

// writeErrorEvent ends a stream of chunks with an error.
func writeErrorEvent(b *bytes.Buffer, f *fault.Error, id job.ID) {
	data, err := encodeJSON(errorBody(f, id))
	if err != nil {
		return // strings alone: cannot fail
	}
	fmt.Fprintf(b, "data: %s\n\n%s", data, endOfChunks)
}

func (d *chunkDialect) write(b *bytes.Buffer, seq int64, j *job.Job, delta tintype.Delta, finish string, p *tintype.Progress) {
	choice := tintype.ChunkChoice{Delta: delta}
	if finish != "" {
		choice.FinishReason = &finish
	}
	data, err := encodeJSON(tintype.Chunk{
		ID: string(j.ID), Object: tintype.ObjectChunk, Created: j.CreatedAt.Unix(), Model: j.Spec.Model,
		Choices: []tintype.ChunkChoice{choice}, Progress: p,
	})
	if err != nil {
		return // strings and numbers alone: cannot fail
	}
	if seq > 0 {
		fmt.Fprintf(b, "id: %d\n", seq)
	}
	fmt.Fprintf(b, "data: %s\n\n", data)
}

func progressOf(j *job.Job, q *tintype.Queue) *tintype.Progress {
	p := &tintype.Progress{Phase: phaseWord(j), Percent: j.Progress()}
	if q != nil {
		p.Position = &q.Position
	}
	return p
}

// lastChange is when a job last changed, as far as that is known.
func lastChange(j *job.Job, log []job.Event) time.Time {
	switch {
	case len(log) > 0:
		return log[len(log)-1].Time
	case !j.FinishedAt.IsZero():
		return j.FinishedAt
	}
	return j.CreatedAt
}
