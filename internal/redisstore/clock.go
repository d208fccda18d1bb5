package redisstore

import (
	"context"
	"sync/atomic"
	"time"
)

// clock is how far the store's clock is ahead of this process's.
type clock struct{ ahead atomic.Int64 }

// RoundTrip measures a PING and sets the clock of Now by the store's.
func (s *Store) RoundTrip(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	if err := s.rdb.Ping(ctx).Err(); err != nil {
		return 0, unavailable(err)
	}
	took := time.Since(begun)
	asked := time.Now()
	told, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return took, unavailable(err)
	}
	heard := time.Now()
	s.clock.ahead.Store(int64(told.Sub(asked.Add(heard.Sub(asked) / 2))))
	return took, nil
}

// Now is the time by the store's clock, which all times of jobs are told by, as far
// as the last RoundTrip knew it; by this process's before the first.
func (s *Store) Now() time.Time { return time.Now().Add(time.Duration(s.clock.ahead.Load())).UTC() }
