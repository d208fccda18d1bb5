package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
)

// Unarchived gives up to most final jobs whose record has been waiting for the
// archive longer than a worker needs that has just finished one.
func (s *Store) Unarchived(ctx context.Context, most int64) ([]job.ID, error) {
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	ids, err := s.rdb.ZRangeByScore(ctx, s.prefix+"archive", &redis.ZRangeBy{
		Min: "-inf", Max: strconv.FormatInt(now.UnixMilli(), 10), Count: most,
	}).Result()
	return jobIDs(ids), unavailable(err)
}

// Archived says that a final job's record is in the bucket, as it was read. If it
// has changed since, it goes on waiting. True: the job was removed meanwhile, and
// the record must go out of the bucket again.
func (s *Store) Archived(ctx context.Context, j *job.Job) (gone bool, err error) {
	word, err := s.run(ctx, s.lua.archived, string(j.ID), j.Version, string(j.Harvest)).Text()
	return word == "gone", unavailable(err)
}

// Postpone lets a job wait longer for the archive, after a try that failed.
func (s *Store) Postpone(ctx context.Context, id job.ID, d time.Duration) error {
	return unavailable(s.rdb.ZIncrBy(ctx, s.prefix+"archive", float64(d.Milliseconds()), string(id)).Err())
}
