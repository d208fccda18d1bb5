package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tintypehq/tintype/internal/bench/wire"
	"github.com/tintypehq/tintype/internal/job"
)

const (
	leastEvents = 2000.0 // a second
	eventPace   = 2100   // at how many a second they are written; delivered are less for the time that the last one takes
	floorWords  = 2      // of a caller of the floor, which takes so much less time
)

// measureFanout lets streams follow a job each while all the jobs live.
func measureFanout(ctx context.Context, r *rig) ([]figure, error) {
	n, note, err := r.seats()
	if err != nil {
		return nil, err
	}
	floor, err := r.fanOutAtFloor(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("the floor: %w", err)
	}
	sv, jobs, err := r.newCrowd(ctx, n)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	defer jobs.close()
	if err := sv.prepare(ctx, jobs, n, nil); err != nil {
		return nil, err
	}
	if _, err := sv.startAPI(ctx); err != nil {
		return nil, err
	}
	streams, err := sv.fanOut(ctx, jobs, n)
	if err != nil {
		return nil, err
	}
	told, err := jobs.compare(ctx, streams)
	if err != nil {
		return nil, err
	}
	return fanoutFigures(told, floor, note), nil
}

func fanoutFigures(told *told, floor []float64, note string) []figure {
	rate := figure{Name: "events delivered", Unit: perSecond, Ours: told.rate()}.aim(atLeast(leastEvents))
	rate.Note = fmt.Sprintf("%d events to streams, %s; %d a second were written, at most", len(told.delays), note, eventPace)
	lost := figure{Name: "events lost, doubled or out of order", Ours: float64(told.wrong)}.aim(atMost(0))
	if lost.Note = fmt.Sprintf("%d of %d streams broke", told.broken, told.streams); told.why != nil {
		lost.Note += ", one so: " + told.why.Error()
	}
	at := func(name string, q float64) figure {
		return figure{Name: name, Unit: millis, Ours: quantile(told.delays, q)}.against(quantile(floor, q), roomIs+", told as often")
	}
	return []figure{rate, lost, at("from commit to reader, p50", 0.5), at("the same, p99", 0.99)}
}

// fanOut seats the streams and lets the jobs live.
func (s *service) fanOut(ctx context.Context, jobs *lives, n int) (map[job.ID]heard, error) {
	streams, err := seat(ctx, s.apiAddr, n, func(c *wire.Conn, i int) heard { return follow(c, s.apiAddr, jobs.list[i].id) })
	if err != nil {
		return nil, err
	}
	defer streams.leave()
	if err := streams.await(ctx, n, s.waiting); err != nil {
		return nil, err
	}
	if err := jobs.live(ctx, jobs.list, lifeSteps(), eventPace); err != nil {
		return nil, err
	}
	out := map[job.ID]heard{}
	for range n {
		h, err := streams.next(ctx)
		if h.id == "" {
			return nil, err // else a stream that broke: it lacks events
		}
		out[h.id] = h
	}
	return out, nil
}

// follow reads a job's log as events, to its end.
func follow(c *wire.Conn, addr string, id job.ID) heard {
	h := heard{id: id}
	var e reading
	status, err := c.Lines(wire.NewRequest(http.MethodGet, "/v1/jobs/"+string(id)+"/events", addr, "", "Authorization: Bearer pooled"), func(line []byte) {
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "id":
			e.seq, _ = strconv.ParseInt(string(value), 10, 64) // what is no number is no event of the log either
		case "event":
			e.kind = string(value)
		case "data":
			e.at = time.Now()
			h.read = append(h.read, e)
		}
	})
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("a stream was answered %d", status)
	}
	h.err = err
	return h
}

// told is what came of the streams.
type told struct {
	streams, broken, wrong int
	why                    error     // of one that broke
	delays                 []float64 // ms, from an event's being on disk to its being read
	first, last            time.Time // event written, event read
}

func (t *told) rate() float64 { return float64(len(t.delays)) / t.last.Sub(t.first).Seconds() }

// compare holds what each stream read against its job's log.
func (l *lives) compare(ctx context.Context, streams map[job.ID]heard) (*told, error) {
	out := &told{streams: len(l.list)}
	for _, one := range l.list {
		log, err := l.store.Events(ctx, one.id, 0)
		if err != nil {
			return nil, err
		}
		if len(log) <= len(one.writes) {
			return nil, fmt.Errorf("the log of %s has %d events for %d changes and its beginning", one.id, len(log), len(one.writes))
		}
		out.add(log, one.writes, streams[one.id])
	}
	if len(out.delays) == 0 {
		return nil, errors.Join(errors.New("no stream read anything"), out.why)
	}
	return out, nil
}

// add counts one stream. The last events of the log are those that were written
// while it was read.
func (t *told) add(log []job.Event, writes []write, h heard) {
	if h.err != nil {
		t.broken, t.why = t.broken+1, h.err
	}
	t.wrong += max(0, len(h.read)-len(log)) // too many
	before := len(log) - len(writes)
	for i, e := range log {
		if i >= len(h.read) || h.read[i].seq != e.Seq || h.read[i].kind != string(e.Type) {
			t.wrong++
			continue
		}
		if i < before {
			continue
		}
		w, at := writes[i-before], h.read[i].at
		t.delays = append(t.delays, ms(max(0, at.Sub(w.done))))
		if t.first.IsZero() || w.done.Before(t.first) {
			t.first = w.done
		}
		if at.After(t.last) {
			t.last = at
		}
	}
}

// fanOutAtFloor tells as many callers as much in a second, for a shorter time.
func (r *rig) fanOutAtFloor(ctx context.Context, n int) ([]float64, error) {
	room, err := r.newRoom(ctx)
	if err != nil {
		return nil, err
	}
	defer room.process.Kill()
	callers, err := seat(ctx, room.addr, n, room.listen(floorWords))
	if err != nil {
		return nil, err
	}
	defer callers.leave()
	if err := callers.await(ctx, n, room.waiting); err != nil {
		return nil, err
	}
	for range floorWords {
		if _, err := room.tell(ctx, 0, n, eventPace); err != nil {
			return nil, err
		}
		if err := pause(ctx, time.Duration(n)*time.Second/eventPace); err != nil {
			return nil, err
		}
	}
	var out []float64
	for range n {
		h, err := callers.next(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, h.delays()...)
	}
	return out, nil
}
