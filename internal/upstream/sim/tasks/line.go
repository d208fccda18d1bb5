package tasks

import (
	"container/heap"
	"slices"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/accounts"
	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
)

// line is the work of one account.
type line struct {
	holder *accounts.Holder
	clock  clock.Clock
	load   func(at time.Time, inFlight, running int)

	mu      sync.Mutex
	running byEnd
	queue   []*task // those that wait for a slot, first come first served
	inline  int     // calls that wait for their result on the connection
	watched int     // tasks with Changed set that are not final
	stop    func() bool
	closed  bool
}

// now brings the line up to the present and returns that.
func (l *line) now() time.Time {
	now := l.clock.Now()
	for l.running.Len() > 0 && !l.running.tasks[0].end.After(now) {
		t := l.take(0)
		t.finish()
		l.told(t)
		l.fill(t.updated)
	}
	return now
}

// take removes a task from its slot.
func (l *line) take(i int) *task {
	t, _ := heap.Remove(&l.running, i).(*task)
	return t
}

// fill gives free slots to those who wait, at a moment.
func (l *line) fill(at time.Time) {
	for len(l.queue) > 0 && l.hasSlot() {
		t := l.queue[0]
		l.queue = l.queue[1:]
		if !t.deadline().After(at) {
			l.expire(t)
			continue
		}
		t.begin(at)
		heap.Push(&l.running, t)
		if t.Hold == 0 { // else nobody can see yet that it runs
			l.told(t)
		}
	}
	l.load(at, l.inFlight(), l.running.Len())
}

func (l *line) hasSlot() bool {
	return l.holder.MaxRunning < 0 || l.running.Len() < l.holder.MaxRunning
}

func (l *line) inFlight() int { return l.running.Len() + len(l.queue) + l.inline }

// expire ends a task that waited too long.
func (l *line) expire(t *task) {
	t.state, t.updated = Expired, t.deadline()
	l.told(t)
}

// expireWaiting ends a task that waits, if it has waited too long.
func (l *line) expireWaiting(t *task, now time.Time) {
	if t.state != Queued || t.deadline().After(now) {
		return
	}
	l.unqueue(t)
	l.expire(t)
	l.load(now, l.inFlight(), l.running.Len())
}

func (l *line) unqueue(t *task) {
	if i := slices.Index(l.queue, t); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
	}
}

// told tells whoever watches t that its state has changed.
func (l *line) told(t *task) {
	if t.Changed == nil {
		return
	}
	t.Changed(t.view(t.updated))
	if t.state.Final() {
		l.watched--
	}
}

// arm sets a timer for the next change if somebody watches.
func (l *line) arm() {
	if l.stop != nil {
		l.stop()
		l.stop = nil
	}
	if l.watched == 0 || l.running.Len() == 0 || l.closed {
		return
	}
	l.stop = l.clock.AfterFunc(l.running.tasks[0].end.Sub(l.clock.Now()), func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.now()
		l.arm()
	})
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.arm()
}
