package ark

import (
	"errors"
	"fmt"
	"time"

	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// clocksApart is how far the clock that a job's id was made by may be ahead of
// the upstream's: also that of a machine that takes local time for UTC.
const clocksApart = 24 * time.Hour

// search goes through the pages of a list for the task with a mark.
type search struct {
	mark   string
	family func(model string) Family // empty: not known
	model  Family
	since  int64 // Unix seconds; what was created before cannot be it. Zero: not known

	over  bool // enough was seen
	seen  map[string]bool
	pages int
	total float64 // of the list when the search began

	sorted bool  // so far, each task was as old as the one before it or older
	last   int64 // when the last one was created

	found   listedTask
	unnamed string // a task that could be the one, but carries no mark
}

func (d *Driver) newSearch(s upstream.Submission) *search {
	l := &search{mark: wire.Attempt(s), seen: map[string]bool{}, sorted: true, family: func(model string) Family {
		p, _ := d.lookup(model)
		return p.Family
	}}
	l.model = l.family(s.Spec.UpstreamModel)
	if at, ok := s.Job.Time(); ok {
		l.since = at.Add(-clocksApart).Unix()
	}
	return l
}

// read takes in the next page.
func (l *search) read(list taskList) *upstream.Error {
	if l.pages++; l.pages == 1 {
		l.total = *list.Total
	}
	for _, t := range list.Items {
		if t.ID == "" {
			return unlearned(errors.New("a task without an id in the list"))
		}
		l.look(t)
	}
	// A page may hold fewer than were asked for, if the upstream thinks so; only
	// the whole count says that it was the last. New tasks do not disturb that:
	// what was there at the beginning is counted once, on whatever page it is.
	whole := float64(len(l.seen)) >= l.total && len(list.Items) < listPageSize
	ended := len(list.Items) == 0
	switch {
	case whole, l.found.ID != "" && (ended || l.past()):
		l.over = true
	case ended:
		return unlearned(fmt.Errorf("the list ends after %d of %.0f tasks", len(l.seen), l.total))
	}
	return nil
}

// past tells whether all that follows is probably too old. The order of the
// list is not documented; that it has looked like newest first so far is enough
// to end the search for one that is older still, but proves no absence.
func (l *search) past() bool {
	return l.sorted && l.last < l.since
}

func (l *search) look(t listedTask) {
	created := int64(t.CreatedAt)
	l.sorted = l.sorted && created > 0 && (len(l.seen) == 0 || created <= l.last)
	l.seen[t.ID], l.last = true, created
	switch {
	case t.Mark == l.mark:
		l.take(t)
	case t.Mark == "" && l.couldBe(t):
		l.unnamed = t.ID
	}
}

// take keeps the oldest.
func (l *search) take(t listedTask) {
	if l.found.ID == "" || t.CreatedAt < l.found.CreatedAt || t.CreatedAt == l.found.CreatedAt && t.ID < l.found.ID {
		l.found = t
	}
}

// couldBe tells whether a task without a mark might be the one, had the upstream
// dropped its mark: it is young enough, and not known to be of another family.
func (l *search) couldBe(t listedTask) bool {
	family := l.family(t.Model)
	return (t.CreatedAt == 0 || int64(t.CreatedAt) >= l.since) && (family == "" || family == l.model)
}

// result is what the pages have told.
func (l *search) result() (string, *upstream.Error) {
	switch {
	case l.found.ID != "":
		return l.found.ID, nil
	case !l.over:
		return "", unlearned(fmt.Errorf("the first %d of %.0f tasks do not hold it", len(l.seen), l.total))
	case l.unnamed != "":
		return "", unlearned(fmt.Errorf("task %q carries no mark and could be the one", wire.Cut(l.unnamed, 100)))
	}
	return "", nil
}
