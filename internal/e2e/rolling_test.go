package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// Who follows what in TestRollingRestart: 500 clients, of whom those of every
// fifth job still follow when everything else is over.
const (
	followedJobs   = 50
	followersOfOne = 10
	heldEvery      = 5
)

// follower is a client that follows one job's log, over as many connections as
// that takes and on any API. It keeps no more than a browser does: the last id.
type follower struct {
	job, path string
	dice      *rand.Rand
	turn      int // which API is next
	connected func()

	told    []frame // events with a number, in the order in which they came
	over    bool    // it has nothing more to ask for
	refused error   // why, if that is not the end of the log
	cuts    int     // connections that it cut itself
	handed  int     // connections that ended otherwise before the end was told
}

// run follows to the end.
func (f *follower) run(ctx context.Context, c *cluster) error {
	defer f.connected()
	for !f.over {
		if err := until(ctx, func() error { return f.attend(ctx, c) }); err != nil {
			return fmt.Errorf("%s, behind event %d, %d cuts and %d handovers: %w", f.path, len(f.told), f.cuts, f.handed, err)
		}
	}
	return f.refused
}

// attend follows over one connection. Its error is one after which clients try
// again.
func (f *follower) attend(ctx context.Context, c *cluster) error {
	f.turn++ // whoever was cut off here goes there
	r := request{url: c.apis[f.turn%len(c.apis)].base() + f.path, key: gatewayKey}
	if n := len(f.told); n > 0 {
		r.headers = []string{"Last-Event-ID", f.told[n-1].field("id")}
	}
	resp, err := c.open(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		f.connected()
		f.listen(resp.Body)
	case http.StatusNoContent: // there is nothing behind the last id
		f.over = true
	case http.StatusServiceUnavailable:
		return errors.New(resp.Status)
	default:
		f.refused, f.over = fmt.Errorf("%s, behind event %d: %s", f.path, len(f.told), resp.Status), true
	}
	return nil
}

// listen reads a stream to its end, or to where the dice cut it: at any byte, as
// networks do.
func (f *follower) listen(body io.Reader) {
	piece := &io.LimitedReader{R: body, N: math.MaxInt64}
	if f.dice.IntN(2) == 0 {
		piece.N = 1 + f.dice.Int64N(4<<10)
	}
	got, _ := readAll(piece) // what broke off is resumed, however it did
	frames := framesOf(got)
	f.told = append(f.told, durable(frames)...)
	f.over = endTold(frames)
	switch {
	case f.over:
	case piece.N == 0:
		f.cuts++
	default:
		f.handed++
	}
}

// endTold tells whether a stream of either dialect has come to its end.
func endTold(frames []frame) bool {
	if len(frames) == 0 {
		return false
	}
	last := frames[len(frames)-1]
	return last.field("data") == "[DONE]" || slices.Contains([]string{"job.succeeded", "job.failed", "job.canceled"}, last.field("event"))
}

// followed posts the jobs, pictures and videos that end one after the other, and
// gives their followers, in both dialects. Those that are held wait at the
// upstream until they are canceled.
func (c *cluster) followed(connected *sync.WaitGroup) (followers []*follower, held []string) {
	c.Helper()
	seed := rand.Uint64()
	c.Logf("the cuts are those of seed %d", seed)
	for i := range followedJobs {
		path, prompt := imagePath, fmt.Sprintf("a cat sim:ready=%dms", 500+i*100)
		switch {
		case i%heldEvery == 0:
			path, prompt = videoPath, "waves sim:queued=100s"
		case i%2 == 0:
			path, prompt = videoPath, fmt.Sprintf("waves sim:ready=%dms", 500+i*100)
		}
		id := c.post(c.apis[i%2], path, gatewayKey, c.prompt(prompt))
		if i%heldEvery == 0 {
			held = append(held, id)
		}
		for n := range followersOfOne {
			connected.Add(1)
			f := &follower{
				job: id, path: "/v1/jobs/" + id + "/events", turn: n / 2,
				dice: rand.New(rand.NewPCG(seed, uint64(i*followersOfOne+n))), connected: sync.OnceFunc(connected.Done),
			}
			if n%2 == 0 {
				f.path = path + "/" + id + "/events"
			}
			followers = append(followers, f)
		}
	}
	return followers, held
}

