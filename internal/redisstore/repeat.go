package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/tintypehq/tintype/internal/job"
)

// ErrEarlier is Accept's answer to a request that has its job already: another
// call was quicker. [Store.Earlier] tells which job.
var ErrEarlier = errors.New("redisstore: an earlier request made this job")

// Repeat is what a request is known by when it comes again. The zero value
// means that every request is a new one.
type Repeat struct {
	// Key stands for the caller's idempotency key and its scope. Empty: it gave
	// none.
	Key string

	// KeyFor is how long Key finds the job; never shorter than to the deadline.
	KeyFor time.Duration

	// Digest stands for what was asked for and by whom. Required with a Key or
	// with Absorb.
	Digest string

	// Try is how often the caller's library has sent the request before, by
	// itself. Unless there is a Key, such a retry is absorbed by an equal one's
	// job. Zero: this is the first.
	Try int

	// Came is when the request came, by this process's clock, if its tries are
	// counted. A retry that has made a job since then is most likely one of this
	// request, which was slow, and so is that job. Zero: they are not counted.
	Came time.Time

	// Absorb is how long after its end a job absorbs retries. Zero: never.
	Absorb time.Duration
}

// absorb is for how long an ended job may absorb this request, in ms.
func (r Repeat) absorb() int64 {
	if r.Try == 0 {
		return 0
	}
	return r.Absorb.Milliseconds()
}

// late is how long ago this request came, in ms, if it may turn out to be a late
// try of a job that is there by now; else zero.
func (r Repeat) late() int64 {
	if r.Try > 0 || r.Absorb <= 0 || r.Came.IsZero() {
		return 0
	}
	return max(1, time.Since(r.Came).Milliseconds())
}

// Asks tells whether the request says of itself that it may have come before.
// One that does not may still have: Accept finds out.
func (r Repeat) Asks() bool { return r.Key != "" || r.absorb() > 0 }

// listed is how long a new job is listed for retries, in ms: until it is final
// at the latest, and as long again as it absorbs them.
func (r Repeat) listed(deadline time.Duration) int64 {
	if r.Absorb <= 0 {
		return 0
	}
	return (deadline + r.Absorb).Milliseconds()
}

// args are the arguments of accept.lua.
func (r Repeat) args(deadline time.Duration) []any {
	return []any{r.Key, r.Digest, max(r.KeyFor, deadline).Milliseconds(), r.listed(deadline), r.absorb(), r.Try, r.late()}
}

// Earlier is the job that a request has made before.
type Earlier struct {
	ID   job.ID
	Same bool // false: the key was used for another request

	// Turn counts the callers that the job has had since the one that made it;
	// [Store.Left] wants it back. Zero if the job's record has gone; negative for
	// a late try, whose caller has come back before.
	Turn int64
}

// Earlier finds the job that a request has made before, and notes that there is
// a further caller for it. Nil: the request is new.
func (s *Store) Earlier(ctx context.Context, r Repeat) (*Earlier, error) {
	parts, err := s.run(ctx, s.lua.earlier, r.Key, r.Digest, r.absorb(), r.late()).Slice()
	switch {
	case err != nil:
		return nil, unavailable(err)
	case len(parts) == 0:
		return nil, nil //nolint:nilnil // a new request is an answer, not an error
	case len(parts) != 3:
		return nil, errReply
	}
	id, ok1 := parts[0].(string)
	digest, ok2 := parts[1].(string)
	turn, ok3 := parts[2].(int64)
	if !ok1 || !ok2 || !ok3 {
		return nil, errReply
	}
	return &Earlier{ID: job.ID(id), Same: digest == r.Digest, Turn: turn}, nil
}

// Ending is how a call for a job ended, as far as retries are concerned.
type Ending string

// The endings.
const (
	Unnoted Ending = ""     // nothing is to be noted
	Gone    Ending = "gone" // without the answer: a retry of it will come
	Told    Ending = "told" // the answer was sent
)

// Left notes how a call ended. False: a newer caller has the job in hand, and
// nothing was noted.
func (s *Store) Left(ctx context.Context, id job.ID, turn int64, how Ending) (newest bool, err error) {
	n, err := s.run(ctx, s.lua.left, string(id), turn, string(how)).Int64()
	return n == 1, unavailable(err)
}
