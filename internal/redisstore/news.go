package redisstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
)

// News wakes whoever waits for a job. One subscription serves all waiters of a
// process, however many there are. A message says only that something changed,
// and messages may be lost: listen first, then read, and read again every few
// seconds.
type News struct {
	pubsub  func(context.Context) *redis.PubSub
	mu      sync.Mutex
	waiters map[job.ID]map[chan struct{}]struct{}
}

// NewNews makes the waiters' room. It hears nothing until Run is called.
func (s *Store) NewNews() *News {
	return &News{
		pubsub:  func(ctx context.Context) *redis.PubSub { return s.rdb.Subscribe(ctx, s.prefix+"news") },
		waiters: map[job.ID]map[chan struct{}]struct{}{},
	}
}

// newsCheck is how long a subscription may be silent before it is tried.
const newsCheck = 3 * time.Second

// Run hears the news until ctx ends. After a lost connection it subscribes
// again and wakes everybody, since they may have missed something.
func (n *News) Run(ctx context.Context) error {
	sub := n.pubsub(ctx)
	defer func() { _ = sub.Close() }()
	messages := sub.ChannelWithSubscriptions(redis.WithChannelSize(4096), redis.WithChannelHealthCheckInterval(newsCheck))
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case msg, ok := <-messages:
			if !ok {
				return errNewsEnded
			}
			switch m := msg.(type) {
			case *redis.Subscription:
				n.wakeAll()
			case *redis.Message:
				id, _, _ := strings.Cut(m.Payload, " ")
				n.wake(job.ID(id))
			}
		}
	}
}

var errNewsEnded = errors.New("redisstore: the subscription to job news ended")

// Listen gives a channel that is sent to, at least once, after each change of
// a job. It holds one wake-up; stop must be called.
func (n *News) Listen(id job.ID) (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiters[id] == nil {
		n.waiters[id] = map[chan struct{}]struct{}{}
	}
	n.waiters[id][ch] = struct{}{}
	return ch, func() { n.forget(id, ch) }
}

func (n *News) forget(id job.ID, ch chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.waiters[id], ch)
	if len(n.waiters[id]) == 0 {
		delete(n.waiters, id)
	}
}

func (n *News) wake(id job.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for ch := range n.waiters[id] {
		nudge(ch)
	}
}

func (n *News) wakeAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, chans := range n.waiters {
		for ch := range chans {
			nudge(ch)
		}
	}
}

// nudge wakes a waiter that is not awake already.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
