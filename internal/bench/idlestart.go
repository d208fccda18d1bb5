package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/hibiken/asynq"

	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
)

const (
	mostStart = 60.0                  // ms, p50
	bellCheck = 40 * time.Millisecond // how often our own queue looks; see package queue
)

// measureIdleStart sends one job after the other to an idle service. The
// simulator tells when it heard of each.
func measureIdleStart(ctx context.Context, r *rig) ([]figure, error) {
	sv, err := r.newService(ctx, settings{}, stand.Simulator, "-video-time", videoTime.String())
	if err != nil {
		return nil, err
	}
	defer sv.close()
	if _, err := sv.startAPI(ctx); err != nil {
		return nil, err
	}
	if _, err := sv.startWorker(ctx); err != nil {
		return nil, err
	}
	bare, err := newBareQueue(sv.redis.Addr)
	if err != nil {
		return nil, err
	}
	defer bare.close()
	sent, accepted, floor := map[string]time.Time{}, []float64{}, []float64{}
	for i := range r.effort.starters {
		prompt := fmt.Sprintf("idle start %d", i)
		sent[prompt] = time.Now()
		if err := sv.submitVideo(ctx, prompt); err != nil {
			return nil, err
		}
		accepted = append(accepted, ms(time.Since(sent[prompt])))
		took, err := bare.once(ctx)
		if err != nil {
			return nil, err
		}
		floor = append(floor, ms(took))
		//nolint:gosec // G404: only to meet the queue at any point of its pause
		if err := pause(ctx, bellCheck+time.Duration(rand.Int64N(int64(2*bellCheck)))); err != nil {
			return nil, err
		}
	}
	started, err := sv.startDelays(ctx, sent)
	if err != nil {
		return nil, err
	}
	return startFigures(started, accepted, floor), nil
}

func startFigures(started, accepted, floor []float64) []figure {
	const what = "asynq alone: from Enqueue to the handler, looking as often"
	p50 := figure{Name: "p50", Unit: millis, Ours: median(started)}.against(median(floor), what).aim(atMost(mostStart))
	p50.Note = fmt.Sprintf("%d jobs; accepted after %s ms", len(started), number(median(accepted)))
	return []figure{p50, figure{Name: "p95", Unit: millis, Ours: quantile(started, 0.95)}.against(quantile(floor, 0.95), what)}
}

// startDelays gives the times from sending to the upstream's hearing of it.
func (s *service) startDelays(ctx context.Context, sent map[string]time.Time) ([]float64, error) {
	heard, err := s.ledger(ctx)
	if err != nil {
		return nil, err
	}
	var out []float64
	for prompt, at := range sent {
		one, ok := heard[prompt]
		if !ok {
			return nil, fmt.Errorf("the upstream never heard of %q", prompt)
		}
		out = append(out, ms(one.At.Sub(at)))
	}
	return out, nil
}

// submitVideo posts one video job.
func (s *service) submitVideo(ctx context.Context, prompt string) error {
	request := wire.NewRequest(http.MethodPost, "/v1/video/generations", s.apiAddr,
		fmt.Sprintf(`{"prompt":%q}`, prompt), "Authorization: Bearer pooled", "Prefer: respond-async")
	status, body, err := wire.Exchange(ctx, s.apiAddr, request)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("a video was answered %d %.300s", status, body)
	}
	return err
}

// bareQueue is asynq without anything of ours.
type bareQueue struct {
	client *asynq.Client
	server *asynq.Server
	heard  chan time.Time
}

func newBareQueue(redis string) (*bareQueue, error) {
	const name = "bare"
	opt := asynq.RedisClientOpt{Addr: redis}
	q := &bareQueue{client: asynq.NewClient(opt), heard: make(chan time.Time, 1)}
	q.server = asynq.NewServer(opt, asynq.Config{
		Concurrency: 4, Queues: map[string]int{name: 1}, TaskCheckInterval: bellCheck,
		Logger: silent{},
	})
	return q, q.server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		q.heard <- time.Now()
		return nil
	}))
}

// once rings and waits until it is heard.
func (q *bareQueue) once(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if _, err := q.client.EnqueueContext(ctx, asynq.NewTask("x", nil), asynq.Queue("bare")); err != nil {
		return 0, err
	}
	select {
	case at := <-q.heard:
		return at.Sub(began), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func (q *bareQueue) close() {
	q.server.Shutdown()
	_ = q.client.Close()
}
