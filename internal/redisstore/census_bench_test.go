package redisstore_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/testserver"
)

// BenchmarkCensus measures one census of 10,000 running and 10,000 waiting jobs.
//
//	go test ./internal/redisstore -run '^$' -bench Census
func BenchmarkCensus(b *testing.B) {
	const jobs = 10_000
	for _, accounts := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("accounts=%d", accounts), func(b *testing.B) {
			rdb := redis.NewClient(&redis.Options{Addr: testserver.Redis(b, "--appendfsync", "no").Addr})
			b.Cleanup(func() { _ = rdb.Close() })
			s := redisstore.New(redisstore.Config{Client: rdb})
			var all []account.Account
			for i := range accounts {
				all = append(all, acct("a"+strconv.Itoa(i), jobs/accounts))
			}
			if err := s.SyncAccounts(b.Context(), "up", all); err != nil {
				b.Fatal(err)
			}
			populate(b, s, jobs)
			defer costs(b, rdb)()
			for b.Loop() {
				c, err := s.Census(b.Context(), []string{"up"})
				if err != nil || c.Upstreams[0].Used[job.Video] != jobs {
					b.Fatalf("%+v, %v", c.Upstreams, err)
				}
			}
			if got, err := s.Census(b.Context(), nil); err != nil || total(got, redisstore.StageRunning) != jobs || total(got, redisstore.StageWaiting) != jobs {
				b.Fatalf("%+v, %v", got, err)
			}
		})
	}
}

// costs reports the time of its CPU that Redis has spent with each round, which other
// processes on the machine do not add to.
func costs(b *testing.B, rdb *redis.Client) (report func()) {
	b.Helper()
	spent := func() (seconds float64) {
		for line := range strings.Lines(rdb.Info(b.Context(), "cpu").Val()) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			if n, err := strconv.ParseFloat(value, 64); err == nil && strings.HasSuffix(name, "_main_thread") {
				seconds += n
			}
		}
		return seconds
	}
	before := spent()
	return func() { b.ReportMetric((spent()-before)/float64(b.N)*1e6, "redis-µs/op") }
}

func total(c redisstore.Census, stage redisstore.Stage) (n int64) {
	for _, s := range c.Jobs {
		if s.Stage == stage {
			n += s.Jobs
		}
	}
	return n
}

// populate fills all slots with running jobs and lets as many wait.
func populate(b *testing.B, s *redisstore.Store, jobs int) {
	b.Helper()
	each := func(do func() error) {
		b.Helper()
		var group sync.WaitGroup
		const at = 16
		for range at {
			group.Go(func() {
				for range jobs / at {
					if err := do(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
	}
	each(func() error {
		j, _, err := s.Accept(b.Context(), newJob())
		if err != nil {
			return err
		}
		if _, err := s.Claim(b.Context(), j.ID, job.StageSubmit, string(j.ID)); err != nil {
			return err
		}
		fence, err := s.Begin(b.Context(), j.ID, string(j.ID))
		if err != nil {
			return err
		}
		_, _, err = s.Accepted(b.Context(), j.ID, "w", fence, "cgt", nil, nil)
		return err
	})
	each(func() error {
		_, _, err := s.Accept(b.Context(), newJob())
		return err
	})
}

// BenchmarkLife measures all that the store is asked to do for one video.
func BenchmarkLife(b *testing.B) {
	rdb := redis.NewClient(&redis.Options{Addr: testserver.Redis(b, "--appendfsync", "no").Addr})
	b.Cleanup(func() { _ = rdb.Close() })
	s := redisstore.New(redisstore.Config{Client: rdb})
	if err := s.SyncAccounts(b.Context(), "up", []account.Account{acct("a", 2)}); err != nil {
		b.Fatal(err)
	}
	defer costs(b, rdb)()
	sources := []job.Source{{Role: job.Primary, URL: "http://x/1"}}
	for b.Loop() {
		j, _, err := s.Accept(b.Context(), newJob())
		if err != nil {
			b.Fatal(err)
		}
		id, token := j.ID, string(j.ID)
		_, _ = s.Claim(b.Context(), id, job.StageSubmit, token)
		fence, _ := s.Begin(b.Context(), id, token)
		_, _, _ = s.Accepted(b.Context(), id, "w", fence, "cgt", nil, nil)
		_, _ = s.ClaimPolls(b.Context(), token, 1)
		_, _, _ = s.Ready(b.Context(), id, token, sources, nil, 0)
		_, _ = s.Claim(b.Context(), id, job.StageMirror, token)
		_, _ = s.Stored(b.Context(), id, token, 0, job.Media{Name: "video-0.mp4"})
		if settled, _, err := s.Succeed(b.Context(), id, token); err != nil || settled != redisstore.Written {
			b.Fatalf("%s, %v", settled, err)
		}
	}
}
