package ledger

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	maxSubmissions = 100_000
	maxPoints      = 10_000
	maxPromptBytes = 4096
)

// Book is where the simulator writes. Make one with [NewBook]; it is safe for
// concurrent use.
type Book struct {
	now func() time.Time

	mu       sync.Mutex
	since    time.Time
	seq      int64
	first    int64 // Seq of subs[0]
	subs     []*Submission
	byTask   map[string]*Submission
	accounts map[string]*Account
	totals   Totals
}

// NewBook opens a book whose dates come from now.
func NewBook(now func() time.Time) *Book {
	b := &Book{now: now}
	b.Reset()
	return b
}

// Reset forgets everything but what is still in flight.
func (b *Book) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since, b.totals = b.now(), Totals{}
	b.first, b.subs, b.byTask = b.seq+1, nil, map[string]*Submission{}
	old := b.accounts
	b.accounts = map[string]*Account{}
	for hash, a := range old {
		if a.InFlight > 0 || a.Running > 0 {
			b.accounts[hash] = &Account{
				Name: a.Name, KeyHash: hash, InFlight: a.InFlight, Running: a.Running,
				MaxInFlight: a.InFlight, MaxRunning: a.Running,
				Series: []Point{{At: b.since, InFlight: a.InFlight, Running: a.Running}},
			}
		}
	}
}

// Record writes a submission and returns its Seq.
func (b *Book) Record(s Submission) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	s.Seq, s.At, s.Prompt = b.seq, b.now(), cut(s.Prompt)
	b.subs = append(b.subs, &s)
	b.totals.Submissions++
	switch s.Outcome {
	case Accepted:
		b.totals.Accepted++
	case Refused:
		b.totals.Refused++
	}
	if s.Charged {
		b.totals.Charged++
	}
	if s.TaskID != "" {
		b.byTask[s.TaskID] = &s
	}
	b.trim()
	return s.Seq
}

func (b *Book) trim() {
	if len(b.subs) <= maxSubmissions+maxSubmissions/10 {
		return
	}
	n := len(b.subs) - maxSubmissions
	for _, s := range b.subs[:n] {
		delete(b.byTask, s.TaskID)
	}
	b.subs = slices.Clone(b.subs[n:])
	b.first += int64(n)
	b.totals.Dropped += n
}

// Answered writes down the status that was sent for a submission, and whether
// the whole answer was.
func (b *Book) Answered(seq int64, status int, whole bool) {
	b.change(seq, func(s *Submission) { s.Status, s.Answered = status, whole })
}

// Count corrects how many media a submission is charged for.
func (b *Book) Count(seq int64, n int) {
	b.change(seq, func(s *Submission) { s.Count = n })
}

// Cancelled takes back what a submission was charged for: its task was cancelled
// before it began.
func (b *Book) Cancelled(seq int64) {
	b.change(seq, func(s *Submission) {
		if s.Charged {
			s.Charged, s.Count = false, 0
			b.totals.Charged--
		}
	})
}

// MediaRead counts a read of media that a submission led to.
func (b *Book) MediaRead(seq int64) {
	b.mu.Lock()
	b.totals.MediaReads++
	b.mu.Unlock()
	b.change(seq, func(s *Submission) { s.MediaReads++ })
}

func (b *Book) change(seq int64, f func(*Submission)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := seq - b.first; i >= 0 && i < int64(len(b.subs)) {
		f(b.subs[i])
	}
}

// Poll counts a status request for a task.
func (b *Book) Poll(taskID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.totals.Polls++
	if s := b.byTask[taskID]; s != nil {
		now := b.now()
		s.Polls, s.LastPoll = s.Polls+1, &now
	}
}

// Listed counts a status request for many tasks.
func (b *Book) Listed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.totals.Lists++
}

// Delete counts a request to cancel or delete a task.
func (b *Book) Delete(taskID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.totals.Deletes++
	if s := b.byTask[taskID]; s != nil {
		s.Deletes++
	}
}

// Load writes down that from at on, so much is in flight on a credential.
func (b *Book) Load(name, keyHash string, at time.Time, inFlight, running int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[keyHash]
	if a == nil {
		a = &Account{Name: name, KeyHash: keyHash}
		b.accounts[keyHash] = a
	}
	a.InFlight, a.Running = inFlight, running
	a.MaxInFlight, a.MaxRunning = max(a.MaxInFlight, inFlight), max(a.MaxRunning, running)
	a.Series = append(a.Series, Point{At: at, InFlight: inFlight, Running: running})
	if len(a.Series) > 2*maxPoints {
		a.Series = slices.Clone(a.Series[len(a.Series)-maxPoints:])
	}
}

// Snapshot copies the book. The state of each task is asked for, as the book
// does not follow it; state returns "" for one that it does not know.
func (b *Book) Snapshot(state func(taskID string) string) Ledger {
	out := b.copy()
	for i := range out.Submissions {
		if s := &out.Submissions[i]; s.TaskID != "" {
			s.State = state(s.TaskID)
		}
	}
	return out
}

func (b *Book) copy() Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := Ledger{
		Since: b.since, Now: b.now(), Totals: b.totals,
		Submissions: make([]Submission, 0, len(b.subs)), Accounts: make([]Account, 0, len(b.accounts)),
	}
	for _, s := range b.subs {
		out.Submissions = append(out.Submissions, *s)
	}
	for _, a := range b.accounts {
		c := *a
		c.Series = slices.Clone(a.Series[max(0, len(a.Series)-maxPoints):])
		out.Accounts = append(out.Accounts, c)
	}
	slices.SortFunc(out.Accounts, func(x, y Account) int { return strings.Compare(x.Name+x.KeyHash, y.Name+y.KeyHash) })
	return out
}

// cut shortens a prompt to the longest that is kept, at a rune's border.
func cut(s string) string {
	if len(s) <= maxPromptBytes {
		return s
	}
	n := maxPromptBytes
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
