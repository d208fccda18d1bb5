package stand

import (
	"context"
	"crypto/rand"
	"flag"
	"io"
	"net/http"

	"github.com/hibiken/asynq"
	"github.com/labstack/echo/v4"
)

// runEnqueue is the least that a service of jobs on Echo and asynq does: it
// reads the request, enqueues a task and answers with its id.
func runEnqueue(ctx context.Context, flags *flag.FlagSet, args []string, stdout io.Writer) error {
	addr := flags.String("addr", "", "host:port to listen on")
	redis := flags.String("redis", "", "host:port of Redis")
	if err := flags.Parse(args); err != nil {
		return err
	}
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: *redis})
	defer func() { _ = client.Close() }()
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.POST("/*", func(c echo.Context) error {
		var request struct {
			Prompt string `json:"prompt"`
		}
		if err := c.Bind(&request); err != nil {
			return err
		}
		id := rand.Text()
		task := asynq.NewTask("submit", []byte(id))
		if _, err := client.EnqueueContext(c.Request().Context(), task, asynq.Queue("floor"), asynq.TaskID(id)); err != nil {
			return err
		}
		return c.JSON(http.StatusAccepted, map[string]string{"id": id, "object": "job", "status": "queued"})
	})
	return serve(ctx, *addr, stdout, e)
}
