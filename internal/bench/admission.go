package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/testserver"
)

const (
	crowdAccounts, crowdSlots  = 50, 4
	crowdTenants, crowdWaiting = 500, 10_000

	mostAdmission  = 1.0  // ms, p99
	leastAdmission = 2000 // a second
	admitters      = 16
)

// crowd is a Redis full of jobs that wait.
type crowd struct {
	store *redisstore.Store
	rdb   *redis.Client
	turn  int
}

// measureAdmission ends jobs, so that each time one of those that wait is admitted,
// and puts another one behind them. What is timed is the script that does both,
// with the way to Redis; the floor is a script that does nothing.
func measureAdmission(ctx context.Context, r *rig) ([]figure, error) {
	server, err := testserver.StartRedis(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }()
	c := &crowd{rdb: redis.NewClient(&redis.Options{Addr: server.Addr, PoolSize: admitters + 2})}
	defer func() { _ = c.rdb.Close() }()
	c.store = redisstore.New(redisstore.Config{Client: c.rdb})
	running, err := c.fill(ctx)
	if err != nil {
		return nil, err
	}
	var ours, floor []float64
	nothing := redis.NewScript("return 1")
	for range r.effort.submits {
		d, next, err := c.admitOne(ctx, running[0])
		if err != nil {
			return nil, err
		}
		running = append(running[1:], next)
		began := time.Now()
		if err := nothing.Run(ctx, c.rdb, nil).Err(); err != nil {
			return nil, err
		}
		ours, floor = append(ours, ms(d)), append(floor, ms(time.Since(began)))
	}
	const what = "a script that does nothing"
	figures := []figure{
		figure{Name: "a job ends and the next is admitted, p50", Unit: millis, Ours: quantile(ours, 0.5)}.against(quantile(floor, 0.5), what),
		figure{Name: "the same, p99", Unit: millis, Ours: quantile(ours, 0.99)}.against(quantile(floor, 0.99), what).aim(atMost(mostAdmission)),
	}
	rate, err := c.rate(ctx, running, int(r.effort.submits))
	if err != nil {
		return nil, err
	}
	return append(figures, figure{
		Name: fmt.Sprintf("admissions, by %d at once", admitters), Unit: perSecond, Ours: rate,
	}.aim(atLeast(leastAdmission))), nil
}

// fill gives every slot a job and lets the others wait.
func (c *crowd) fill(ctx context.Context) (running []job.ID, err error) {
	var accounts []account.Account
	for i := range crowdAccounts {
		accounts = append(accounts, account.Account{ID: fmt.Sprint("a", i), Upstream: "up", Secret: account.NewSecret("k"), MaxInFlight: crowdSlots})
	}
	if err := c.store.SyncAccounts(ctx, "up", accounts); err != nil {
		return nil, err
	}
	for range crowdWaiting + crowdAccounts*crowdSlots {
		id, admitted, err := c.accept(ctx)
		if err != nil {
			return nil, err
		}
		if admitted {
			running = append(running, id)
		}
	}
	return running, nil
}

func (c *crowd) accept(ctx context.Context) (id job.ID, admitted bool, err error) {
	c.turn++
	j, _, err := c.store.Accept(ctx, redisstore.NewJob{
		ID: job.NewID(time.Now()), Tenant: fmt.Sprint("key:", c.turn%crowdTenants), Secret: job.NewSecret(),
		Deadline: time.Hour, Harvest: time.Hour, Retention: time.Hour,
		Spec: job.Spec{Kind: job.Video, Model: "m", Prompt: "x", Upstream: "up", UpstreamModel: "m"},
	})
	if err != nil {
		return "", false, err
	}
	return j.ID, j.Account != "", nil
}

var errNobody = errors.New("nobody was admitted")

// admitOne ends a running job, tells how long it took until the next one was
// admitted, and puts another one behind all.
func (c *crowd) admitOne(ctx context.Context, id job.ID) (d time.Duration, next job.ID, err error) {
	began := time.Now()
	_, bells, err := c.store.Cancel(ctx, id)
	d = time.Since(began)
	if err != nil {
		return 0, "", err
	}
	if len(bells) != 1 {
		return 0, "", errNobody
	}
	_, _, err = c.accept(ctx)
	return d, bells[0].Job, err
}

// rate is how many jobs are admitted in a second, by many at once.
func (c *crowd) rate(ctx context.Context, running []job.ID, each int) (float64, error) {
	each /= admitters
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i := range admitters {
		id := running[i]
		group.Go(func() error {
			for range each {
				_, bells, err := c.store.Cancel(ctx, id)
				if err != nil {
					return err
				}
				if len(bells) != 1 {
					return errNobody
				}
				id = bells[0].Job
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(each*admitters) / time.Since(began).Seconds(), err
}
