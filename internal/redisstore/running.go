package redisstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
)

// Running is as much of a running job as its poller needs: thousands of them
// are held in memory at once.
type Running struct {
	ID         job.ID
	Kind       job.Kind
	Upstream   string
	Account    string
	Own        bool // the account is the caller's own
	UpstreamID string
	Phase      job.Phase
	Age        time.Duration // since the upstream accepted it, by the store's clock
	Left       time.Duration // until its deadline; negative once that has passed

	Trace string // where the job's trace stands, as [job.Spec] has it

	// Cancel: somebody wants it canceled, and the upstream was not asked yet.
	Cancel bool
}

var runningFields = []string{"kind", "upstream", "account", "upstream_id", "phase", "submitted", "deadline", "stop", "trace"}

// Running reads jobs for polling. Jobs that are gone are left out.
func (s *Store) Running(ctx context.Context, ids []job.ID) ([]Running, error) {
	pipe := s.rdb.Pipeline()
	clock := pipe.Time(ctx)
	cmds := make([]*redis.SliceCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.HMGet(ctx, s.key("job:", string(id)), runningFields...)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	out := make([]Running, 0, len(ids))
	for i, cmd := range cmds {
		var f [9]string
		for k, v := range cmd.Val() {
			f[k], _ = v.(string)
		}
		if f[0] == "" {
			continue
		}
		out = append(out, Running{
			ID: ids[i], Kind: job.Kind(f[0]), Upstream: f[1], Account: f[2], UpstreamID: f[3],
			Phase: job.Phase(f[4]), Age: clock.Val().Sub(instant(f[5])), Left: instant(f[6]).Sub(clock.Val()),
			Cancel: f[7] == "1", Trace: f[8],
		})
	}
	return out, nil
}

// Progress writes a running job's new phase. False: the token no longer holds
// the job.
func (s *Store) Progress(ctx context.Context, id job.ID, token string, phase job.Phase) (bool, error) {
	word, err := s.run(ctx, s.lua.progress, string(id), token, string(phase)).Text()
	return word != "stale", unavailable(err)
}

// Ready hands a running job whose media can be fetched on to the mirror. took is
// how long the upstream says that it took; zero if it does not.
func (s *Store) Ready(ctx context.Context, id job.ID, token string, sources []job.Source, usage *job.Usage, took time.Duration) (Settled, []job.Bell, error) {
	links, counted, err := encodeResult(sources, usage)
	if err != nil {
		return "", nil, err
	}
	r, err := readReply(s.run(ctx, s.lua.ready, string(id), token, links, counted, s.grace(), took.Milliseconds()))
	return settled(r.word), r.bells, err
}

// Stored writes the facts of the file that is the job's media number index,
// from 0, in order.
func (s *Store) Stored(ctx context.Context, id job.ID, token string, index int, m job.Media) (Settled, error) {
	facts, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	word, err := s.run(ctx, s.lua.stored, string(id), token, index, facts).Text()
	return settled(word), unavailable(err)
}
