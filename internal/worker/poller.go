package worker

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// claimInterval is how often the poller looks for running jobs that nobody
// polls. A job accepted in this process is taken at once.
const claimInterval = 500 * time.Millisecond

// claimBatch bounds how many jobs are claimed in one call.
const claimBatch = 500

// poller asks the upstreams after running jobs. It holds thousands of them in
// a heap by due time; Redis is only asked for new ones and for the leases.
type poller struct {
	w    *Worker
	woke chan struct{} // something may be claimable

	mu      sync.Mutex
	due     dueHeap
	polled  int                  // jobs leased, also those being asked after right now
	busy    map[string]int       // status calls under way, by account
	waiting map[string][]*polled // due, but their account has enough calls under way
	changed chan struct{}        // the head of the heap changed

	slots chan struct{} // bounds the status calls of the process
	calls sync.WaitGroup
}

// polled is one running job of this process.
type polled struct {
	redisstore.Running

	lease    redisstore.Lease
	at       time.Time // when it is due
	accepted time.Time // by the upstream, on this process's clock
	deadline time.Time
	asked    int // questions so far
	lost     int // times in a row that the upstream did not know it
	notes    []note
	overtime bool // its trace has been told of its deadline

	// ctx ends when the lease is lost. It is kept with the job because it is
	// the job's lease, not a call's context, and outlives every call.
	ctx  context.Context //nolint:containedctx // the lease itself; see above
	done func()
}

func newPoller(w *Worker) *poller {
	return &poller{
		w: w, woke: make(chan struct{}, 1), changed: make(chan struct{}, 1),
		busy: map[string]int{}, waiting: map[string][]*polled{}, slots: make(chan struct{}, w.StatusCalls),
	}
}

// wake lets the poller look for claimable jobs at once.
func (p *poller) wake() { nudge(p.woke) }

func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// run polls until ctx ends, then waits a little for calls under way and gives
// all jobs back, so that another worker goes on with them at once.
func (p *poller) run(ctx context.Context) error {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	claim := time.NewTicker(claimInterval)
	defer claim.Stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-claim.C:
			p.claim(life)
		case <-p.woke:
			p.claim(life)
		case <-p.changed:
		case <-timer.C:
		}
		timer.Reset(p.dispatch(ctx, life))
	}
	p.drain(end)
	return nil
}

// claim takes jobs that nobody polls, as long as there are any.
func (p *poller) claim(life context.Context) {
	for {
		p.mu.Lock()
		room := min(claimBatch, p.w.MaxPolled-p.polled)
		p.mu.Unlock()
		if room <= 0 {
			return
		}
		n, err := p.claimSome(life, room)
		if err != nil {
			p.w.Log.WarnContext(life, "running jobs could not be claimed", "err", err)
		}
		if err != nil || n < claimBatch {
			return
		}
	}
}

func (p *poller) claimSome(life context.Context, most int) (int, error) {
	token, begun := p.w.token(), time.Now()
	ids, err := p.w.Store.ClaimPolls(life, token, most)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	for _, id := range ids {
		crash.At(crash.PollClaimed, string(id))
	}
	rows, err := p.w.Store.Running(life, ids)
	if err != nil {
		return 0, err // their leases lapse
	}
	for _, r := range rows {
		lease := redisstore.Lease{Job: r.ID, Token: token}
		held, done := p.w.leases.hold(life, lease, begun)
		p.add(&polled{
			Running: r, lease: lease, ctx: held, done: done, at: time.Now().Add(p.first(r)),
			accepted: begun.Add(-r.Age), deadline: begun.Add(r.Left), overtime: r.Left <= 0,
		})
	}
	return len(rows), nil
}

// first is the pause before a job's first question: none if it is to be stopped.
func (p *poller) first(r redisstore.Running) time.Duration {
	if r.Cancel {
		return 0
	}
	return p.w.Kinds[r.Kind].Poll.first(r.Age)
}

func (p *poller) add(j *polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polled++
	heap.Push(&p.due, j)
	p.w.metrics.polled.Set(float64(p.polled))
	nudge(p.changed)
}

// later puts a job back until its next question.
func (p *poller) later(j *polled, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	j.at = time.Now().Add(pause)
	heap.Push(&p.due, j)
	nudge(p.changed)
}

