package tasks

import (
	"container/heap"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/accounts"
	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

// What a board may answer.
var (
	ErrQueueFull = errors.New("too many tasks wait")
	ErrNotFound  = errors.New("no such task")
	ErrRunning   = errors.New("the task is running")
	ErrCancelled = errors.New("the task is cancelled")
)

// Config is what a board needs; all of it is required.
type Config struct {
	Clock    clock.Clock
	Book     *ledger.Book
	MaxTasks int           // above that, the oldest final tasks are forgotten
	Keep     time.Duration // how long a task can be asked for
	KeepGone time.Duration // the same for cancelled ones
}

// Board holds all tasks. It is safe for concurrent use.
type Board struct {
	cfg Config

	mu    sync.RWMutex
	tasks map[string]*task
	order []*task // by creation
	lines map[string]*line
}

// NewBoard returns an empty board.
func NewBoard(cfg Config) *Board {
	return &Board{cfg: cfg, tasks: map[string]*task{}, lines: map[string]*line{}}
}

// Close stops the timers. Tasks can still be looked at.
func (b *Board) Close() {
	for _, l := range b.allLines() {
		l.close()
	}
}

// allLines copies the lines, since a line's mutex is taken before the board's.
func (b *Board) allLines() []*line {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Collect(maps.Values(b.lines))
}

func (b *Board) lineOf(h *accounts.Holder) *line {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lines[h.Hash]
	if l == nil {
		l = &line{holder: h, clock: b.cfg.Clock, load: func(at time.Time, inFlight, running int) {
			b.cfg.Book.Load(h.Name, h.Hash, at, inFlight, running)
		}}
		b.lines[h.Hash] = l
	}
	return l
}

// Add starts a task, or has it wait for a slot. It fails only with
// ErrQueueFull. The id comes from newID, which is called until it is new.
func (b *Board) Add(h *accounts.Holder, newID func(now time.Time) string, spec Spec) (View, error) {
	v, err := b.add(b.lineOf(h), newID, spec)
	b.prune()
	return v, err
}

func (b *Board) add(l *line, newID func(now time.Time) string, spec Spec) (View, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, h := l.now(), l.holder
	if !l.hasSlot() && h.MaxQueued >= 0 && len(l.queue) >= h.MaxQueued {
		return View{}, ErrQueueFull
	}
	t := &task{Spec: spec, line: l, state: Queued, created: now, updated: now, index: -1}
	b.register(t, func() string { return newID(now) })
	l.enter(t, now)
	l.arm()
	return t.view(now), nil
}

// enter puts a new task into the line.
func (l *line) enter(t *task, now time.Time) {
	if t.Changed != nil {
		l.watched++
		t.Changed(t.view(now))
	}
	l.queue = append(l.queue, t)
	if !l.hasSlot() {
		l.load(now, l.inFlight(), l.running.Len())
		return
	}
	l.fill(now)
}

func (b *Board) register(t *task, newID func() string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for t.id = newID(); b.tasks[t.id] != nil; {
		t.id = newID()
	}
	if t.Added != nil {
		t.Added()
	}
	b.tasks[t.id] = t
	b.order = append(b.order, t)
}

// prune forgets the oldest final tasks if there are too many. Nobody may hold
// a lock.
func (b *Board) prune() {
	b.mu.RLock()
	over := len(b.order) - b.cfg.MaxTasks
	var old []*task
	if over > b.cfg.MaxTasks/10 {
		old = slices.Clone(b.order[:over])
	}
	b.mu.RUnlock()
	if old == nil {
		return
	}
	old = slices.DeleteFunc(old, func(t *task) bool { return !t.final() })
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range old {
		delete(b.tasks, t.id)
	}
	b.order = slices.DeleteFunc(b.order, func(t *task) bool { return b.tasks[t.id] != t })
}

func (t *task) final() bool {
	t.line.mu.Lock()
	defer t.line.mu.Unlock()
	t.line.now()
	return t.state.Final()
}

// find returns the task with its line locked and up to date, if the account
// has it. The caller unlocks.
func (b *Board) find(h *accounts.Holder, id string) (*task, time.Time, error) {
	b.mu.RLock()
	t := b.tasks[id]
	b.mu.RUnlock()
	if t == nil || t.line.holder.Hash != h.Hash {
		return nil, time.Time{}, ErrNotFound
	}
	t.line.mu.Lock()
	now := t.line.now()
	t.line.expireWaiting(t, now)
	if b.gone(t, now) {
		t.line.mu.Unlock()
		b.remove(t)
		return nil, time.Time{}, ErrNotFound
	}
	return t, now, nil
}

func (b *Board) gone(t *task, now time.Time) bool {
	if t.state == Cancelled && now.Sub(t.updated) >= b.cfg.KeepGone {
		return true
	}
	return now.Sub(t.created) >= b.cfg.Keep
}

func (b *Board) remove(t *task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.tasks, t.id)
	if i := slices.Index(b.order, t); i >= 0 {
		b.order = slices.Delete(b.order, i, i+1)
	}
}

