package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/queue"
)

// TestLoads: the numbers are Asynq's own, which its inspector tells as well.
func TestLoads(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, rdb redis.UniversalClient) {
		m := queue.NewMonitor(rdb, "t")
		load := func(stage job.Stage) queue.Load {
			t.Helper()
			all, err := m.Loads(t.Context())
			if err != nil || len(all) != 3 {
				t.Fatalf("%+v, %v", all, err)
			}
			for _, l := range all {
				if l.Stage == stage {
					return l
				}
			}
			t.Fatalf("no %s in %+v", stage, all)
			return queue.Load{}
		}
		if l := load(job.StageMirror); l != (queue.Load{Stage: job.StageMirror}) {
			t.Errorf("an empty queue: %+v", l)
		}
		heard, end := make(chan job.ID, 1), make(chan struct{})
		s := start(t, rdb, job.StageMirror, func(_ context.Context, id job.ID) error {
			heard <- id
			<-end
			return nil
		})
		defer s.Stop()
		defer close(end)
		c := queue.NewClient(rdb, "t")
		if err := c.Ring(t.Context(), job.Bell{Job: job.NewID(time.Now()), Stage: job.StageMirror, N: 1}); err != nil {
			t.Fatal(err)
		}
		_ = next(t, heard)
		if l := load(job.StageMirror); l.Active != 1 || l.Pending != 0 || l.Orphans != 0 || l.Oldest != 0 {
			t.Errorf("one runs: %+v", l)
		}

		if err := c.Ring(t.Context(), job.Bell{Job: "b", Stage: job.StageSubmit, N: 1}, job.Bell{Job: "c", Stage: job.StageSubmit, N: 1}); err != nil {
			t.Fatal(err)
		}
		queued := asynq.NewClientFromRedisClient(rdb)
		if _, err := queued.Enqueue(asynq.NewTask("submit", nil), asynq.Queue("t-submit"), asynq.ProcessIn(time.Hour)); err != nil {
			t.Fatal(err)
		}
		oldest := rdb.LIndex(t.Context(), "asynq:{t-submit}:pending", -1).Val()
		if oldest != "submit:b:1" {
			t.Fatalf("the oldest is %q", oldest)
		}
		rdb.HSet(t.Context(), "asynq:{t-submit}:t:"+oldest, "pending_since", time.Now().Add(-time.Minute).UnixNano())
		l := load(job.StageSubmit)
		if l.Pending != 2 || l.Scheduled != 1 || l.Active+l.Retry+l.Archived+l.Orphans != 0 || l.Oldest < time.Minute || l.Oldest > 2*time.Minute {
			t.Errorf("two wait, one for an hour: %+v", l)
		}
		inspector := asynq.NewInspectorFromRedisClient(rdb)
		if err := inspector.ArchiveTask("t-submit", oldest); err != nil {
			t.Fatal(err)
		}
		if l := load(job.StageSubmit); l.Pending != 1 || l.Archived != 1 || l.Oldest > time.Minute {
			t.Errorf("one is archived: %+v", l)
		}

		// A process died: its task is active, and its lease lapses, or is lost.
		key := "asynq:{t-mirror}:"
		rdb.LPush(t.Context(), key+"active", "mirror:d:1", "mirror:e:1")
		rdb.ZAdd(t.Context(), key+"lease", redis.Z{Score: float64(time.Now().Add(-time.Minute).Unix()), Member: "mirror:d:1"})
		if l := load(job.StageMirror); l.Active != 3 || l.Orphans != 2 {
			t.Errorf("two of three are orphans: %+v", l)
		}
		rdb.Del(t.Context(), key+"active", key+"lease") // or the server would find them
	})
}

func TestLoadsWithoutRedis(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { _ = rdb.Close() })
	if _, err := queue.NewMonitor(rdb, "t").Loads(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v", err)
	}
}
