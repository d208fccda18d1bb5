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

	// The floors' scripts. Redis answers the second when it is on disk, as it does what
	// admits a job.
	nothing, nothingIs   = "return 1", "a script that does nothing"
	oneWrite, oneWriteIs = "return redis.call('INCR', KEYS[1])", "one that writes a number"

	// How many times our admissions the floors run them in a round of many at once, so
	// that all take about as long.
	nothingTimes, oneWriteTimes = 20, 8
)

// crowd is a Redis full of jobs that wait.
type crowd struct {
	store   *redisstore.Store
	rdb     *redis.Client
	running []job.ID // one for each slot
	turn    int
}

// measureAdmission ends jobs, so that each time one of those that wait is admitted,
// and puts another one behind them. What is timed is the script that does both,
// with the way to Redis.
func measureAdmission(ctx context.Context, r *rig) ([]figure, error) {
	server, err := testserver.StartRedis(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = server.Close() }()
	c := &crowd{rdb: redis.NewClient(&redis.Options{Addr: server.Addr, PoolSize: admitters + 2})}
	defer func() { _ = c.rdb.Close() }()
	c.store = redisstore.New(redisstore.Config{Client: c.rdb})
	if err := c.fill(ctx); err != nil {
		return nil, err
	}
	figures, err := c.oneByOne(ctx, int(r.effort.submits))
	if err != nil {
		return nil, err
	}
	rate, err := c.atOnce(ctx, r.effort.rounds, int(r.effort.submits)/admitters)
	return append(figures, rate), err
}

// oneByOne measures single admissions.
func (c *crowd) oneByOne(ctx context.Context, n int) ([]figure, error) {
	var ours, floor, write []float64
	none, one := c.script(nothing), c.script(oneWrite)
	timed := func(list *[]float64, who int, do func(context.Context, int) error) error {
		began := time.Now()
		err := do(ctx, who)
		*list = append(*list, ms(time.Since(began)))
		return err
	}
	for i := range n {
		who := i % len(c.running)
		err := errors.Join(timed(&ours, who, c.admitNext), timed(&floor, who, none), timed(&write, who, one), c.refill(ctx, 1))
		if err != nil {
			return nil, err
		}
	}
	at := func(name string, q float64) figure {
		f := figure{Name: name, Unit: millis, Ours: quantile(ours, q)}.against(quantile(floor, q), nothingIs)
		f.Note = fmt.Sprintf("%s %s ms", oneWriteIs, number(quantile(write, q)))
		return f
	}
	return []figure{at("a job ends and the next is admitted, p50", 0.5), at("the same, p99", 0.99).aim(atMost(mostAdmission))}, nil
}

// atOnce measures the rate of many, each of which has so many admitted in a round. The
// first round only warms up.
func (c *crowd) atOnce(ctx context.Context, rounds, each int) (figure, error) {
	type way struct {
		do    func(context.Context, int) error
		each  int
		rates []float64
	}
	ours, floor, write := &way{do: c.admitNext, each: each}, &way{do: c.script(nothing), each: nothingTimes * each}, &way{do: c.script(oneWrite), each: oneWriteTimes * each}
	for round := range rounds + 1 {
		for _, w := range inTurn([]*way{ours, floor, write}, round) {
			rate, err := together(ctx, w.each, w.do)
			if err != nil {
				return figure{}, err
			}
			if round > 0 {
				w.rates = append(w.rates, rate)
			}
		}
		if err := c.refill(ctx, admitters*each); err != nil {
			return figure{}, err
		}
	}
	f := compare(fmt.Sprintf("admissions, by %d at once", admitters), perSecond, ours.rates, floor.rates, nothingIs+", by as many").aim(atLeast(leastAdmission))
	f.Note = fmt.Sprintf("%s %s/s", oneWriteIs, number(median(write.rates)))
	return f, nil
}

// together is how often a second something is done by many at once.
func together(ctx context.Context, each int, do func(ctx context.Context, who int) error) (float64, error) {
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for who := range admitters {
		group.Go(func() error {
			for range each {
				if err := do(ctx, who); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(each*admitters) / time.Since(began).Seconds(), err
}

// script gives what runs a floor's script.
func (c *crowd) script(lua string) func(context.Context, int) error {
	s := redis.NewScript(lua)
	return func(ctx context.Context, _ int) error { return s.Run(ctx, c.rdb, []string{"floor"}).Err() }
}

// fill gives every slot a job and lets the others wait.
func (c *crowd) fill(ctx context.Context) error {
	var accounts []account.Account
	for i := range crowdAccounts {
		accounts = append(accounts, account.Account{ID: fmt.Sprint("a", i), Upstream: "up", Secret: account.NewSecret("k"), MaxInFlight: crowdSlots})
	}
	if err := c.store.SyncAccounts(ctx, "up", accounts); err != nil {
		return err
	}
	return c.refill(ctx, crowdWaiting+crowdAccounts*crowdSlots)
}

// refill puts jobs behind all.
func (c *crowd) refill(ctx context.Context, n int) error {
	for range n {
		id, admitted, err := c.accept(ctx)
		if err != nil {
			return err
		}
		if admitted {
			c.running = append(c.running, id)
		}
	}
	return nil
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

// admitNext ends somebody's running job, so that the next one is admitted, which is
// theirs from then on.
func (c *crowd) admitNext(ctx context.Context, who int) error {
	_, bells, err := c.store.Cancel(ctx, c.running[who])
	if err != nil {
		return err
	}
	if len(bells) != 1 {
		return errNobody
	}
	c.running[who] = bells[0].Job
	return nil
}
