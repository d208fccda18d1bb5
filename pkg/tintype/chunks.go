package tintype

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
)

// chunks places the order as a stream and gives what comes.
func (o *order) chunks(ctx context.Context) iter.Seq2[*Chunk, error] {
	return once(func(yield func(*Chunk, error) bool) {
		o.begin()
		r := &chunkReader{order: o, yield: yield}
		r.follower = &follower{open: r.open, take: r.take, uploads: true}
		err := r.run(ctx)
		if e, ok := errors.AsType[*IncompleteError](err); ok && !r.opened {
			err = e.Err // nothing has begun that could have broken off
		}
		if err != nil {
			yield(nil, o.verdict(ctx, err))
		}
	})
}

// chunkReader reads a job's log in the dialect of chunks: the first time from the
// answer to the order, then by the job's id, or again by the order if the key may
// not read jobs.
type chunkReader struct {
	*follower
	order *order
	yield func(*Chunk, error) bool

	// held are chunks without a number that belong to the numbered one that is still
	// to come. If the connection breaks before that, the server tells them again.
	held []*Chunk

	fromStart bool // the connection at hand tells the log from its beginning
	writeOnly bool // the key may not read jobs
}

func (r *chunkReader) open(ctx context.Context) (resp *http.Response, err error) {
	r.held = nil
	if r.id != "" && !r.writeOnly {
		r.fromStart = false
		resp, err := r.order.client.openStream(ctx, r.order.path+"/"+url.PathEscape(r.id)+"/events", r.seq)
		if !isForbidden(err) {
			return resp, err
		}
		r.writeOnly = true
	}
	r.fromStart = true
	err = r.order.tries.persist(ctx, func() error {
		req, err := r.order.client.request(ctx, http.MethodPost, r.order.path, typeStream, r.order.body)
		if err == nil {
			resp, err = r.order.client.stream(req) //nolint:bodyclose // the follower closes it
		}
		return err
	})
	if id := livesOn(err); id != "" && !r.writeOnly {
		r.id, r.order.jobID, r.uploads, r.opened = id, id, false, true // it goes on by the id
	}
	if err != nil {
		return nil, err
	}
	r.order.note(resp)
	r.id, r.uploads = r.order.jobID, r.writeOnly || r.order.jobID == ""
	return resp, nil
}

// take gives a chunk to the caller unless it has seen it.
func (r *chunkReader) take(resp *http.Response, raw sseEvent) error {
	if string(raw.data) == endOfStream {
		if !r.flush() {
			return errDone
		}
		finish(resp, func() { _ = resp.Body.Close() })
		return errDone
	}
	chunk, err := decodeChunk(resp, raw)
	if err != nil {
		if e, ok := errors.AsType[*APIError](err); ok {
			e.JobID = cmp.Or(e.JobID, r.id)
		}
		return r.order.replayedIn(err)
	}
	if chunk.Seq == 0 && chunk.Progress == nil {
		r.held = append(r.held, chunk)
		return nil
	}
	if chunk.Seq > 0 { // only the events of a job are numbered
		if r.fromStart && chunk.Seq <= r.seq {
			r.held = nil
			return nil
		}
		r.seq, r.final = chunk.Seq, stops(chunk)
		r.id = cmp.Or(r.id, chunk.ID)
		r.order.jobID = r.id
	}
	if !r.flush() || !r.yield(chunk, nil) {
		return errDone
	}
	return nil
}

// flush gives the caller what was held back.
func (r *chunkReader) flush() bool {
	for _, chunk := range r.held {
		if !r.yield(chunk, nil) {
			return false
		}
	}
	r.held = nil
	return true
}

// stops tells whether a chunk is a stream's last.
func stops(c *Chunk) bool {
	for i := range c.Choices {
		if c.Choices[i].FinishReason != nil {
			return true
		}
	}
	return false
}
