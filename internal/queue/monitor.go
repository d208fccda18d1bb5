package queue

import (
	"context"
	"net/http"
	"slices"

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

// Page is Asynq's own dashboard, read-only, for a path such as "/admin/queues". It
// has no authentication of its own.
func (m *Monitor) Page(path string) http.Handler {
	return asynqmon.New(asynqmon.Options{RootPath: path, RedisConnOpt: connected{m.rdb}, ReadOnly: true})
}

// connected hands the dashboard the connection that there is.
type connected struct{ rdb redis.UniversalClient }

func (c connected) MakeRedisClient() any { return c.rdb }
