package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// Switch is an operator's word on an account.
type Switch string

// The switches.
const (
	Enable  Switch = "enable"  // it gets jobs
	Disable Switch = "disable" // it gets no new jobs
	Drain   Switch = "drain"   // the same, with the wish to see it empty
	Clear   Switch = "clear"   // its cooldowns end, also those that wait for an operator
)

// AccountState is how a pooled account stands.
type AccountState struct {
	ID, Upstream string
	Note         string
	Models       []string // empty: all

	// Enabled is the configuration's word, Off the operator's: "", "disable" or
	// "drain".
	Enabled bool
	Off     Switch

	// Cause is why it is left alone until Cools, the zero time if it is not;
	// parked until somebody acts if Parked. ModelCools are those of one model.
	Cause      account.Cause
	Evidence   string
	Since      time.Time
	Cools      time.Time
	Parked     bool
	ModelCools map[string]time.Time

	// HalfOpen: the next job finds out whether it works; Canary is that job.
	HalfOpen bool
	Canary   job.ID

	InFlight, MaxInFlight int
	Kinds                 map[job.Kind]KindState
	PerMinute, Weight     int
	Gap                   time.Duration
	Reset                 time.Time // of the quotas

	Failures int64 // cooldowns so far
}

// KindState is an account's load of one kind. Zero limits: none.
type KindState struct {
	InFlight, MaxInFlight int
	Used, Daily           int
}

// Remark is one entry of an account's history.
type Remark struct {
	At       time.Time
	What     string // "cooled", "recovered", "cleared", "enable", "disable", "drain"
	Cause    account.Cause
	Model    string // empty: the whole account
	Ends     time.Time
	Parked   bool
	Evidence string
}

// parkedUntil is where a cooldown without an end stands; see lua/prelude.lua.
const parkedUntil = 1<<53 - 1

