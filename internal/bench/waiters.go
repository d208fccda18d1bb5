package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tintypehq/tintype/internal/bench/wire"
	"github.com/tintypehq/tintype/internal/job"
)

const (
	mostWaiter   = 45.0 // KiB
	mostStream   = 50.0 // KiB
	mostDelivery = 3.0  // times the floor's p99
	mostAlone    = 5.0  // ms, p50

	// A few jobs end one by one. Then, while the others wait, some end at as many a
	// second as end where 10,000 wait for what docs/capacity.md takes, three pictures of
	// 15 s to a video of two minutes: 41 s in the mean. The rest ends at a pace that keeps
	// two cores busy.
	alone     = 100
	usualEnds = 2400
	usualPace = 240
	fullPace  = 1500

	// The callers are looked at when they have waited for so long: for one more look
	// at each job (wait.recheck), and where spaces are sent until they have begun
	// (wait.silence).
	silentFor = calm + 5*time.Second
	spacedFor = 16 * time.Second

	roomIs = "Echo, a channel for each caller in memory"
)

// waitMode is one way to wait.
type waitMode struct {
	name  string
	each  float64 // KiB at most
	calm  time.Duration
	posts bool // the callers make the jobs that they wait for

	listen func(addr string, list []*life) listener
}

func waitModes() []waitMode {
	return []waitMode{
		{"blocking POST", mostWaiter, spacedFor, true, listenPost},
		{"GET ?wait", mostWaiter, silentFor, false, listenPoll},
		{"stream", mostStream, silentFor, false, listenToEnd},
	}
}

// measureWaiters lets callers wait for jobs that a worker would be busy with: what
// they cost one API process, and how soon each has its answer when its job ends.
func measureWaiters(ctx context.Context, r *rig) ([]figure, error) {
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
	floor, err := r.waitAtFloor(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("the floor: %w", err)
	}
	var out []figure
	for _, mode := range waitModes() {
		ours, err := sv.wait(ctx, jobs, mode, n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", mode.name, err)
		}
		out = append(out, waitFigures(mode, ours, floor, n, note)...)
	}
	return out, nil
}

// waited is what came of a crowd that waited.
type waited struct {
	each     float64 // KiB of a caller, by the process' RSS
	heap     float64 // the same by its heap, garbage included
	stacks   float64 // and by its stacks
	alone    delays  // one by one
	usual    delays  // at usualPace
	full     delays  // at fullPace
	cpu      float64 // % of a core, while they wait and nothing happens
	answered int
}

// delays are times until answers were there, in ms.
type delays struct {
	done  []float64 // from when the end of a job was on disk
	asked []float64 // from before it was written down
}

// stretches cuts n callers, in the order of their coming, into those whose jobs end one
// by one, the next up to usual, and the rest.
func stretches(n int) (few, usual int) {
	few = min(alone, n)
	return few, few + min(usualEnds, (n-few)/4)
}

func waitFigures(mode waitMode, ours, floor *waited, n int, note string) []figure {
	memory := figure{Name: mode.name + ", memory of a caller", Unit: kibibytes, Ours: ours.each}.against(floor.each, roomIs).aim(atMost(mode.each))
	memory.Note = fmt.Sprintf("growth of the process' RSS, %s; heap %s, stacks %s KiB", note, number(ours.heap), number(ours.stacks))
	answered := figure{Name: mode.name + ", callers answered", Ours: float64(ours.answered)}.aim(atLeast(float64(n)))
	answered.Note = "each with the end of another job"
	idle := figure{Name: mode.name + ", API while they wait, of a core", Unit: percent, Ours: ours.cpu, Note: "the process looks at their jobs now and then, since news may be lost"}
	p99 := func(pace int, ours, floor delays) figure {
		f := figure{Name: fmt.Sprintf("%s, end to answer at %d a second, p99", mode.name, pace), Unit: millis, Ours: quantile(ours.done, 0.99)}.
			against(quantile(floor.done, 0.99), roomIs).aim(ratioAtMost(mostDelivery))
		f.Note = fmt.Sprintf("p50 %s, the floor's %s; with the write to Redis p99 %s ms", number(median(ours.done)), number(median(floor.done)), number(quantile(ours.asked, 0.99)))
		return f
	}
	single := figure{Name: mode.name + ", end to answer, one by one, p50", Unit: millis, Ours: median(ours.alone.done)}.
		against(median(floor.alone.done), roomIs).aim(atMost(mostAlone))
	out := []figure{memory, answered, p99(usualPace, ours.usual, floor.usual), p99(fullPace, ours.full, floor.full), single}
	if !mode.posts { // where they do, their jobs live meanwhile
		out = slices.Insert(out, 1, idle)
	}
	return out
}

