package job

import (
	"time"

	"github.com/tintypehq/tintype/internal/fault"
)

// EventType names what happened to a job, in the words of the API.
type EventType string

// The types of events. A job's log begins with EventQueued and ends with one
// of EventSucceeded, EventFailed and EventCanceled, but that a failed job may
// still be recovered by media that came late.
const (
	EventQueued    EventType = "job.queued"
	EventAdmitted  EventType = "job.admitted"  // a slot is held
	EventSubmitted EventType = "job.submitted" // the upstream accepted
	EventProgress  EventType = "job.progress"  // a phase changed
	EventMedia     EventType = "job.media"     // one file is stored
	EventSucceeded EventType = "job.succeeded"
	EventFailed    EventType = "job.failed"
	EventCanceled  EventType = "job.canceled"
	EventRecovered EventType = "job.recovered"
)

// Event is one entry of a job's log.
type Event struct {
	Seq   int64 // from 1, without gaps; the SSE id and the poll cursor
	Type  EventType
	Time  time.Time // UTC, by the store's clock
	State State     // after the event
	Phase Phase     // after the event

	Media   *Media       // of EventMedia
	Failure *fault.Error // of EventFailed
}

// At gives the job as it was right after the last of the events, which are the
// beginning of its log. The parts that never change come from j.
func (j *Job) At(events []Event) *Job {
	past := *j
	past.Media, past.Failure, past.Recovered = nil, nil, false
	past.SubmittedAt, past.FinishedAt = time.Time{}, time.Time{}
	for _, e := range events {
		past.Version, past.State, past.Phase = e.Seq, e.State, e.Phase
		switch e.Type {
		case EventSubmitted:
			past.SubmittedAt = e.Time
		case EventMedia:
			if e.Media != nil {
				past.Media = append(past.Media, *e.Media)
			}
		case EventFailed:
			past.Failure, past.FinishedAt = e.Failure, e.Time
		case EventSucceeded, EventRecovered:
			past.Failure, past.FinishedAt, past.Recovered = nil, e.Time, e.Type == EventRecovered
		case EventCanceled:
			past.FinishedAt = e.Time
		case EventQueued, EventAdmitted, EventProgress:
		}
	}
	past.Cancel = j.cancelAt(events)
	return &past
}

// cancelAt is the wish to cancel as far as it stood after the last of the events:
// not yet, without an outcome, or as the record has it.
func (j *Job) cancelAt(events []Event) *Cancel {
	if j.Cancel == nil || len(events) == 0 {
		return nil
	}
	switch last := events[len(events)-1]; {
	case last.Seq >= j.Version || last.State.Final():
		return j.Cancel
	case last.Time.Before(j.Cancel.RequestedAt):
		return nil
	}
	return &Cancel{RequestedAt: j.Cancel.RequestedAt}
}

// Progress is how far a job has come in percent: milestones, not an estimate
// of time. 100 only once it has succeeded.
func (j *Job) Progress() int {
	switch j.State {
	case Queued:
		return 0
	case Submitting:
		return 5
	case Running:
		if j.Phase == PhaseGenerating {
			return 30
		}
		return 10
	case Mirroring:
		return 90
	case Succeeded:
		return 100
	case Failed, Canceled:
	}
	return 0
}
