package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/bench/wire"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// lives are jobs that are taken through their states as a worker would, by the
// store itself: nothing is made, and each change comes when the scenario wants it.
type lives struct {
	rdb   *redis.Client
	store *redisstore.Store
	list  []*life
}

// life is one job.
type life struct {
	id     job.ID
	fence  int64
	writes []write // one for each step that was taken, in order
}

// write is when a change was asked for, and when Redis had it on disk.
type write struct{ asked, done time.Time }

// liveToken is who holds all the leases: nobody else is there.
const liveToken = "bench"

// livesAtOnce is how many change at once.
const livesAtOnce = 16

// step is one change of a job: one more event in its log.
type step struct {
	stage  job.Stage // which is claimed before, if it is not empty
	commit func(context.Context, *redisstore.Store, *life) (redisstore.Settled, error)
}

// lifeSteps are all the changes from a job's admission to its success.
func lifeSteps() []step {
	image := job.Media{
		Name: "image-0.png", Key: "bench/image-0.png", Role: job.Primary, ContentType: "image/png", SizeBytes: 1 << 20,
		SHA256: strings.Repeat("0", 64), Width: 1024, Height: 1024,
	}
	return []step{
		{job.StageSubmit, func(ctx context.Context, s *redisstore.Store, l *life) (redisstore.Settled, error) {
			var err error
			if l.fence, err = s.Begin(ctx, l.id, liveToken); err == nil && l.fence == 0 {
				return redisstore.Stale, nil
			}
			return redisstore.Written, err
		}},
		{"", func(ctx context.Context, s *redisstore.Store, l *life) (redisstore.Settled, error) {
			source := []job.Source{{Role: job.Primary, URL: "http://127.0.0.1/image.png"}}
			settled, _, err := s.Accepted(ctx, l.id, liveToken, l.fence, "up-"+string(l.id), source, nil)
			return settled, err
		}},
		{job.StageMirror, func(ctx context.Context, s *redisstore.Store, l *life) (redisstore.Settled, error) {
			return s.Stored(ctx, l.id, liveToken, 0, image)
		}},
		{"", func(ctx context.Context, s *redisstore.Store, l *life) (redisstore.Settled, error) {
			settled, _, err := s.Succeed(ctx, l.id, liveToken)
			return settled, err
		}},
	}
}

// newLives opens the store. Close it afterwards.
func (s *service) newLives() *lives {
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr, PoolSize: livesAtOnce + 2})
	return &lives{rdb: rdb, store: redisstore.New(redisstore.Config{Client: rdb, Lease: time.Hour})}
}

func (l *lives) close() { _ = l.rdb.Close() }

// submitImages hands jobs in that nobody waits for.
func (s *service) submitImages(ctx context.Context, n int) error {
	_, err := wire.Load{
		Addr: s.apiAddr, Conns: submitAtOnce, Request: wire.Same(imageRequest(s.apiAddr, "Prefer: respond-async")),
		Status: http.StatusAccepted, Contains: `"id"`, Count: int64(n),
	}.Run(ctx)
	return err
}

func imageRequest(addr string, header ...string) wire.Request {
	return wire.NewRequest(http.MethodPost, "/v1/images/generations", addr,
		`{"model":"Seedream 4.0","prompt":"A red fox in the snow, watercolour","ratio":"16:9"}`,
		append(header, "Authorization: Bearer pooled")...)
}

// find takes up the jobs that have begun no life yet: n of them. It asks the store,
// so that the API keeps nothing of it.
func (l *lives) find(ctx context.Context, n int) error {
	const pageSize = 500
	l.list = nil
	ask := redisstore.Listing{Tenant: tintype.KeyPooled, States: []job.State{job.Queued}, Limit: pageSize}
	for {
		page, err := l.store.List(ctx, ask)
		if err != nil {
			return err
		}
		for _, j := range page.Jobs {
			l.list = append(l.list, &life{id: j.ID})
		}
		if !page.More {
			break
		}
		ask.After = page.Next
	}
	if len(l.list) != n {
		return fmt.Errorf("%d jobs are queued, not %d", len(l.list), n)
	}
	return nil
}

// live takes each job through the steps: all of them through the first, then all
// through the next, so many changes a second (0: as many as go).
func (l *lives) live(ctx context.Context, list []*life, steps []step, perSecond int) error {
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for first := range min(livesAtOnce, len(list)) {
		group.Go(func() error { // one job's changes are in one hand
			for n := range steps {
				for i := first; i < len(list); i += livesAtOnce {
					if perSecond > 0 {
						due := time.Duration(n*len(list)+i) * time.Second / time.Duration(perSecond)
						if err := pause(ctx, time.Until(began.Add(due))); err != nil {
							return err
						}
					}
					if err := l.take(ctx, list[i], steps[n]); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (l *lives) take(ctx context.Context, one *life, s step) error {
	if s.stage != "" {
		if ok, err := l.store.Claim(ctx, one.id, s.stage, liveToken); err != nil || !ok {
			return errors.Join(fmt.Errorf("the claim of %s for %s: %t", one.id, s.stage, ok), err)
		}
	}
	w := write{asked: time.Now()}
	settled, err := s.commit(ctx, l.store, one)
	w.done = time.Now()
	if err != nil || settled != redisstore.Written {
		return errors.Join(fmt.Errorf("change %d of %s: %q", len(one.writes), one.id, settled), err)
	}
	one.writes = append(one.writes, w)
	return nil
}
