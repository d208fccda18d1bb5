package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/bench/proc"
	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
)

const (
	pollEvery    = 3 * time.Second
	mostRedis    = 5.0   // % of a core
	mostPolling  = 150.0 // MiB
	videoTime    = time.Hour
	startedFor   = 2 * time.Minute // the longest wait until all videos run
	submitAtOnce = 64
)

// measurePolling lets one worker poll thousands of videos that never become
// ready. Submitting them comes before and is not measured.
func measurePolling(ctx context.Context, r *rig) ([]figure, error) {
	videos := r.effort.videos
	sv, err := r.newService(ctx, settings{accounts: videos/mostInFlight + 1, poll: pollEvery}, stand.Simulator, "-video-time", videoTime.String())
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
	idle, err := sv.watch(ctx, r.effort.settle/4)
	if err != nil {
		return nil, err
	}
	if err := sv.runVideos(ctx, videos); err != nil {
		return nil, err
	}
	busy, err := sv.watch(ctx, r.effort.settle)
	if err != nil {
		return nil, err
	}
	return pollingFigures(videos, idle, busy), nil
}

func pollingFigures(videos int, idle, busy span) []figure {
	period := float64(videos) / busy.polls // seconds from one question after a video to the next
	rate := figure{Name: "questions", Unit: perSecond, Ours: busy.polls}.against(float64(videos)/pollEvery.Seconds(), "all on time")
	rate.Note = fmt.Sprintf("on average %s ms late", number(period*1e3-ms(pollEvery)))
	load := figure{Name: "Redis, of a core", Unit: percent, Ours: busy.redis}.against(idle.redis, "the same service without a job").aim(atMost(mostRedis))
	load.Ratio = nil // of what to what says nothing here
	return []figure{
		load,
		figure{Name: "worker, memory", Unit: mebibytes, Ours: mib(busy.memory)}.against(mib(idle.memory), "the same worker without a job").aim(atMost(mostPolling)),
		rate,
		{Name: "worker, of a core", Unit: percent, Ours: busy.worker, Note: fmt.Sprintf("%d videos", videos)},
	}
}

// runVideos submits videos and waits until the worker polls them all.
func (s *service) runVideos(ctx context.Context, n int) error {
	request := wire.NewRequest(http.MethodPost, "/v1/video/generations", s.apiAddr,
		`{"model":"doubao-video","prompt":"Waves on a beach at night"}`, "Authorization: Bearer pooled", "Prefer: respond-async")
	_, err := wire.Load{
		Addr: s.apiAddr, Conns: submitAtOnce, Request: wire.Same(request), Status: http.StatusAccepted, Contains: `"id"`, Count: int64(n),
	}.Run(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startedFor, errors.New("the worker does not poll all videos in time"))
	defer cancel()
	for {
		m, err := metrics(ctx, s.workerAddr)
		if err != nil {
			return err
		}
		if int(m["tintype_jobs_polled"]) == n {
			return pause(ctx, pollEvery) // until every video was asked after once
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// span is what happened in a stretch of time.
type span struct {
	redis, worker float64 // % of a core
	memory        int64   // of the worker, at its end
	polls         float64 // a second
}

// point is the same counted from the start.
type point struct {
	at    time.Time
	redis time.Duration
	usage proc.Usage
	polls float64
}

// watch measures for a while.
func (s *service) watch(ctx context.Context, d time.Duration) (span, error) {
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr})
	defer func() { _ = rdb.Close() }()
	before, err := s.point(ctx, rdb)
	if err != nil {
		return span{}, err
	}
	if err := pause(ctx, d); err != nil {
		return span{}, err
	}
	after, err := s.point(ctx, rdb)
	if err != nil {
		return span{}, err
	}
	took := after.at.Sub(before.at)
	share := func(cpu time.Duration) float64 { return 100 * cpu.Seconds() / took.Seconds() }
	return span{
		redis: share(after.redis - before.redis), worker: share(after.usage.CPU - before.usage.CPU),
		memory: after.usage.RSSBytes, polls: (after.polls - before.polls) / took.Seconds(),
	}, nil
}

func (s *service) point(ctx context.Context, rdb *redis.Client) (p point, err error) {
	m, err := metrics(ctx, s.workerAddr)
	if err != nil {
		return p, err
	}
	p.polls = m["tintype_polls_total"]
	if p.usage, err = s.worker.Usage(); err != nil {
		return p, err
	}
	info, err := rdb.InfoMap(ctx, "cpu").Result()
	if err != nil {
		return p, err
	}
	p.at = time.Now()
	for _, name := range []string{"used_cpu_sys", "used_cpu_user"} {
		seconds, err := strconv.ParseFloat(info["CPU"][name], 64)
		if err != nil {
			return p, fmt.Errorf("INFO cpu: %s: %w", name, err)
		}
		p.redis += time.Duration(seconds * float64(time.Second))
	}
	return p, nil
}

// metrics reads a program's metrics, each summed over its labels.
func metrics(ctx context.Context, addr string) (map[string]float64, error) {
	status, body, err := wire.Exchange(ctx, addr, wire.NewRequest(http.MethodGet, "/metrics", addr, ""))
	if err != nil || status != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("the metrics of %s: status %d", addr, status), err)
	}
	return sumMetrics(string(body)), nil
}

func sumMetrics(page string) map[string]float64 {
	out := map[string]float64{}
	for line := range strings.Lines(page) {
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[at:]), 64)
		if err != nil {
			continue
		}
		name, _, _ := strings.Cut(line[:at], "{")
		out[name] += value
	}
	return out
}