// wait lets callers wait in one way, in an API process of their own.
func (s *service) wait(ctx context.Context, jobs *lives, mode waitMode, n int) (out *waited, err error) {
	steps := lifeSteps()
	before, end := steps[:len(steps)-1], steps[len(steps)-1]
	if !mode.posts {
		if err := s.prepare(ctx, jobs, n, before); err != nil {
			return nil, err
		}
	}
	if _, err := s.startAPI(ctx); err != nil {
		return nil, err
	}
	defer s.rig.end(s.api)
	if err := pause(ctx, calm); err != nil {
		return nil, err
	}
	footing, err := s.footprint(ctx)
	if err != nil {
		return nil, err
	}
	callers, err := seat(ctx, s.apiAddr, n, mode.listen(s.apiAddr, jobs.list))
	if err != nil {
		return nil, err
	}
	defer callers.leave()
	if err := callers.await(ctx, n, s.waiting); err != nil {
		return nil, err
	}
	ready := time.Now().Add(mode.calm)
	if mode.posts {
		if err := jobs.begin(ctx, n, before); err != nil {
			return nil, err
		}
	} else if err := pause(ctx, calm); err != nil { // until streams have told what was before
		return nil, err
	}
	start, err := s.api.Usage()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := pause(ctx, time.Until(ready)); err != nil {
		return nil, err
	}
	full, err := s.footprint(ctx)
	if err != nil {
		return nil, err
	}
	each := func(grown int64) float64 { return kib(grown) / float64(n) }
	out = &waited{each: each(full.rss - footing.rss), heap: each(full.heap - footing.heap), stacks: each(full.stacks - footing.stacks)}
	out.cpu = 100 * (full.cpu - start.CPU).Seconds() / time.Since(began).Seconds()
	return out, out.deliver(ctx, jobs, callers, end)
}

// prepare makes jobs and takes them to their last but one event.
func (s *service) prepare(ctx context.Context, jobs *lives, n int, steps []step) error {
	if _, err := s.startAPI(ctx); err != nil {
		return err
	}
	defer s.rig.end(s.api) // what it has left in its memory is not the callers'
	if err := s.submitImages(ctx, n); err != nil {
		return err
	}
	return jobs.begin(ctx, n, steps)
}

// begin takes up n new jobs and takes each through the first steps.
func (l *lives) begin(ctx context.Context, n int, steps []step) error {
	if err := l.find(ctx, n); err != nil {
		return err
	}
	return l.live(ctx, l.list, steps, 0)
}

// footprint is what a process holds.
type footprint struct {
	rss, heap, stacks int64
	cpu               time.Duration
}

func (s *service) footprint(ctx context.Context) (f footprint, err error) {
	m, err := metrics(ctx, s.apiAddr)
	if err != nil {
		return f, err
	}
	u, err := s.api.Usage()
	return footprint{u.RSSBytes, int64(m["go_memstats_heap_inuse_bytes"]), int64(m["go_memstats_stack_inuse_bytes"]), u.CPU}, err
}

