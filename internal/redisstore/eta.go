package redisstore

import (
	"context"
	"strconv"
	"time"

	"github.com/tintypehq/tintype/internal/job"
)

// Took gives how long the newest jobs of a class have taken from their slot to
// their success, at most 500 of them, the newest first.
func (s *Store) Took(ctx context.Context, class string) ([]time.Duration, error) {
	texts, err := s.rdb.LRange(ctx, s.key("took:", class), 0, -1).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	out := make([]time.Duration, 0, len(texts))
	for _, text := range texts {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errReply
		}
		out = append(out, time.Duration(ms)*time.Millisecond)
	}
	return out, nil
}

// Expect notes by when a job was first said to be done with nine chances in ten.
// Later words change nothing: the first one is what the caller has planned with.
func (s *Store) Expect(ctx context.Context, id job.ID, by time.Time) error {
	return unavailable(s.run(ctx, s.lua.expect, string(id), by.UnixMilli()).Err())
}
