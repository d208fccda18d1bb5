package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/queue"
	"github.com/tintypehq/tintype/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func eachRedis(t *testing.T, run func(*testing.T, redis.UniversalClient)) {
	t.Helper()
	addrs := map[string]func(*testing.T) string{
		"miniredis": func(t *testing.T) string { return miniredis.RunT(t).Addr() },
		"redis":     func(t *testing.T) string { return testserver.Redis(t).Addr },
	}
	for name, addr := range addrs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rdb := redis.NewClient(&redis.Options{Addr: addr(t)})
			t.Cleanup(func() { _ = rdb.Close() })
			run(t, rdb)
		})
	}
}

func start(t *testing.T, rdb redis.UniversalClient, stage job.Stage, h queue.Handler) *queue.Server {
	t.Helper()
	s := queue.NewServer(queue.ServerConfig{
		Redis: rdb, Tag: "t", Stage: stage, Handler: h, Concurrency: 4, Check: 5 * time.Millisecond,
		Grace: 5 * time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func next(t *testing.T, ids <-chan job.ID) job.ID {
	t.Helper()
	select {
	case id := <-ids:
		return id
	case <-time.After(10 * time.Second):
		t.Fatal("no bell was heard")
		return ""
	}
}

func TestBellsReachTheirStage(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, rdb redis.UniversalClient) {
		heard := make(chan job.ID, 10)
		s := start(t, rdb, job.StageMirror, func(_ context.Context, id job.ID) error {
			heard <- id
			return nil
		})
		defer s.Stop()
		c := queue.NewClient(rdb, "t")
		first, second := job.NewID(time.Now()), job.NewID(time.Now())
		bells := []job.Bell{
			{Job: job.NewID(time.Now()), Stage: job.StageSubmit, N: 1}, // nobody hears that stage
			{Job: first, Stage: job.StageMirror, N: 1},
		}
		if err := c.Ring(t.Context(), bells...); err != nil {
			t.Fatal(err)
		}
		if got := next(t, heard); got != first {
			t.Errorf("heard %s, want %s", got, first)
		}
		if err := c.Ring(t.Context(), job.Bell{Job: first, Stage: job.StageMirror, N: 2}, job.Bell{Job: second, Stage: job.StageMirror, N: 1}); err != nil {
			t.Fatal(err)
		}
		if a, b := next(t, heard), next(t, heard); a == b || (a != first && b != first) {
			t.Errorf("heard %s and %s", a, b)
		}
	})
}

func TestSameBellIsQueuedOnce(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, rdb redis.UniversalClient) {
		c := queue.NewClient(rdb, "t")
		bell := job.Bell{Job: job.NewID(time.Now()), Stage: job.StageSubmit, N: 3}
		for range 2 {
			if err := c.Ring(t.Context(), bell); err != nil {
				t.Fatal(err)
			}
		}
		if n := rdb.LLen(t.Context(), "asynq:{t-submit}:pending").Val(); n != 1 {
			t.Errorf("%d tasks pending, want 1", n)
		}
	})
}

func TestFailedHandlerIsRungAgain(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, rdb redis.UniversalClient) {
		heard := make(chan job.ID, 10)
		var calls atomic.Int32
		s := start(t, rdb, job.StageSubmit, func(_ context.Context, id job.ID) error {
			heard <- id
			if calls.Add(1) == 1 {
				return errors.New("once")
			}
			return nil
		})
		defer s.Stop()
		id := job.NewID(time.Now())
		if err := queue.NewClient(rdb, "t").Ring(t.Context(), job.Bell{Job: id, Stage: job.StageSubmit, N: 1}); err != nil {
			t.Fatal(err)
		}
		next(t, heard)
		if got := next(t, heard); got != id {
			t.Errorf("heard %s again, want %s", got, id)
		}
	})
}

func TestForeignTaskIsPutAside(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, rdb redis.UniversalClient) {
		heard := make(chan job.ID, 10)
		s := start(t, rdb, job.StageSubmit, func(_ context.Context, id job.ID) error {
			heard <- id
			return nil
		})
		defer s.Stop()
		if _, err := asynq.NewClientFromRedisClient(rdb).Enqueue(asynq.NewTask("x", []byte("not an id")), asynq.Queue("t-submit")); err != nil {
			t.Fatal(err)
		}
		id := job.NewID(time.Now())
		if err := queue.NewClient(rdb, "t").Ring(t.Context(), job.Bell{Job: id, Stage: job.StageSubmit, N: 1}); err != nil {
			t.Fatal(err)
		}
		if got := next(t, heard); got != id {
			t.Errorf("heard %s, want %s", got, id)
		}
	})
}

func TestRingWithoutRedisIsUnavailable(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer func() { _ = rdb.Close() }()
	err := queue.NewClient(rdb, "t").Ring(t.Context(), job.Bell{Job: job.NewID(time.Now()), Stage: job.StageSubmit, N: 1})
	if err == nil {
		t.Error("no error without Redis")
	}
}
