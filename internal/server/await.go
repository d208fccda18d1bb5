package server

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/telemetry"
)

// wake is why a waiter stopped sleeping.
type wake string

// The reasons.
const (
	changed  wake = "changed"  // something happened to the job
	due      wake = "due"      // the time has come that the waiter asked for
	handover wake = "handover" // the server is about to stop
	gone     wake = "gone"     // the caller went away
)

// sleep waits for news of a job until a time.
func (s *Server) sleep(ctx context.Context, news <-chan struct{}, until time.Time) wake {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-news:
		return changed
	case <-timer.C:
		return due
	case <-s.handover:
		return handover
	case <-ctx.Done():
		return gone
	}
}

// enter lets a caller wait in this process, if there is room for it and for one
// more of its tenant. It leaves by calling the func.
func (s *Server) enter(kind, tenant string) (leave func(), err error) {
	free, err := s.places.take(tenant)
	if err != nil {
		return nil, err
	}
	g := s.metrics.waiters.WithLabelValues(kind)
	g.Inc()
	return func() { g.Dec(); free() }, nil
}

// outcome is how a wait for a job ended.
type outcome struct {
	job *job.Job    // as it was last seen
	log []job.Event // its whole log, where news have brought it; else nil
	why wake        // due: the limit has come; changed: the job is as it was waited for
}

// await waits until done says yes, the limit has come, or one of the other
// reasons. j becomes what is read of the job: whoever waits holds one record of it. The
// job is read after each news of it that does not bring it along, and again after Recheck
// where it could not be. At each tick of beat, if there is one, that is run.
func (s *Server) await(ctx context.Context, j *job.Job, done func(*job.Job) bool, limit time.Time, beat *ticker) (outcome, error) {
	news := s.cfg.News.Listen(j.ID)
	defer news.Stop()
	look := time.Time{} // at once: listen first, then read
	for {
		now := time.Now()
		if !now.Before(look) {
			fresh, err := s.cfg.Store.Get(ctx, j.ID)
			switch {
			case err == nil:
				*j, look = *fresh, limit
				news.Saw(j.Version)
			case !fault.Is(err, fault.Unavailable) && ctx.Err() == nil:
				return outcome{job: j}, err
			default: // the store is away for a moment: the job is not
				look = now.Add(s.cfg.Wait.Recheck)
			}
		}
		if done(j) {
			return outcome{job: j, why: changed}, nil
		}
		if !now.Before(limit) {
			return outcome{job: j, why: due}, nil
		}
		if err := beat.run(now); err != nil {
			return outcome{job: j, why: gone}, err
		}
		switch why := s.sleep(ctx, news.Changed(), earliest(limit, look, beat.next())); why {
		case changed:
			if end := news.Ended(); end != nil && end.Job.Version > j.Version && done(end.Job) {
				*j = *end.Job
				return outcome{j, end.Log, changed}, nil
			}
			look = time.Time{}
		case due:
		case handover, gone:
			return outcome{job: j, why: why}, context.Cause(ctx)
		}
	}
}

// ticker does something now and then during a wait. Nil never does.
type ticker struct {
	at    time.Time
	every time.Duration
	do    func() error
}

// next is when it is time again.
func (t *ticker) next() time.Time {
	if t == nil {
		return time.Now().Add(24 * time.Hour)
	}
	return t.at
}

// run does it if it is time.
func (t *ticker) run(now time.Time) error {
	if t == nil || now.Before(t.at) {
		return nil
	}
	t.at = now.Add(t.every)
	return t.do()
}

func earliest(first time.Time, more ...time.Time) time.Time {
	for _, t := range more {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

// delivered notes that a caller who waited for the end of a job has been told of it.
func (s *Server) delivered(ctx context.Context, j *job.Job) {
	if isFinal(j) && !j.FinishedAt.IsZero() {
		trace.SpanFromContext(ctx).AddEvent("delivered")
		s.metrics.stages.Observe(telemetry.Deliver, j.Spec.Kind, s.cfg.Store.Now().Sub(j.FinishedAt))
	}
}

func isFinal(j *job.Job) bool { return j.State.Final() }