// deliver ends the jobs, a few one by one and then the others, and hears all the
// callers.
func (w *waited) deliver(ctx context.Context, jobs *lives, callers *audience, end step) error {
	ends := map[job.ID]*life{} // of those whose caller was not heard yet
	for _, one := range jobs.list {
		ends[one.id] = one
	}
	hear := func(d *delays) error {
		h, err := callers.next(ctx)
		if err != nil {
			return err
		}
		one, ok := ends[h.id]
		if !ok || len(one.writes) == 0 {
			return fmt.Errorf("a caller got the result of %q, which is another's or has not ended", h.id)
		}
		delete(ends, h.id)
		w.answered++
		last := one.writes[len(one.writes)-1]
		d.done, d.asked = append(d.done, ms(max(0, h.at.Sub(last.done)))), append(d.asked, ms(h.at.Sub(last.asked)))
		return nil
	}
	together := func(list []*life, pace int, d *delays) error {
		err := jobs.live(ctx, list, []step{end}, pace)
		for range list {
			if err != nil {
				return err
			}
			err = hear(d)
		}
		return err
	}
	few, usual := stretches(len(jobs.list))
	for _, one := range jobs.list[:few] {
		if err := together([]*life{one}, 0, &w.alone); err != nil {
			return err
		}
	}
	if err := together(jobs.list[few:usual], usualPace, &w.usual); err != nil {
		return err
	}
	return together(jobs.list[usual:], fullPace, &w.full)
}

// waitAtFloor is the same at the floor.
func (r *rig) waitAtFloor(ctx context.Context, n int) (*waited, error) {
	room, err := r.newRoom(ctx)
	if err != nil {
		return nil, err
	}
	defer room.process.Kill()
	if err := pause(ctx, calm); err != nil {
		return nil, err
	}
	before, err := room.process.Usage()
	if err != nil {
		return nil, err
	}
	callers, err := seat(ctx, room.addr, n, room.listen(1, 0))
	if err != nil {
		return nil, err
	}
	defer callers.leave()
	if err := callers.await(ctx, n, room.waiting); err != nil {
		return nil, err
	}
	if err := pause(ctx, calm); err != nil {
		return nil, err
	}
	after, err := room.process.Usage()
	if err != nil {
		return nil, err
	}
	out := &waited{each: kib(after.RSSBytes-before.RSSBytes) / float64(n)}
	return out, out.tell(ctx, room, callers, n)
}

// tell is deliver at the floor.
func (w *waited) tell(ctx context.Context, room *room, callers *audience, n int) error {
	together := func(from, to, pace int, d *delays) error {
		_, err := room.tell(ctx, from, to-from, pace)
		for range to - from {
			if err != nil {
				return err
			}
			var h heard
			h, err = callers.next(ctx)
			d.done = append(d.done, h.delays()...)
			w.answered++
		}
		return err
	}
	few, usual := stretches(n)
	for i := range few {
		if err := together(i, i+1, 1, &w.alone); err != nil {
			return err
		}
	}
	if err := together(few, usual, usualPace, &w.usual); err != nil {
		return err
	}
	return together(usual, n, fullPace, &w.full)
}

// listenPost makes a job and waits for it.
func listenPost(addr string, _ []*life) listener {
	request := imageRequest(addr)
	return func(c *wire.Conn, _ int) heard { return whole(c, request) }
}

// listenPoll asks after a job that is there.
func listenPoll(addr string, list []*life) listener {
	return func(c *wire.Conn, i int) heard {
		return whole(c, wire.NewRequest(http.MethodGet, "/v1/jobs/"+string(list[i].id)+"?wait=300", addr, "", "Authorization: Bearer pooled"))
	}
}

// whole reads an answer that comes as one, with white space in front or without.
func whole(c *wire.Conn, request wire.Request) (h heard) {
	status, body, err := c.Do(request)
	h.at = time.Now()
	var answer struct {
		ID      job.ID            `json:"id"`
		Choices []json.RawMessage `json:"choices"`
	}
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err == nil && (status != http.StatusOK || len(answer.Choices) == 0) {
		err = fmt.Errorf("a caller was answered %d %.300s", status, body)
	}
	h.id, h.err = answer.ID, err
	return h
}

// listenToEnd follows a job's log until it ends.
func listenToEnd(addr string, list []*life) listener {
	return func(c *wire.Conn, i int) heard {
		h := follow(c, addr, list[i].id)
		if h.err == nil && len(h.read) > 0 {
			h.at = h.read[len(h.read)-1].at
		}
		return h
	}
}
