package demo

import (
	"slices"
	"time"

	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// times are how long the stages of a work took. A stage that it did not have
// is nil.
type times struct {
	waiting, submit, generate, mirror, total *time.Duration
}

func known(d time.Duration) *time.Duration {
	d = max(0, d)
	return &d
}

// timesOf reads a finished job's timeline. Between the upstream's acceptance
// and the first stored file the log tells the upstream's phases and, last,
// that the media is ready. If it tells none, the upstream made the media within
// the submit call, and that was the generation.
func timesOf(job *tintype.Job) times {
	line := job.Timeline
	stored := slices.IndexFunc(line, func(m tintype.Moment) bool { return m.Event == tintype.EventMedia })
	admitted, submitted := moment(line, tintype.EventAdmitted), moment(line, tintype.EventSubmitted)
	if stored < 0 || admitted.IsZero() || submitted.IsZero() {
		return times{total: known(span(line))}
	}
	t := times{waiting: known(admitted.Sub(line[0].At)), total: known(span(line))}
	ready := line[stored-1].At // the event right before: progress, or the acceptance itself
	t.mirror = known(line[len(line)-1].At.Sub(ready))
	if line[stored-1].Event == tintype.EventSubmitted {
		t.generate = known(submitted.Sub(admitted))
	} else {
		t.submit, t.generate = known(submitted.Sub(admitted)), known(ready.Sub(submitted))
	}
	return t
}

// moment is when an event happened for the last time; zero: never.
func moment(line []tintype.Moment, event tintype.EventType) time.Time {
	var at time.Time
	for _, m := range line {
		if m.Event == event {
			at = m.At
		}
	}
	return at
}

func span(line []tintype.Moment) time.Duration {
	if len(line) == 0 {
		return 0
	}
	return line[len(line)-1].At.Sub(line[0].At)
}

// cell writes a time for a table.
func cell(d *time.Duration) string {
	if d == nil {
		return "–"
	}
	return terminal.Seconds(*d)
}
