package queue

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
)

// Monitor looks into the queues. It only reads: an operator who deletes a task
// there would only be corrected by the sweeper.
type Monitor struct {
	rdb redis.UniversalClient
	tag string
}

// NewMonitor makes a monitor on a connection that its caller closes.
func NewMonitor(rdb redis.UniversalClient, tag string) *Monitor { return &Monitor{rdb: rdb, tag: tag} }

// Stat is how one stage's queue stands.
type Stat struct {
	Stage                             job.Stage
	Pending, Active, Retry, Scheduled int
	Archived                          int // tasks that Asynq has given up; the sweeper rings again for their jobs
	LatencySeconds                    float64
}

// Queues tells how the queues stand. One that nothing was put into yet is empty.
func (m *Monitor) Queues(_ context.Context) ([]Stat, error) {
	inspector := asynq.NewInspectorFromRedisClient(m.rdb)
	known, err := inspector.Queues()
	if err != nil {
		return nil, errUnreachable(err)
	}
	var out []Stat
	for _, stage := range []job.Stage{job.StageSubmit, job.StageMirror, job.StageWebhook} {
		if !slices.Contains(known, queueName(m.tag, stage)) {
			out = append(out, Stat{Stage: stage})
			continue
		}
		info, err := inspector.GetQueueInfo(queueName(m.tag, stage))
		if err != nil {
			return nil, errUnreachable(err)
		}
		out = append(out, Stat{
			Stage: stage, Pending: info.Pending, Active: info.Active, Retry: info.Retry, Scheduled: info.Scheduled,
			Archived: info.Archived, LatencySeconds: info.Latency.Seconds(),
		})
	}
	return out, nil
}

// Load is how much one stage's queue holds. A task is in one of the five numbers;
// Orphans are of Active.
type Load struct {
	Stage                                       job.Stage
	Pending, Active, Scheduled, Retry, Archived int64

	// Orphans are active tasks whose lease has lapsed: their process is gone, and no
	// other one has noticed yet.
	Orphans int64

	Oldest time.Duration // since the oldest pending task was put in; zero without any
}

// Loads tells what the queues hold, in two round trips, of whatever length they are:
// what Queues asks of Asynq also weighs their tasks.
func (m *Monitor) Loads(ctx context.Context) ([]Load, error) {
	stages := []job.Stage{job.StageSubmit, job.StageMirror, job.StageWebhook}
	asked := make([]loadQuery, len(stages))
	pipe := m.rdb.Pipeline()
	clock := pipe.Time(ctx)
	for i, stage := range stages {
		asked[i] = askLoad(ctx, pipe, queueName(m.tag, stage))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) { // no task waits
		return nil, errUnreachable(err)
	}
	now := clock.Val()
	out := make([]Load, len(stages))
	pipe = m.rdb.Pipeline()
	for i, q := range asked {
		out[i] = q.load(stages[i])
		q.askLapsed(ctx, pipe, now)
		asked[i] = q
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, errUnreachable(err)
	}
	for i, q := range asked {
		// A task that has no lease at all is as much an orphan.
		out[i].Orphans = min(out[i].Active, q.lapsed.Val()+max(0, out[i].Active-q.leases.Val()))
		if since, err := q.since.Int64(); err == nil {
			out[i].Oldest = max(0, now.Sub(time.Unix(0, since)))
		}
	}
	return out, nil
}

// loadQuery is what is asked of one queue, by the keys that Asynq gives its parts.
type loadQuery struct {
	prefix                                              string
	pending, active, scheduled, retry, archived, leases *redis.IntCmd
	first                                               *redis.StringCmd

	lapsed *redis.IntCmd
	since  *redis.StringCmd
}

func askLoad(ctx context.Context, pipe redis.Pipeliner, queue string) loadQuery {
	prefix := "asynq:{" + queue + "}:"
	return loadQuery{
		prefix: prefix, pending: pipe.LLen(ctx, prefix+"pending"), active: pipe.LLen(ctx, prefix+"active"), leases: pipe.ZCard(ctx, prefix+"lease"),
		scheduled: pipe.ZCard(ctx, prefix+"scheduled"), retry: pipe.ZCard(ctx, prefix+"retry"), archived: pipe.ZCard(ctx, prefix+"archived"),
		first: pipe.LIndex(ctx, prefix+"pending", -1),
	}
}

// askLapsed asks for what depends on the first answers. Leases end at a Unix
// second.
func (q *loadQuery) askLapsed(ctx context.Context, pipe redis.Pipeliner, now time.Time) {
	q.lapsed = pipe.ZCount(ctx, q.prefix+"lease", "-inf", strconv.FormatInt(now.Unix(), 10))
	q.since = pipe.HGet(ctx, q.prefix+"t:"+q.first.Val(), "pending_since")
}

func (q *loadQuery) load(stage job.Stage) Load {
	return Load{
		Stage: stage, Pending: q.pending.Val(), Active: q.active.Val(), Scheduled: q.scheduled.Val(), Retry: q.retry.Val(), Archived: q.archived.Val(),
	}
}

// Page is Asynq's own dashboard, read-only, for a path such as "/admin/queues". It
// has no authentication of its own.
func (m *Monitor) Page(path string) http.Handler {
	return asynqmon.New(asynqmon.Options{RootPath: path, RedisConnOpt: connected{m.rdb}, ReadOnly: true})
}

// connected hands the dashboard the connection that there is.
type connected struct{ rdb redis.UniversalClient }

func (c connected) MakeRedisClient() any { return c.rdb }
