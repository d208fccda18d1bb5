package redisstore

import (
	"context"
	"time"

	"github.com/tintypehq/tintype/internal/job"
)

// Once is how a repeated request is told from a new one. Both digests stand for
// a tenant and a path, too; they must not let anybody guess what they are of.
type Once struct {
	Key  string // digest of the caller's idempotency key; empty: it sent none
	Body string // digest of what is asked for

	KeyFor  time.Duration // how long a repeat under Key finds the job
	BodyFor time.Duration // how long a repeat without a key does; zero: never

	// Repeats: the caller says that it has sent this before. Without a key, a job
	// of the same Body is then its own.
	Repeats bool
}

// may tells whether an earlier request could count at all.
func (o Once) may() bool { return o.Key != "" || o.Repeats && o.BodyFor > 0 }

// args are the arguments of the script repeat.
func (o Once) args() []any {
	return []any{o.Key, o.Body, flag(o.Repeats && o.BodyFor > 0)}
}

// TakenError is a request that was made before.
type TakenError struct {
	Job  job.ID
	Same bool // it asked for the same; else its key was used for something else
}

// Error says so; Accept gives a *TakenError as its error.
func (t *TakenError) Error() string {
	return "redisstore: the request has made job " + string(t.Job) + " before"
}

// Repeated finds the job of an earlier request that this one repeats; nil if
// there is none. Accept looks again.
func (s *Store) Repeated(ctx context.Context, o Once) (*TakenError, error) {
	if !o.may() {
		return nil, nil //nolint:nilnil // no earlier request is an answer, not an error
	}
	parts, err := s.run(ctx, s.lua.repeated, o.args()...).Slice()
	if err != nil {
		return nil, unavailable(err)
	}
	return readTaken(parts, o)
}

// readTaken reads a script's reply; nil if it is another than "taken".
func readTaken(parts []any, o Once) (*TakenError, error) {
	if len(parts) < 2 {
		return nil, errReply
	}
	if word, _ := parts[0].(string); word != "taken" {
		return nil, nil //nolint:nilnil // see Repeated
	}
	if len(parts) != 4 {
		return nil, errReply
	}
	id, ok1 := parts[2].(string)
	body, ok2 := parts[3].(string)
	if !ok1 || !ok2 {
		return nil, errReply
	}
	return &TakenError{Job: job.ID(id), Same: body == o.Body}, nil
}
