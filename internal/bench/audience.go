package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/bench/proc"
	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
	"github.com/tintypehq/tintype/internal/job"
)

const (
	// spareFiles are open in a process beside the callers' connections.
	spareFiles = 500

	// longestWait is the longest that a caller waits, on a machine with other work
	// too.
	longestWait = 4 * time.Minute

	// comePace is at how many a second callers come. All at once, they would wait for
	// Redis longer than the API lets them.
	comePace   = 2500
	dialAtOnce = 16
)

// heard is what one caller got.
type heard struct {
	id   job.ID      // whose result it is
	at   time.Time   // when the caller had it
	sent []time.Time // of the floor: when it was said
	read []reading   // of a stream: its events
	err  error
}

// reading is one event of a stream, as it was read.
type reading struct {
	seq   int64
	kind  string
	at    time.Time
	bytes int // of all its lines
}

// listener asks on a connection and reads what it is told; i is the number of the
// caller.
type listener func(c *wire.Conn, i int) heard

// audience are callers that wait, each on a connection of its own.
type audience struct {
	mu    sync.Mutex
	conns []*wire.Conn
	calls sync.WaitGroup
	heard chan heard // one word of each caller
}

// seats is how many callers can wait at once: as many as were asked for, if one
// process may have so many connections. The note says what is missing.
func (r *rig) seats() (n int, note string, err error) {
	most, err := proc.MostFiles()
	if n = r.effort.waiters; err == nil && most < n+spareFiles {
		return most - spareFiles, fmt.Sprintf("%d at once: no process may have more than %d open files", most-spareFiles, most), nil
	}
	return n, fmt.Sprintf("%d at once", n), err
}

// seat lets callers come and ask. They leave when leave is called.
func seat(ctx context.Context, addr string, n int, ask listener) (*audience, error) {
	a := &audience{heard: make(chan heard, n)}
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for first := range min(dialAtOnce, n) {
		group.Go(func() error {
			for i := first; i < n; i += dialAtOnce {
				if err := pause(ctx, time.Until(began.Add(time.Duration(i)*time.Second/comePace))); err != nil {
					return err
				}
				c, err := wire.Dial(ctx, addr)
				if err != nil {
					return err
				}
				c.Patient(longestWait)
				a.mu.Lock()
				a.conns = append(a.conns, c)
				a.mu.Unlock()
				a.calls.Go(func() { a.heard <- ask(c, i) })
			}
			return nil
		})
	}
	err := group.Wait()
	if err != nil {
		a.leave()
	}
	return a, err
}

func (a *audience) leave() {
	for _, c := range a.conns {
		_ = c.Close()
	}
	a.calls.Wait()
}

// await waits until so many callers wait, as waiting tells.
func (a *audience) await(ctx context.Context, n int, waiting func(context.Context) (int, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startedFor, fmt.Errorf("not all of %d callers wait in time", n))
	defer cancel()
	for {
		now, err := waiting(ctx)
		if err != nil || now == n {
			return err
		}
		select {
		case h := <-a.heard:
			return errors.Join(errors.New("a caller was answered before its time"), h.err)
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), fmt.Errorf("there are %d", now))
		}
	}
}

// next is the next caller's word.
func (a *audience) next(ctx context.Context) (heard, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, longestWait, errors.New("a caller is not answered"))
	defer cancel()
	select {
	case h := <-a.heard:
		return h, h.err
	case <-ctx.Done():
		return heard{}, context.Cause(ctx)
	}
}

// newCrowd is a service whose accounts have room for so many jobs at once, and what
// brings these to life. Both are to be closed.
func (r *rig) newCrowd(ctx context.Context, jobs int) (*service, *lives, error) {
	sv, err := r.newService(ctx, settings{accounts: jobs/mostInFlight + 1}, stand.Upstream)
	if err != nil {
		return nil, nil, err
	}
	return sv, sv.newLives(), nil
}

// waiting is how many callers wait in the API.
func (s *service) waiting(ctx context.Context) (int, error) {
	m, err := metrics(ctx, s.apiAddr)
	return int(m["tintype_http_waiters"]), err
}

// room is the floor of waiting.
type room struct {
	process *proc.Process
	addr    string
}

func (r *rig) newRoom(ctx context.Context) (*room, error) {
	p, addr, err := r.stand(ctx, stand.Waiting)
	return &room{p, addr}, err
}

// listen is a caller of the floor, which is told so many words of so many bytes.
func (r *room) listen(words, size int) listener {
	request := wire.NewRequest(http.MethodGet, fmt.Sprintf("/wait?events=%d&bytes=%d", words, size), r.addr, "")
	return func(c *wire.Conn, _ int) (h heard) {
		status, err := c.Lines(request, func(line []byte) {
			if at, ok := stand.SentAt(line); ok {
				h.sent = append(h.sent, at)
				h.read = append(h.read, reading{at: time.Now()})
			}
		})
		if err == nil && (status != http.StatusOK || len(h.sent) != words) {
			err = fmt.Errorf("the floor answered %d, %d words of %d", status, len(h.sent), words)
		}
		h.err = err
		return h
	}
}

// tell says one word to each of some callers, and gives how many there are.
func (r *room) tell(ctx context.Context, from, count, perSecond int) (int, error) {
	path := fmt.Sprintf("/tell?from=%d&count=%d&pace=%d", from, count, perSecond)
	status, body, err := wire.Exchange(ctx, r.addr, wire.NewRequest(http.MethodGet, path, r.addr, ""))
	if err != nil || status != http.StatusOK {
		return 0, errors.Join(fmt.Errorf("the floor answered %d %s", status, body), err)
	}
	return strconv.Atoi(string(body))
}

func (r *room) waiting(ctx context.Context) (int, error) { return r.tell(ctx, 0, 0, 1) }

// delays are the times from each word to its being read.
func (h heard) delays() []float64 {
	out := make([]float64, len(h.sent))
	for i := range out {
		out[i] = ms(h.read[i].at.Sub(h.sent[i]))
	}
	return out
}