// drop lets a job go.
func (p *poller) drop(j *polled) {
	j.done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polled--
	p.w.metrics.polled.Set(float64(p.polled))
}

// dispatch starts the status calls that are due and gives the time until the
// next one is.
func (p *poller) dispatch(ctx, life context.Context) time.Duration {
	for ctx.Err() == nil {
		j, pause := p.next(time.Now())
		if j == nil {
			return pause
		}
		select {
		case <-ctx.Done():
			p.later(j, 0)
			if next := p.release(j.Account); next != nil {
				p.later(next, 0)
			}
		case p.slots <- struct{}{}:
			p.calls.Go(func() {
				defer func() { <-p.slots }()
				p.serve(life, j)
			})
		}
	}
	return claimInterval
}

// next takes the job that is due first and whose account has a call free; nil
// and the time to wait if there is none.
func (p *poller) next(now time.Time) (*polled, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.due) > 0 {
		if wait := p.due[0].at.Sub(now); wait > 0 {
			return nil, min(wait, claimInterval)
		}
		j, _ := heap.Pop(&p.due).(*polled)
		if p.busy[j.Account] < p.w.StatusPerAcct {
			p.busy[j.Account]++
			return j, 0
		}
		p.waiting[j.Account] = append(p.waiting[j.Account], j)
	}
	return nil, claimInterval
}

// serve asks after a job and then after those that waited for its account.
func (p *poller) serve(life context.Context, j *polled) {
	for j != nil {
		p.ask(life, j)
		j = p.release(j.Account)
	}
}

// release gives an account's call to the next job that waits for it, which it
// returns, or back.
func (p *poller) release(account string) *polled {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.waiting[account]
	if len(line) > 0 {
		p.waiting[account] = line[1:]
		return line[0]
	}
	delete(p.waiting, account)
	if p.busy[account]--; p.busy[account] <= 0 {
		delete(p.busy, account)
	}
	return nil
}

// drain ends the polling: jobs that nobody asks after right now are given back
// at once, those with a call under way get a moment to finish it.
func (p *poller) drain(end func()) {
	p.giveBack()
	idle := make(chan struct{})
	go func() {
		p.calls.Wait()
		close(idle)
	}()
	timer := time.NewTimer(p.w.DrainPolls)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
	p.giveBack() // before their contexts end
	end()
	<-idle
}

// giveBack releases all jobs in the heap and the lines.
func (p *poller) giveBack() {
	leases := p.takeAll()
	ctx, cancel := context.WithTimeout(context.Background(), p.w.Store.Lease()/3)
	defer cancel()
	if err := p.w.Store.Release(ctx, leases); err != nil {
		p.w.Log.WarnContext(ctx, "polled jobs could not be given back and wait for their leases to lapse", "jobs", len(leases), "err", err)
	}
}

// takeAll empties the heap and the lines.
func (p *poller) takeAll() []redisstore.Lease {
	p.mu.Lock()
	defer p.mu.Unlock()
	jobs := p.due
	for _, line := range p.waiting {
		jobs = append(jobs, line...)
	}
	p.due, p.waiting = nil, map[string][]*polled{}
	p.polled -= len(jobs)
	p.w.metrics.polled.Set(float64(p.polled))
	leases := make([]redisstore.Lease, 0, len(jobs))
	for _, j := range jobs {
		j.done()
		leases = append(leases, j.lease)
	}
	return leases
}

// dueHeap orders jobs by when they are due.
type dueHeap []*polled

func (h *dueHeap) Len() int           { return len(*h) }
func (h *dueHeap) Less(i, j int) bool { return (*h)[i].at.Before((*h)[j].at) }
func (h *dueHeap) Swap(i, j int)      { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }

// Push is for package heap.
func (h *dueHeap) Push(v any) {
	if j, ok := v.(*polled); ok {
		*h = append(*h, j)
	}
}

// Pop is for package heap.
func (h *dueHeap) Pop() any {
	old := *h
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return j
}

var _ heap.Interface = (*dueHeap)(nil)

// attrs is a short way to say which job a log line is about.
func (j *polled) attrs() []any {
	return []any{"job_id", j.ID, "upstream", j.Upstream, "account", j.Account, "asked", j.asked}
}
