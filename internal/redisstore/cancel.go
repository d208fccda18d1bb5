package redisstore

import (
	"context"
	"crypto/rand"

	"github.com/tintypehq/tintype/internal/job"
)

// CancelAnswer is what a wish to cancel met.
type CancelAnswer string

// The answers.
const (
	CancelDone    CancelAnswer = "canceled" // canceled now: nothing was at the upstream
	CancelAsked   CancelAnswer = "asked"    // the job goes on until the upstream has been asked, or to its end
	CancelNothing CancelAnswer = "final"    // the job was final before
	CancelGone    CancelAnswer = "gone"     // there is no such job
)

// Cancel notes the wish to cancel a job and does what can be done at once. It
// may be repeated. Whoever polls a running job takes it anew and asks the
// upstream. Where the client repeats the call, since its reply was lost, a job that
// the first one has canceled is CancelDone again, and without bells.
func (s *Store) Cancel(ctx context.Context, id job.ID) (CancelAnswer, []job.Bell, error) {
	r, err := readReply(s.run(ctx, s.lua.cancel, string(id), s.grace(), rand.Text()))
	return CancelAnswer(r.word), r.bells, err
}

// Canceled ends a running job whose upstream was asked to stop it. Unless it has
// stopped the job is polled on under the same lease, and keeps its slot. The
// token must hold its lease.
func (s *Store) Canceled(ctx context.Context, id job.ID, token string, stopped bool) (Settled, []job.Bell, error) {
	r, err := readReply(s.run(ctx, s.lua.canceled, string(id), token, flag(stopped), s.grace()))
	return settled(r.word), r.bells, err
}
