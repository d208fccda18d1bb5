package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const (
	etaLeast = 20              // measured jobs before anything is said
	etaFresh = 5 * time.Second // how long what was measured is not read again
)

// estimator knows how long jobs take, by those that were measured. Safe for
// concurrent use.
type estimator struct {
	took  func(context.Context, string) ([]time.Duration, error) // by class, any order
	slots func(ctx context.Context, upstream, model string) (int, error)

	mu      sync.Mutex
	classes map[string]measured
	pools   map[string]capacity
}

// measured is how long jobs of one class have taken, ascending.
type measured struct {
	took []time.Duration
	at   time.Time
}

// capacity is how many jobs of a model can run at once.
type capacity struct {
	slots int
	at    time.Time
}

// classOf gives what was measured of a class. What cannot be read now counts as
// nothing.
func (e *estimator) classOf(ctx context.Context, class string) []time.Duration {
	e.mu.Lock()
	known, ok := e.classes[class]
	e.mu.Unlock()
	if ok && time.Since(known.at) < etaFresh {
		return known.took
	}
	took, err := e.took(ctx, class)
	if err != nil {
		return known.took
	}
	slices.Sort(took)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.classes == nil || len(e.classes) > 1000 { // models and sizes: few, unless somebody makes them up
		e.classes = map[string]measured{}
	}
	e.classes[class] = measured{took, time.Now()}
	return took
}

func (e *estimator) slotsOf(ctx context.Context, upstream, model string) int {
	key := upstream + "|" + model
	e.mu.Lock()
	known, ok := e.pools[key]
	e.mu.Unlock()
	if ok && time.Since(known.at) < etaFresh {
		return known.slots
	}
	n, err := e.slots(ctx, upstream, model)
	if err != nil {
		return known.slots
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pools == nil {
		e.pools = map[string]capacity{}
	}
	e.pools[key] = capacity{n, time.Now()}
	return n
}

// estimate says when a job should be done; nil if too little is known, or if it
// has taken longer than any that was measured.
func (e *estimator) estimate(ctx context.Context, j *job.Job, q *tintype.Queue, now time.Time) *tintype.ETA {
	took := e.classOf(ctx, j.Spec.Class())
	n := len(took)
	if n < etaLeast || j.State.Final() {
		return nil
	}
	if !j.AdmittedAt.IsZero() && q == nil {
		// Of those that took longer than this one has so far.
		left := took[min(sortedAfter(took, now.Sub(j.AdmittedAt)), n):]
		if len(left) == 0 {
			return nil
		}
		return &tintype.ETA{P50At: j.AdmittedAt.Add(quantile(left, 0.5)).UTC(), P90At: j.AdmittedAt.Add(quantile(left, 0.9)).UTC(), N: n}
	}
	if q == nil {
		return nil
	}
	slots := e.slotsOf(ctx, j.Spec.Upstream, j.Spec.UpstreamModel)
	if slots == 0 {
		return nil
	}
	// Every slot is busy; one becomes free each time a job's mean time has gone by
	// on all of them together. How far the sum of so many strays, nine in ten times,
	// goes with the root of their number: bounded here by half as much again.
	wait := time.Duration(float64(mean(took)) * float64(q.Position+1) / float64(slots))
	return &tintype.ETA{
		P50At: now.Add(wait + quantile(took, 0.5)).UTC().Truncate(time.Millisecond),
		P90At: now.Add(wait + wait/2 + quantile(took, 0.9)).UTC().Truncate(time.Millisecond), N: n,
	}
}

// sortedAfter is the place of the first that is longer.
func sortedAfter(sorted []time.Duration, d time.Duration) int {
	at, _ := slices.BinarySearch(sorted, d+1)
	return at
}

// quantile is a share of a sorted list, by the nearest one that is not shorter.
func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func mean(list []time.Duration) time.Duration {
	var sum time.Duration
	for _, d := range list {
		sum += d
	}
	return sum / time.Duration(len(list))
}

// slotsFor is how many jobs of a model an upstream's accounts run at once, those
// that are left alone now aside.
func (s *Server) slotsFor(ctx context.Context, upstream, model string) (int, error) {
	accounts, err := s.cfg.Store.Accounts(ctx, upstream)
	n := 0
	for _, a := range accounts {
		if a.Enabled && a.Off == "" && !a.Parked && a.Cools.IsZero() && (len(a.Models) == 0 || slices.Contains(a.Models, model)) {
			n += a.MaxInFlight
		}
	}
	return n, err
}

// etaOf says when a job should be done, and remembers what it said first.
func (s *Server) etaOf(ctx context.Context, j *job.Job, q *tintype.Queue) *tintype.ETA {
	if j.State.Final() {
		return nil
	}
	eta := s.eta.estimate(ctx, j, q, time.Now())
	if eta != nil && j.ExpectedBy.IsZero() {
		if err := s.cfg.Store.Expect(ctx, j.ID, eta.P90At); err != nil {
			s.cfg.Log.DebugContext(ctx, "an estimate is not remembered", "job_id", j.ID, "err", err)
		}
	}
	return eta
}

// secondsTo is how many whole seconds an estimate is away, at least 0; nil without
// one.
func secondsTo(eta *tintype.ETA) *int {
	if eta == nil {
		return nil
	}
	n := max(int(time.Until(eta.P50At).Round(time.Second)/time.Second), 0)
	return &n
}