// TestRollingRestart: the APIs are replaced in turn, twice, while 500 clients
// follow jobs whose connections also break at random. Each of them ends with
// exactly its job's log, whichever API told what.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	c := plan{limit: followedJobs, settings: append(patient(),
		"TINTYPE_VIDEO_POLL_INTERVAL=1s", "TINTYPE_VIDEO_POLL_MAX_INTERVAL=1s", "TINTYPE_WAIT_RECHECK=5s", "TINTYPE_WAIT_SSE_HEARTBEAT=5s",
		"TINTYPE_SERVER_SHUTDOWN_GRACE=2s",
		"TINTYPE_SERVER_PUBLIC_URL=http://tintype.test", // links are the same from every API
	)}.start(t)
	ctx, cancel := context.WithTimeout(t.Context(), callWithin)
	defer cancel()
	var connected sync.WaitGroup
	followers, held := c.followed(&connected)
	ended := make(chan error, len(followers))
	for _, f := range followers {
		go func() { ended <- f.run(ctx, c) }()
	}
	connected.Wait()
	for range 2 {
		for _, p := range c.apis {
			c.awaitGauge(p, `http_waiters{kind="stream"}`, func(v float64) bool { return v >= float64(len(held)*followersOfOne/4) })
			began := time.Now()
			p.stop(t)
			t.Logf("%s ended %s after SIGTERM", p.name, time.Since(began).Round(time.Millisecond))
			c.run(p)
		}
	}
	for i, id := range held {
		c.cancel(c.apis[i%2], gatewayKey, id)
	}
	for range followers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	c.checkFollowers(followers)
}

// checkFollowers holds what followers were told against the logs in Redis, and
// against what the APIs tell of them now.
func (c *cluster) checkFollowers(followers []*follower) {
	c.Helper()
	logs, cuts, handed := map[string][]frame{}, 0, 0
	for _, f := range followers {
		cuts, handed = cuts+f.cuts, handed+f.handed
		log, known := logs[f.path]
		if !known {
			log = c.loggedEvents(f)
			logs[f.path] = log
		}
		if got, want := seqs(f.told), seqs(log); !slices.Equal(got, want) {
			c.Errorf("%s: after %d cuts and %d handovers came %v, the log has %v", f.path, f.cuts, f.handed, got, want)
			continue
		}
		for i, e := range f.told {
			if !slices.Equal(e.lines, log[i].lines) && !sameEvent(e, log[i]) {
				c.Errorf("%s: event %d is %q, in the log %q", f.path, i+1, e.lines, log[i].lines)
			}
		}
	}
	c.Logf("%d clients were handed over %d times and cut off %d times", len(followers), handed, cuts)
	if few := len(followers) / 10; cuts < few || handed < few {
		c.Error("too few connections broke: this test shows nothing")
	}
}

// loggedEvents are the events of a follower's job as an API tells them now, which
// must be those of its log.
func (c *cluster) loggedEvents(f *follower) []frame {
	c.Helper()
	j, err := c.record(c.ctx(), f.job)
	if err != nil {
		c.Fatal(err)
	}
	whole := durable(framesOf(c.call(request{url: c.apis[0].base() + f.path, key: gatewayKey}).body))
	for i, e := range j.log {
		if i >= len(whole) || fmt.Sprintf("%d-0", whole[i].seq()) != e.id || whole[i].field("event") != "" && whole[i].field("event") != e.kind {
			c.Errorf("%s: the log's entry %d is %s, %s; of it is told %q", f.path, i+1, e.id, e.kind, whole[min(i, len(whole)):min(i+1, len(whole))])
		}
	}
	if len(whole) != len(j.log) || !j.final() {
		c.Errorf("%s: %d events are told of a job that is %s and has %d", f.path, len(whole), j.state, len(j.log))
	}
	return whole
}
