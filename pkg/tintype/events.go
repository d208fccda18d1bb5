package tintype

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
)

// Events gives the log of a job from the event after a number on (zero: from
// the beginning), and goes on giving what happens until the job is final: this is
// how progress is followed. A connection that breaks is made anew where it broke,
// so that nothing is lost and nothing comes twice; between attempts it waits as
// long as the server wishes, at first 2 s, at most 30 s. One that brings nothing
// for a minute, not even a heartbeat, counts as broken. The sequence may be looped
// over again.
//
// An error is the last thing that the loop sees: an *APIError if the server
// refuses, an *IncompleteError, from whose Seq one can go on, if ctx ends, the
// first connection fails, or ten in a row do. A job that failed is no error
// here: its last event tells, and [Job.Err].
func (s *JobService) Events(ctx context.Context, id string, after int64) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		if id == "" {
			yield(nil, errNoJobID)
			return
		}
		f := s.eventFollower(id, after, func(e *Event) bool { return yield(e, nil) })
		if err := f.run(ctx); err != nil {
			yield(nil, err)
		}
	}
}

// follow reads a job's log until the job is final, as long as ctx allows, and
// gives it as it is then.
func (s *JobService) follow(ctx context.Context, job *Job) (*Job, error) {
	if job.Status.Final() {
		return job, nil
	}
	f := s.eventFollower(job.ID, 0, func(e *Event) bool {
		job = &e.Job
		return true
	})
	f.patient = true
	if err := f.run(ctx); err != nil {
		return nil, err
	}
	if job.Status.Final() {
		return job, nil
	}
	return s.Get(ctx, f.id)
}

// eventFollower gives a follower that tells each event, unless the caller has seen
// it. Tell answers whether the caller wants more.
func (s *JobService) eventFollower(id string, after int64, tell func(*Event) bool) *follower {
	f := &follower{id: id, seq: max(after, 0)}
	f.open = func(ctx context.Context) (*http.Response, error) {
		return s.client.openStream(ctx, pathJobs+"/"+url.PathEscape(id)+"/events", f.seq)
	}
	f.take = func(resp *http.Response, raw sseEvent) error { return f.takeEvent(resp, raw, tell) }
	return f
}

// takeEvent reads one event. Only events with an id are kept in the log and count.
func (f *follower) takeEvent(resp *http.Response, raw sseEvent, tell func(*Event) bool) error {
	if detail := failureIn(raw.data); detail != nil {
		return apiErrorFrom(resp, *detail)
	}
	seq, kept := raw.seq()
	gap := EventType(raw.name) == EventGap // the log may have lost its end: what it says counts
	if kept && seq <= f.seq && !gap {
		return nil
	}
	event := new(Event)
	if err := json.Unmarshal(raw.data, event); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	event.Type = cmp.Or(event.Type, EventType(raw.name))
	if kept {
		f.seq, f.final = seq, event.Job.Status.Final()
	}
	if !tell(event) {
		return errDone
	}
	return nil
}
