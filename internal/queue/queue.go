// Package queue carries bells to the stages of the workers over Asynq. It is
// the only package that knows Asynq.
//
// A task holds a job's id and nothing else. It may run no time, once or many
// times: what is to be done stands in the job's record, and a sweeper rings
// again for whatever was forgotten. So nothing that befalls a task can lose or
// double a job.
package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// taskTimeout is when Asynq gives up a handler. Stages have limits of their
// own, all shorter; a task that Asynq has given up may run elsewhere while its
// handler goes on here, and only the job's lease keeps them apart.
const taskTimeout = 4 * time.Hour

// maxRetry must not be 0: Asynq then archives a task whose worker died, at once.
const maxRetry = 5

// Client rings. It is safe for concurrent use.
type Client struct {
	asynq *asynq.Client
	tag   string
}

// NewClient makes a client on a connection that its caller closes. Queues of
// different tags are apart.
func NewClient(rdb redis.UniversalClient, tag string) *Client {
	return &Client{asynq: asynq.NewClientFromRedisClient(rdb), tag: tag}
}

// Ring puts bells into their stages' queues. A bell that is there already is
// no error. After an error some may have been rung and some not; the sweeper
// rings those again.
func (c *Client) Ring(ctx context.Context, bells ...job.Bell) error {
	var errs []error
	for _, b := range bells {
		task := asynq.NewTask(string(b.Stage), []byte(b.Job))
		_, err := c.asynq.EnqueueContext(ctx, task,
			asynq.Queue(queueName(c.tag, b.Stage)), asynq.TaskID(taskID(b)),
			asynq.MaxRetry(maxRetry), asynq.Timeout(taskTimeout))
		if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return errUnreachable(err)
	}
	return nil
}

func errUnreachable(cause error) error {
	return fault.Wrap(fault.Unavailable, "The queue cannot be reached.", cause)
}

// taskID names one ring. A bare job id would make the second ring of a job
// impossible for as long as a trace of the first one is left.
func taskID(b job.Bell) string {
	return strings.Join([]string{string(b.Stage), string(b.Job), strconv.FormatInt(b.N, 10)}, ":")
}

func queueName(tag string, s job.Stage) string { return fmt.Sprintf("%s-%s", tag, s) }
