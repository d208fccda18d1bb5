// Package tasks carries the simulator's slow work, such as making a video,
// through its states:
//
//	queued → running → succeeded, failed, expired
//	   └───→ cancelled, expired
//
// Nothing runs while a task is under way. What has become of it is worked out
// from the clock whenever somebody looks, in the order in which it would have
// happened, so that thousands of running tasks cost nothing but memory.
package tasks

import "time"

// State is how far a task has come.
type State string

// The states.
const (
	Queued    State = "queued"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Expired   State = "expired"
	Cancelled State = "cancelled"
)

// Final tells whether a state never changes again.
func (s State) Final() bool {
	switch s {
	case Queued, Running:
		return false
	case Succeeded, Failed, Expired, Cancelled:
		return true
	}
	return false
}

// Spec is what a task is made of.
type Spec struct {
	Run     time.Duration // from its start to its end
	Hold    time.Duration // it looks queued for that long although it has a slot
	Fails   bool          // it ends as Failed
	Expires time.Duration // from its creation; not final by then means Expired
	Payload any           // for the protocol that made it; never changed

	// Added, if set, is called once the task has its id and cannot be refused
	// any more, before anybody else can see it. It must not block.
	Added func()

	// Cancelled, if set, is called when the task is cancelled, before anybody
	// can see it. It must not block.
	Cancelled func()

	// Changed, if set, is told of each change of state when it happens. It
	// must not block.
	Changed func(View)
}

// View is what can be seen of a task at a moment.
type View struct {
	ID      string
	State   State
	Created time.Time
	Updated time.Time // of the last change of state
	Started time.Time // zero before it runs
	Payload any
}

// task is guarded by the mutex of its line.
type task struct {
	Spec
	id      string
	line    *line
	state   State
	created time.Time
	updated time.Time
	started time.Time // when it leaves queued; may lie ahead
	end     time.Time // when it leaves running
	index   int       // in line.running, -1 outside of it
}

func (t *task) view(now time.Time) View {
	v := View{ID: t.id, State: t.state, Created: t.created, Updated: t.updated, Payload: t.Payload}
	if t.state == Running && now.Before(t.started) {
		v.State, v.Updated = Queued, t.created
		return v
	}
	if t.state != Queued {
		v.Started = t.started
	}
	return v
}

func (t *task) deadline() time.Time { return t.created.Add(t.Expires) }

// begin gives the task a slot at a moment.
func (t *task) begin(at time.Time) {
	t.state, t.started = Running, at.Add(t.Hold)
	t.updated = t.started
	t.end = t.started.Add(t.Run)
	if t.deadline().Before(t.end) {
		t.end = t.deadline()
	}
}

// finish ends the running task at its time.
func (t *task) finish() {
	switch {
	case !t.end.Before(t.deadline()):
		t.state = Expired
	case t.Fails:
		t.state = Failed
	default:
		t.state = Succeeded
	}
	t.updated = t.end
}

// byEnd is a heap of running tasks, the first to end on top.
type byEnd struct{ tasks []*task }

// Len is how many there are.
func (h *byEnd) Len() int { return len(h.tasks) }

// Less compares their ends.
func (h *byEnd) Less(i, j int) bool { return h.tasks[i].end.Before(h.tasks[j].end) }

// Swap swaps two, which know where they are.
func (h *byEnd) Swap(i, j int) {
	h.tasks[i], h.tasks[j] = h.tasks[j], h.tasks[i]
	h.tasks[i].index, h.tasks[j].index = i, j
}

// Push adds x, which is a *task.
func (h *byEnd) Push(x any) {
	t, _ := x.(*task)
	t.index = len(h.tasks)
	h.tasks = append(h.tasks, t)
}

// Pop removes the last.
func (h *byEnd) Pop() any {
	last := len(h.tasks) - 1
	t := h.tasks[last]
	h.tasks[last] = nil
	h.tasks, t.index = h.tasks[:last], -1
	return t
}
