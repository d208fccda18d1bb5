package redisstore

import (
	"context"
	"log/slog"
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
	log     *slog.Logger
	mu      sync.Mutex
	waiters map[job.ID]map[chan struct{}]struct{}
}

// NewNews makes the waiters' room. It hears nothing until Run is called.
func (s *Store) NewNews(log *slog.Logger) *News {
	return &News{
		pubsub:  func(ctx context.Context) *redis.PubSub { return s.rdb.Subscribe(ctx, s.prefix+"news") },
		log:     log,
		waiters: map[job.ID]map[chan struct{}]struct{}{},
	}
}

// Run hears the news until ctx ends. After a lost connection it subscribes
// again and wakes everybody, since they may have missed something.
func (n *News) Run(ctx context.Context) error {
	sub := n.pubsub(ctx)
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() })
	defer func() {
		if stop() {
			_ = sub.Close()
		}
	}()
	for ctx.Err() == nil {
		msg, err := sub.Receive(ctx)
		if err != nil {
			if ctx.Err() == nil {
				n.log.WarnContext(ctx, "the subscription to job news was lost", "err", err)
				pause(ctx)
			}
			continue
		}
		switch m := msg.(type) {
		case *redis.Subscription:
			n.wakeAll()
		case *redis.Message:
			id, _, _ := strings.Cut(m.Payload, " ")
			n.wake(job.ID(id))
		}
	}
	return context.Cause(ctx)
}

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

// pause keeps a subscription that fails at once from spinning.
func pause(ctx context.Context) {
	timer := time.NewTimer(500 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
