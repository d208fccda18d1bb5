package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
)

// Standing is how an upstream's pooled accounts stand at a moment, for whoever uses
// one without a slot. It counts in durations: the reader's clock is not the store's.
type Standing struct {
	Rest     time.Duration // for which the upstream as a whole is left alone
	Doubt    Doubt
	Accounts map[string]AccountStanding // by id
}

// AccountStanding is how one account stands.
type AccountStanding struct {
	Off    bool // taken out of use, by the file or the operator
	Parked bool // until somebody acts
	Rest   time.Duration
	Doubt  Doubt
	Models map[string]time.Duration // those that are left alone, and for how long
}

// Doubt tells whether something that was left alone works again.
type Doubt string

// The doubts.
const (
	NoDoubt    Doubt = ""
	DoubtOpen  Doubt = "open"  // the next call finds out
	DoubtTaken Doubt = "taken" // a job is finding out
)

// Standing tells how an upstream's accounts stand, in one round trip.
func (s *Store) Standing(ctx context.Context, upstream string) (Standing, error) {
	return readStanding(s.run(ctx, s.lua.stands, poolOf(upstream)))
}

// Cool notes a refusal that no job met, and gives what is so now. An account that
// the store does not know stays unknown.
func (s *Store) Cool(ctx context.Context, upstream string, c account.Cooldown) (Standing, error) {
	return readStanding(s.run(ctx, s.lua.cool, poolOf(upstream), c.Account, c.Model, string(c.Cause), coolMS(c),
		account.ShortestCooldown.Milliseconds(), account.LongestCooldown.Milliseconds(), c.Evidence, flag(c.Cause.Alike())))
}

// Works notes that an account which was in doubt has answered, and gives what is so
// now.
func (s *Store) Works(ctx context.Context, upstream, acct string) (Standing, error) {
	return readStanding(s.run(ctx, s.lua.works, poolOf(upstream), acct))
}

// parked is the length of a cooldown that an operator must end.
const parked = -1

// coolMS tells a script how long a cooldown is.
func coolMS(c account.Cooldown) int64 {
	if c.Cause.Parks() {
		return parked
	}
	return c.For.Milliseconds()
}

func readStanding(cmd *redis.Cmd) (Standing, error) {
	parts, err := cmd.Slice()
	if err != nil {
		return Standing{}, unavailable(err)
	}
	if len(parts) < 2 {
		return Standing{}, errReply
	}
	ms, ok1 := parts[0].(int64)
	doubt, ok2 := parts[1].(string)
	if !ok1 || !ok2 {
		return Standing{}, errReply
	}
	out := Standing{Rest: time.Duration(ms) * time.Millisecond, Doubt: Doubt(doubt), Accounts: make(map[string]AccountStanding, len(parts)-2)}
	for _, row := range parts[2:] {
		id, a, err := readAccount(row)
		if err != nil {
			return Standing{}, err
		}
		out.Accounts[id] = a
	}
	return out, nil
}

func readAccount(row any) (id string, a AccountStanding, err error) {
	cells, ok := row.([]any)
	if !ok || len(cells) != 5 {
		return "", a, errReply
	}
	id, ok1 := cells[0].(string)
	off, ok2 := cells[1].(string)
	ms, ok3 := cells[2].(int64)
	doubt, ok4 := cells[3].(string)
	models, ok5 := cells[4].([]any)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return "", a, errReply
	}
	a = AccountStanding{Off: off == "1", Parked: ms == parked, Rest: time.Duration(max(0, ms)) * time.Millisecond, Doubt: Doubt(doubt)}
	for i := 0; i+1 < len(models); i += 2 {
		model, ok1 := models[i].(string)
		left, ok2 := models[i+1].(int64)
		if !ok1 || !ok2 {
			return "", a, errReply
		}
		if a.Models == nil {
			a.Models = map[string]time.Duration{}
		}
		a.Models[model] = time.Duration(left) * time.Millisecond
	}
	return id, a, nil
}