// Get looks at a task. It gives ErrNotFound also for another account's.
func (b *Board) Get(h *accounts.Holder, id string) (View, error) {
	t, now, err := b.find(h, id)
	if err != nil {
		return View{}, err
	}
	defer t.line.mu.Unlock()
	return t.view(now), nil
}

// List looks at all tasks of an account, the newest first.
func (b *Board) List(h *accounts.Holder) []View {
	b.mu.RLock()
	all := slices.Clone(b.order)
	b.mu.RUnlock()
	var out []View
	for _, t := range slices.Backward(all) {
		if t.line.holder.Hash != h.Hash {
			continue
		}
		if v, err := b.Get(h, t.id); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// Delete cancels a task that waits and forgets one that is final. It gives
// ErrRunning for one that runs and ErrCancelled for one cancelled before.
func (b *Board) Delete(h *accounts.Holder, id string) error {
	t, now, err := b.find(h, id)
	if err != nil {
		return err
	}
	forget := false
	defer func() {
		t.line.mu.Unlock()
		if forget {
			b.remove(t)
		}
	}()
	switch t.view(now).State {
	case Queued:
		t.line.cancel(t, now)
	case Running:
		return ErrRunning
	case Cancelled:
		return ErrCancelled
	case Succeeded, Failed, Expired:
		forget = true
	}
	return nil
}

// cancel ends a task that has not begun.
func (l *line) cancel(t *task, now time.Time) {
	if t.index >= 0 {
		heap.Remove(&l.running, t.index)
	}
	l.unqueue(t)
	t.state, t.updated, t.started = Cancelled, now, time.Time{}
	if t.Cancelled != nil {
		t.Cancelled()
	}
	if t.Changed != nil {
		l.watched-- // a cancelled task is not called back about
	}
	l.fill(now)
	l.arm()
}

// State tells how far a task of any account has come; "" if it is unknown.
func (b *Board) State(id string) State {
	b.mu.RLock()
	t := b.tasks[id]
	b.mu.RUnlock()
	if t == nil {
		return ""
	}
	v, err := b.Get(t.line.holder, id)
	if err != nil {
		return ""
	}
	return v.State
}

// Sync brings every line up to the present, so that the book is.
func (b *Board) Sync() {
	for _, l := range b.allLines() {
		l.mu.Lock()
		l.now()
		l.mu.Unlock()
	}
}

// Enter counts a call that waits for its result on the connection, until the
// function that it returns is called.
func (b *Board) Enter(h *accounts.Holder) (leave func()) {
	l := b.lineOf(h)
	l.count(1)
	return func() { l.count(-1) }
}

func (l *line) count(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.inline += n
	l.load(now, l.inFlight(), l.running.Len())
}
