package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
)

// News wakes whoever waits for a job. One subscription serves all waiters of a
// process, however many there are. A message says that something changed and, at a
// job's end, what has become of it (see [Listener.Ended]): a waiter that had to ask a
// Redis which is busy writing would have its answer later than the job's end by that
// much. Messages may be lost. So listen first, then read; and now and then News itself
// looks at the jobs that are waited for, many of them in one call.
type News struct {
	store  *Store
	every  time.Duration
	seed   maphash.Seed
	mu     sync.Mutex
	shards [newsShards]map[job.ID]*Listener // the first of each job

	self  string        // in the place of a job's id in our own beats
	heard atomic.Int64  // the newest of them that came back
	deaf  chan struct{} // none comes back any more
}

// Listener is one that waits for a job.
type Listener struct {
	news *News
	id   job.ID
	ch   chan struct{}
	saw  atomic.Int64
	end  atomic.Pointer[string] // as it came with the news, until somebody asks
	next *Listener              // of the same job
}

// newsShards is among how many shards the jobs are divided. News looks at one after the
// other: ten thousand jobs at once would keep this process and Redis busy for longer than
// an answer takes that has to be given just then, and so would, for some, 150.
const newsShards = 256

// NewNews makes room for waiters. It hears nothing until Run is called, and looks
// at each job every so often then.
func (s *Store) NewNews(every time.Duration) *News {
	n := &News{store: s, every: every, seed: maphash.MakeSeed(), self: "beat:" + rand.Text(), deaf: make(chan struct{}, 1)}
	for i := range n.shards {
		n.shards[i] = map[job.ID]*Listener{}
	}
	return n
}

// shard has those who wait for a job, and for others.
func (n *News) shard(id job.ID) map[job.ID]*Listener {
	return n.shards[maphash.String(n.seed, string(id))%newsShards]
}

// newsCheck is how long a subscription may be silent before it is tried.
const newsCheck = 3 * time.Second

// Run hears the news until ctx ends, and looks for what it has not heard. After a
// lost connection it subscribes again and wakes everybody, since they may have
// missed something.
func (n *News) Run(ctx context.Context) error {
	var others sync.WaitGroup
	defer others.Wait()
	ctx, end := context.WithCancel(ctx)
	defer end()
	others.Go(func() { n.lookAgain(ctx) })
	others.Go(func() { n.beat(ctx) })
	for {
		if err := n.hear(ctx); !errors.Is(err, errNewsDeaf) {
			return err
		}
	}
}

var (
	errNewsEnded = errors.New("redisstore: the subscription to job news ended")
	errNewsDeaf  = errors.New("redisstore: nothing is heard of the job news")
)

// hear hears the news of one subscription.
func (n *News) hear(ctx context.Context) error {
	sub := n.store.rdb.Subscribe(ctx, n.channel())
	defer func() { _ = sub.Close() }()
	messages := sub.ChannelWithSubscriptions(redis.WithChannelSize(4096), redis.WithChannelHealthCheckInterval(newsCheck))
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-n.deaf:
			return errNewsDeaf
		case msg, ok := <-messages:
			if !ok {
				return errNewsEnded
			}
			switch m := msg.(type) {
			case *redis.Subscription:
				n.wakeAll()
			case *redis.Message:
				n.told(m.Payload)
			}
		}
	}
}

func (n *News) channel() string { return n.store.prefix + "news" }

// told acts on one message.
func (n *News) told(text string) {
	id, rest, _ := strings.Cut(text, " ")
	if id == n.self {
		n.heard.Store(number(rest))
		return
	}
	_, end, _ := strings.Cut(rest, " ")
	n.hand(job.ID(id), end)
	n.wake(job.ID(id), always)
}

// beat publishes something of our own now and then, to hear whether anything is heard:
// a connection whose subscription was refused answers each PING and brings no news, and
// the library does not tell. Two checks without a beat mean that it is deaf; a process
// that has slept finds the beats of one check on its way.
func (n *News) beat(ctx context.Context) {
	tick := time.NewTicker(newsCheck)
	defer tick.Stop()
	var beats, before, last int64 // of the last two checks; 0: none was sent
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n.heard.Load() < before {
			before, last = 0, 0
			select {
			case n.deaf <- struct{}{}:
			default:
			}
			continue // what is published now may come before the next subscription
		}
		beats++
		before, last = last, beats
		if n.store.rdb.Publish(ctx, n.channel(), n.self+" "+strconv.FormatInt(beats, 10)).Err() != nil {
			before, last = 0, 0 // Redis is away: nothing can be heard
		}
	}
}

