package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
)

// Handler acts on a job whose bell was rung. Nil means that the bell has been
// heard, also when there was nothing to do. An error lets the bell be rung
// again soon. The context ends when the task should be given up.
type Handler func(ctx context.Context, id job.ID) error

// ServerConfig is one stage's server.
type ServerConfig struct {
	Redis   redis.UniversalClient // closed by its owner, after Stop
	Tag     string                // the same as the client's
	Stage   job.Stage
	Handler Handler

	// Concurrency is how many handlers run at once; at least 1.
	Concurrency int

	// Check is how often an idle server looks for a bell; the mean wait is
	// about half of it. Zero: 40 ms, which costs Redis some 25 cheap reads a
	// second and keeps an idle service's first step well below 60 ms.
	Check time.Duration

	// Grace is how long Stop waits for running handlers. It must be longer than
	// the longest of them that may not be cut off.
	Grace time.Duration

	Log *slog.Logger
}

// Server hears the bells of one stage. Concurrency is a property of an Asynq
// server, so each stage has its own: long uploads never keep submissions back.
type Server struct {
	asynq  *asynq.Server
	config ServerConfig
}

// NewServer makes a server that hears nothing before Start.
func NewServer(c ServerConfig) *Server {
	if c.Check == 0 {
		c.Check = 40 * time.Millisecond
	}
	return &Server{config: c, asynq: asynq.NewServerFromRedisClient(c.Redis, asynq.Config{
		Concurrency:              c.Concurrency,
		Queues:                   map[string]int{queueName(c.Tag, c.Stage): 1},
		TaskCheckInterval:        c.Check,
		DelayedTaskCheckInterval: time.Second,
		ShutdownTimeout:          c.Grace,
		RetryDelayFunc:           retryDelay,
		Logger:                   logger{c.Log.With("stage", string(c.Stage))},
		LogLevel:                 asynq.WarnLevel,
	})}
}

// Start begins to hear bells and returns.
func (s *Server) Start() error {
	if err := s.asynq.Start(asynq.HandlerFunc(s.process)); err != nil {
		return fmt.Errorf("queue: stage %s: %w", s.config.Stage, err)
	}
	return nil
}

// Pause takes no further bells; handlers that run go on.
func (s *Server) Pause() { s.asynq.Stop() }

// Stop takes no further bells and waits for the handlers that run, as long as
// Grace; those still running then are left to their own contexts.
func (s *Server) Stop() { s.asynq.Shutdown() }

// errPayload is a task that is not ours.
var errPayload = errors.New("queue: the task holds no job id")

func (s *Server) process(ctx context.Context, t *asynq.Task) error {
	id, ok := job.ParseID(string(t.Payload()))
	if !ok {
		return fmt.Errorf("%w: %w", errPayload, asynq.SkipRetry)
	}
	return s.config.Handler(ctx, id)
}

// retryDelay is never zero: several of Asynq's recoverers would run a task
// whose worker died at the same time.
func retryDelay(n int, err error, _ *asynq.Task) time.Duration {
	if errors.Is(err, asynq.ErrLeaseExpired) {
		return 5 * time.Second
	}
	return min(time.Second<<min(n, 5), 30*time.Second)
}

// logger hands Asynq's own lines to slog.
type logger struct{ log *slog.Logger }

func (l logger) line(level slog.Level, args []any) {
	l.log.LogAttrs(context.Background(), level, "asynq", slog.String("text", fmt.Sprint(args...)))
}

func (l logger) Debug(args ...any) { l.line(slog.LevelDebug, args) }
func (l logger) Info(args ...any)  { l.line(slog.LevelInfo, args) }
func (l logger) Warn(args ...any)  { l.line(slog.LevelWarn, args) }
func (l logger) Error(args ...any) { l.line(slog.LevelError, args) }

// Fatal is for errors after which Asynq would end the process; ours decides
// for itself when to end.
func (l logger) Fatal(args ...any) { l.line(slog.LevelError, args) }