// Accounts gives the pooled accounts of an upstream, sorted by id.
func (s *Store) Accounts(ctx context.Context, upstream string) ([]AccountState, error) {
	ids, err := s.rdb.ZRange(ctx, s.key("pool:", poolOf(upstream)), 0, -1).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	slices.Sort(ids)
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	out := make([]AccountState, 0, len(ids))
	for _, id := range ids {
		a, err := s.accountState(ctx, upstream, id, now)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (s *Store) accountState(ctx context.Context, upstream, id string, now time.Time) (AccountState, error) {
	pipe := s.rdb.Pipeline()
	fields, all := pipe.HGetAll(ctx, s.key("acct:", id)), pipe.SCard(ctx, s.key("slots:", id))
	kinds := map[job.Kind]*redis.IntCmd{}
	for _, kind := range []job.Kind{job.Image, job.Video} {
		kinds[kind] = pipe.SCard(ctx, s.key("slots:", id+"|"+string(kind)))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return AccountState{}, unavailable(err)
	}
	m := fields.Val()
	a := AccountState{
		ID: id, Upstream: upstream, Note: m["note"], Models: strings.Fields(m["models"]), Enabled: m["enabled"] == "1", Off: Switch(m["off"]),
		InFlight: int(all.Val()), MaxInFlight: int(number(m["max"])), Kinds: map[job.Kind]KindState{}, PerMinute: int(number(m["rate"])),
		Weight: int(max(number(m["weight"]), 1)), Gap: time.Duration(number(m["gap"])) * time.Millisecond, Reset: instant(m["reset"]),
		HalfOpen: m["half"] == "1", Canary: job.ID(m["canary"]), Failures: number(m["failures"]), ModelCools: map[string]time.Time{},
	}
	for kind, n := range kinds {
		k := KindState{InFlight: int(n.Val()), MaxInFlight: int(number(m["max:"+string(kind)])), Daily: int(number(m["quota:"+string(kind)]))}
		if a.Reset.After(now) {
			k.Used = int(number(m["used:"+string(kind)]))
		}
		a.Kinds[kind] = k
	}
	a.cooldowns(m, now)
	return a, nil
}

func (a *AccountState) cooldowns(m map[string]string, now time.Time) {
	for field, value := range m {
		model, ok := strings.CutPrefix(field, "cool:")
		if at := instant(value); ok && at.After(now) {
			a.ModelCools[model] = at
		}
	}
	cools := number(m["cool"])
	if at := time.UnixMilli(cools).UTC(); cools == parkedUntil {
		a.Parked = true
	} else if at.After(now) {
		a.Cools = at
	}
	if a.Parked || !a.Cools.IsZero() || a.HalfOpen || len(a.ModelCools) > 0 {
		a.Cause, a.Evidence, a.Since = account.Cause(m["cause"]), m["evidence"], instant(m["since"])
	}
}

// History gives what took an account out of use and brought it back, the newest
// first.
func (s *Store) History(ctx context.Context, acct string) ([]Remark, error) {
	lines, err := s.rdb.LRange(ctx, s.key("history:", acct), 0, -1).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	out := make([]Remark, 0, len(lines))
	for _, line := range lines {
		var r struct {
			At       int64         `json:"at"`
			What     string        `json:"what"`
			Cause    account.Cause `json:"cause"`
			Model    string        `json:"model"`
			Ends     float64       `json:"ends"`
			Evidence string        `json:"evidence"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, err
		}
		remark := Remark{At: time.UnixMilli(r.At).UTC(), What: r.What, Cause: r.Cause, Model: r.Model, Evidence: r.Evidence}
		if remark.Parked = r.Ends >= parkedUntil; !remark.Parked && r.Ends > 0 {
			remark.Ends = time.UnixMilli(int64(r.Ends)).UTC()
		}
		out = append(out, remark)
	}
	return out, nil
}

// Switch obeys an operator's word on an account at once. The caller rings the
// bells of the jobs that it lets in. An unknown account is a fault.NotFound.
func (s *Store) Switch(ctx context.Context, acct string, what Switch) ([]job.Bell, error) {
	r, err := readReply(s.run(ctx, s.lua.turn, acct, string(what), s.grace()))
	if err == nil && r.word == "gone" {
		err = fault.Newf(fault.NotFound, "There is no account %q. GET /admin/v1/accounts lists them.", acct)
	}
	return r.bells, err
}

// Pause stops submitting to an upstream, or lets it go on: then the caller rings
// the bells. Jobs that are there already are not touched.
func (s *Store) Pause(ctx context.Context, upstream string, stop bool) ([]job.Bell, error) {
	r, err := readReply(s.run(ctx, s.lua.pause, poolOf(upstream), flag(stop), s.grace()))
	return r.bells, err
}

// PoolState is how an upstream stands as a whole.
type PoolState struct {
	Paused   bool
	Cause    account.Cause // why its breaker is open, or half open
	Cools    time.Time     // until when; the zero time if it is not
	HalfOpen bool
	Waiting  int // jobs in line
}

// Pool tells how an upstream stands.
func (s *Store) Pool(ctx context.Context, upstream string) (PoolState, error) {
	pool := poolOf(upstream)
	now, err := s.rdb.Time(ctx).Result()
	if err != nil {
		return PoolState{}, unavailable(err)
	}
	m, err := s.rdb.HGetAll(ctx, s.key("state:", pool)).Result()
	if err != nil {
		return PoolState{}, unavailable(err)
	}
	p := PoolState{Paused: m["paused"] == "1", HalfOpen: m["half"] == "1"}
	if at := instant(m["cool"]); at.After(now) {
		p.Cools = at
	}
	if p.HalfOpen || !p.Cools.IsZero() {
		p.Cause = account.Cause(m["cause"])
	}
	models, err := s.rdb.SMembers(ctx, s.key("lanes:", pool)).Result()
	if err != nil {
		return PoolState{}, unavailable(err)
	}
	for _, model := range models {
		n, err := s.rdb.ZCard(ctx, s.key("lane:", pool+"|"+model)).Result()
		if err != nil {
			return PoolState{}, unavailable(err)
		}
		p.Waiting += int(n)
	}
	return p, nil
}

// Line is what one tenant has in front of the accounts and on them.
type Line struct {
	Tenant  string
	Waiting int // jobs without a slot
	Held    int // of them, those over the tenant's own limits
	Running int // jobs with a slot
}

// Lines gives the tenants of whom jobs wait, those with the most first.
func (s *Store) Lines(ctx context.Context) ([]Line, error) {
	tenants, err := s.rdb.SMembers(ctx, s.key("waiting", "")).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	var out []Line
	for _, tenant := range tenants {
		pipe := s.rdb.Pipeline()
		waits, held := pipe.SCard(ctx, s.key("waits:", tenant)), pipe.ZCard(ctx, s.key("held:", tenant))
		busy := pipe.SCard(ctx, s.key("busy:", tenant))
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, unavailable(err)
		}
		l := Line{Tenant: tenant, Waiting: int(waits.Val()), Held: int(held.Val())}
		l.Running = int(busy.Val()) - (l.Waiting - l.Held)
		if l.Waiting > 0 {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b Line) int { return cmp.Or(b.Waiting-a.Waiting, strings.Compare(a.Tenant, b.Tenant)) })
	return out, nil
}

// Record gives a job's whole record as it is kept, for an operator. It holds no
// credential.
func (s *Store) Record(ctx context.Context, id job.ID) (map[string]string, error) {
	m, err := s.rdb.HGetAll(ctx, s.key("job:", string(id))).Result()
	if err == nil && m["id"] == "" {
		return nil, errNoJob
	}
	delete(m, "secret") // of the media links
	return m, unavailable(err)
}