func (n *News) lookAgain(ctx context.Context) {
	tick := time.NewTicker(n.every / newsShards)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.lookAt(ctx, n.shards[i%newsShards])
		}
	}
}

// lookBatch is how many jobs one call asks for, so that Redis is not kept from its
// other callers.
const lookBatch = 256

// Look wakes those whose job has changed without news of it. Run does it by itself.
func (n *News) Look(ctx context.Context) {
	for _, shard := range n.shards {
		n.lookAt(ctx, shard)
	}
}

func (n *News) lookAt(ctx context.Context, shard map[job.ID]*Listener) {
	for ids := range slices.Chunk(n.waitedFor(shard), lookBatch) {
		versions := make([]*redis.StringCmd, len(ids))
		_, _ = n.store.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each answer has its own error
			for i, id := range ids {
				versions[i] = p.HGet(ctx, n.store.key("job:", string(id)), "ver")
			}
			return nil
		})
		for i, id := range ids {
			version, err := versions[i].Int64()
			switch {
			case err == nil:
				n.wake(id, version)
			case errors.Is(err, redis.Nil): // it is gone
				n.wake(id, always)
			} // else Redis is away, and the next look is soon
		}
	}
}

func (n *News) waitedFor(shard map[job.ID]*Listener) []job.ID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Collect(maps.Keys(shard))
}

// Listen waits for changes of a job. Stop must be called.
func (n *News) Listen(id job.ID) *Listener {
	l := &Listener{news: n, id: id, ch: make(chan struct{}, 1)}
	n.mu.Lock()
	defer n.mu.Unlock()
	shard := n.shard(id)
	l.next = shard[id]
	shard[id] = l
	return l
}

// Changed is sent to, at least once, after each change of the job. It holds one
// wake-up.
func (l *Listener) Changed() <-chan struct{} { return l.ch }

// Saw notes which version of the job its waiter has read. A Look wakes it for others:
// also for earlier ones, since a Redis may go back in time.
func (l *Listener) Saw(version int64) { l.saw.Store(version) }

// Ended is the job at its end and its whole log, if the newest news of it have brought
// them and it was not asked for since; else nil, and the job must be read. Each caller has a copy of
// its own.
func (l *Listener) Ended() *Ended {
	if text := l.end.Swap(nil); text != nil && *text != "" {
		return readEnded(*text)
	}
	return nil
}

// Stop ends the listening. It may be called again.
func (l *Listener) Stop() {
	n := l.news
	n.mu.Lock()
	defer n.mu.Unlock()
	shard := n.shard(l.id)
	if shard[l.id] == l {
		shard[l.id] = l.next
	}
	for at := shard[l.id]; at != nil; at = at.next {
		if at.next == l {
			at.next = l.next
		}
	}
	if shard[l.id] == nil {
		delete(shard, l.id)
	}
}

// always is a version that nobody has seen.
const always = -1

// hand gives those who wait for a job the end that news of it bring. News that bring
// none take an earlier one back: something has come after it.
func (n *News) hand(id job.ID, end string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for l := n.shard(id)[id]; l != nil; l = l.next {
		l.end.Store(&end)
	}
}

// wake wakes those who wait for a job and have seen another version of it.
func (n *News) wake(id job.ID, version int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for l := n.shard(id)[id]; l != nil; l = l.next {
		l.nudge(version)
	}
}

func (n *News) wakeAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, shard := range n.shards {
		for _, l := range shard {
			for ; l != nil; l = l.next {
				l.nudge(always)
			}
		}
	}
}

// nudge wakes a waiter that is not awake already.
func (l *Listener) nudge(version int64) {
	if l.saw.Load() == version {
		return
	}
	select {
	case l.ch <- struct{}{}:
	default:
	}
}
