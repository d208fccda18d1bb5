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
	leastEvents  = 2000.0  // a second
	eventPace    = 2100    // at how many a second they are written; delivered are less for the time that the last one takes
	burstPace    = 100_000 // faster than the floor goes
	fanoutRounds = 3       // at most: one takes most of a minute
)

// measureFanout lets streams follow a job each while all the jobs live.
func measureFanout(ctx context.Context, r *rig) ([]figure, error) {
	n, note, err := r.seats()
	if err != nil {
		return nil, err
	}
	sv, jobs, err := r.newCrowd(ctx, n)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	defer jobs.close()
	if _, err := sv.startAPI(ctx); err != nil {
		return nil, err
	}
	var ours, floor, burst []*told
	play := []func() error{
		func() error {
			t, err := sv.fanOut(ctx, jobs, n)
			ours = append(ours, t)
			return err
		},
		func() error { // never first: it tells what ours was told
			t, atOnce, err := r.fanOutAtFloor(ctx, n, ours[0])
			floor, burst = append(floor, t), append(burst, atOnce)
			return err
		},
	}
	for round := range min(r.effort.rounds, fanoutRounds) {
		for _, f := range inTurn(play, round) {
			if err := f(); err != nil {
				return nil, err
			}
		}
	}
	return fanoutFigures(ours, floor, burst, note), nil
}

func fanoutFigures(ours, floor, burst []*told, note string) []figure {
	const what = roomIs + ", told as often, as much and as fast"
	first := ours[0]
	rate := compare("events delivered", perSecond, each(ours, (*told).rate), each(floor, (*told).rate), what).aim(atLeast(leastEvents))
	rate.Note = fmt.Sprintf("%d events of %d bytes to streams in a round, %s; %d a second were written, at most; as fast as it goes the floor delivers %s/s",
		len(first.delays), first.size(), note, eventPace, number(median(each(burst, (*told).rate))))
	var lost figure
	lost.Name = "events lost, doubled or out of order"
	streams, broken := 0, 0
	for _, t := range ours {
		lost.Ours += float64(t.wrong)
		streams, broken = streams+t.streams, broken+t.broken
		if t.why != nil {
			lost.Note = ", one so: " + t.why.Error()
		}
	}
	lost.Note = fmt.Sprintf("%d of %d streams broke", broken, streams) + lost.Note
	at := func(name string, q float64) figure {
		delay := func(t *told) float64 { return quantile(t.delays, q) }
		return compare(name, millis, each(ours, delay), each(floor, delay), what)
	}
	return []figure{rate, lost.aim(atMost(0)), at("from commit to reader, p50", 0.5), at("the same, p99", 0.99)}
}

// fanOut makes jobs, seats their streams and lets the jobs live.
func (s *service) fanOut(ctx context.Context, jobs *lives, n int) (*told, error) {
	if err := s.submitImages(ctx, n); err != nil {
		return nil, err
	}
	if err := jobs.begin(ctx, n, nil); err != nil {
		return nil, err
	}
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
	return jobs.compare(ctx, out)
}

// follow reads a job's log as events, to its end.
func follow(c *wire.Conn, addr string, id job.ID) heard {
	h := heard{id: id}
	var e reading
	status, err := c.Lines(wire.NewRequest(http.MethodGet, "/v1/jobs/"+string(id)+"/events", addr, "", "Authorization: Bearer pooled"), func(line []byte) {
		e.bytes += len(line) + 1
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "id":
			e.seq, _ = strconv.ParseInt(string(value), 10, 64) // what is no number is no event of the log either
		case "event":
			e.kind = string(value)
		case "data":
			e.at = time.Now()
			e.bytes++ // the empty line
			h.read = append(h.read, e)
			e.bytes = 0
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
	bytes                  int       // of all that was read
}

// size is how many bytes an event had, in the mean.
func (t *told) size() int { return t.bytes / len(t.delays) }

// rate is events delivered a second.
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
		t.delivered(writes[i-before].done, h.read[i])
	}
}

// delivered counts an event that was there to be told from a time on.
func (t *told) delivered(from time.Time, r reading) {
	t.delays = append(t.delays, ms(max(0, r.at.Sub(from))))
	t.bytes += r.bytes
	if t.first.IsZero() || from.Before(t.first) {
		t.first = from
	}
	if r.at.After(t.last) {
		t.last = r.at
	}
}

// fanOutAtFloor tells as many callers as often, as much and as fast as ours were
// told, and in the end once more, as fast as it goes.
func (r *rig) fanOutAtFloor(ctx context.Context, n int, ours *told) (paced, burst *told, err error) {
	room, err := r.newRoom(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer room.process.Kill()
	words := len(lifeSteps())
	callers, err := seat(ctx, room.addr, n, room.listen(words+1, ours.size()))
	if err != nil {
		return nil, nil, err
	}
	defer callers.leave()
	if err := callers.await(ctx, n, room.waiting); err != nil {
		return nil, nil, err
	}
	for range words {
		if _, err := room.tell(ctx, 0, n, eventPace); err != nil {
			return nil, nil, err
		}
		if err := pause(ctx, time.Duration(n)*time.Second/eventPace); err != nil {
			return nil, nil, err
		}
	}
	if err := pause(ctx, calm); err != nil { // until all have read
		return nil, nil, err
	}
	if _, err := room.tell(ctx, 0, n, burstPace); err != nil {
		return nil, nil, err
	}
	paced, burst = new(told), new(told)
	for range n {
		h, err := callers.next(ctx)
		if err != nil {
			return nil, nil, err
		}
		for i, word := range h.read {
			if i < words {
				paced.delivered(h.sent[i], word)
			} else {
				burst.delivered(h.sent[i], word)
			}
		}
	}
	return paced, burst, nil
}
