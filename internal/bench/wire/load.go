package wire

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Load is a closed loop: each connection sends its next request when it has the
// whole answer to the one before. With Every it is an open one: requests come when
// their time has come, whether those before are answered or not, as long as a
// connection is free; a request that finds none waits, and its waiting counts.
type Load struct {
	Addr  string // host:port
	Conns int

	// Request gives the n-th request, from 0, over all connections. It is
	// called by several goroutines at once.
	Request func(n int64) Request

	// Status and Contains are what every answer must have; anything else ends
	// the run with an error, since it would measure something else.
	Status   int
	Contains string

	// Size, if it is not zero, is how many bytes every answer must have; they are
	// counted and not looked at.
	Size int64

	// Every is the time between two requests of an open loop, over all connections.
	Every time.Duration

	// For ends the run after a time, Count after so many requests. One of them
	// is set.
	For   time.Duration
	Count int64
}

// Same is a Load.Request that is always the same one.
func Same(r Request) func(int64) Request { return func(int64) Request { return r } }

// Result is what a run of a Load came to.
type Result struct {
	Answers   int
	Took      time.Duration
	Latencies []time.Duration // one for each answer, in no order; of an open loop from when it was due
}

// Rate is answers a second.
func (r Result) Rate() float64 { return float64(r.Answers) / r.Took.Seconds() }

// Run runs a load and returns when all of its answers are there.
func (l Load) Run(ctx context.Context) (Result, error) {
	conns, err := l.dial(ctx)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	if err != nil {
		return Result{}, err
	}
	var sent atomic.Int64
	lists := make([][]time.Duration, len(conns))
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for i, c := range conns {
		group.Go(func() (err error) {
			lists[i], err = l.loop(ctx, c, &sent, began)
			return err
		})
	}
	err = group.Wait()
	out := Result{Took: time.Since(began)}
	for _, list := range lists {
		out.Latencies = append(out.Latencies, list...)
	}
	out.Answers = len(out.Latencies)
	return out, err
}

func (l Load) dial(ctx context.Context) ([]*Conn, error) {
	conns := make([]*Conn, 0, l.Conns)
	for range l.Conns {
		c, err := Dial(ctx, l.Addr)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

// loop is one connection's part.
func (l Load) loop(ctx context.Context, c *Conn, sent *atomic.Int64, began time.Time) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, 1<<12)
	for ctx.Err() == nil {
		n := sent.Add(1) - 1
		if l.Count > 0 && n >= l.Count || l.Count == 0 && time.Since(began) >= l.For {
			return latencies, nil
		}
		request := l.Request(n)
		start := time.Now()
		if l.Every > 0 {
			if start = began.Add(time.Duration(n) * l.Every); !sleepUntil(ctx, start) {
				break
			}
		}
		if err := l.one(c, request); err != nil {
			return latencies, err
		}
		latencies = append(latencies, time.Since(start))
	}
	return latencies, context.Cause(ctx)
}

// sleepUntil waits for a time; false if ctx has ended before.
func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// one sends a request and looks at the answer.
func (l Load) one(c *Conn, r Request) error {
	if l.Size > 0 {
		status, size, err := c.Drain(r)
		if err == nil && (status != l.Status || size != l.Size) {
			err = fmt.Errorf("%s answered %d with %d bytes, not %d with %d", l.Addr, status, size, l.Status, l.Size)
		}
		return err
	}
	status, body, err := c.Do(r)
	if err == nil && (status != l.Status || !bytes.Contains(body, []byte(l.Contains))) {
		err = fmt.Errorf("%s answered %d %.300s, not %d with %q", l.Addr, status, body, l.Status, l.Contains)
	}
	return err
}
