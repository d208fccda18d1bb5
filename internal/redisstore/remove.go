package redisstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
)

// Forgot is what became of the wish to remove a job.
type Forgot string

// What may become of it.
const (
	ForgotNow   Forgot = "now"   // its objects may be removed at once; see [Store.Removed]
	ForgotLater Forgot = "later" // its media may still come: it is removed after that
	ForgotLive  Forgot = "live"  // it is not final, and nothing was done
)

// removeSoon is how long whoever had a job forgotten has to remove it, before the
// workers do.
const removeSoon = 15 * time.Second

// Forget removes a final job as far as its caller can see, at once and for good;
// j may be from the archive. Its objects are then removed by whoever called, or
// else by a worker.
func (s *Store) Forget(ctx context.Context, j *job.Job) (Forgot, error) {
	left := max(time.Until(j.ExpiresAt), 0)
	word, err := s.run(ctx, s.lua.forget, string(j.ID), j.Tenant, j.Secret, left.Milliseconds(), removeSoon.Milliseconds()).Text()
	return Forgot(word), unavailable(err)
}

// Expired gives up to most jobs whose retention is over or that were forgotten,
// and leaves them to this caller for a while. It removes their objects and says so
// by [Store.Removed]; if it does not, another one does.
func (s *Store) Expired(ctx context.Context, most int, lease time.Duration) ([]job.ID, error) {
	ids, err := s.run(ctx, s.lua.expired, most, lease.Milliseconds()).StringSlice()
	return jobIDs(ids), unavailable(err)
}

// Removed says that a job's objects are out of the bucket: its record goes too.
func (s *Store) Removed(ctx context.Context, id job.ID) error {
	return unavailable(s.run(ctx, s.lua.removed, string(id)).Err())
}

// Trace gives what is remembered of a job that was removed: its tenant and its
// secret. Nil: nothing.
func (s *Store) Trace(ctx context.Context, id job.ID) (*job.Job, error) {
	text, err := s.rdb.Get(ctx, s.key("gone:", string(id))).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil //nolint:nilnil // that nothing is known is an answer, not an error
	}
	if err != nil {
		return nil, unavailable(err)
	}
	at := strings.LastIndexByte(text, ' ')
	if at < 0 {
		return nil, errReply
	}
	return &job.Job{ID: id, Tenant: text[:at], Secret: text[at+1:], Removed: true}, nil
}
