package redisstore

import (
	"context"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
)

// Stage is how far a job has come, for counting: its state, but for a queued job
// that is told apart by whether it has a slot, and for a final one of which
// something may still come.
type Stage string

// The stages.
const (
	StageWaiting    Stage = "waiting"    // accepted, without a slot
	StageAdmitted   Stage = "admitted"   // it has a slot; the bell is rung
	StageSubmitting Stage = "submitting" // as [job.Submitting]
	StageRunning    Stage = "running"    // as [job.Running]
	StageMirroring  Stage = "mirroring"  // as [job.Mirroring]
	StageHarvesting Stage = "harvesting" // final, and its media may still come: see [job.Harvest]
)

// Census is what all processes together have to do, at one moment. Its parts are
// exact but for jobs of an older version's processes: these are found by and by.
type Census struct {
	Jobs      []StageCount    // each stage and kind, also where there are none
	Upstreams []UpstreamCount // in the order in which they were asked for
}

// StageCount is the jobs of a kind in a stage.
type StageCount struct {
	Stage  Stage
	Kind   job.Kind
	Jobs   int64
	Oldest time.Duration // since the one that is there the longest came into the stage; zero without any
}

// UpstreamCount is an upstream's pooled accounts. What callers' own accounts do
// is not in it.
type UpstreamCount struct {
	Upstream string

	// Used are the slots that jobs hold, on whatever account of the pool. Slots are
	// those of accounts that may get jobs of the kind now: an upstream that is
	// paused has none.
	Used, Slots map[job.Kind]int64

	Accounts []AccountCount // standings that there are none of are left out
}

// AccountCount is how many accounts of an upstream stand alike.
type AccountCount struct {
	Standing AccountStands
	Cause    account.Cause // empty with Ready and Off
	Accounts int64
}

// AccountStands is whether an account gets jobs.
type AccountStands string

// How accounts stand.
const (
	AccountReady    AccountStands = "ready"     // it gets jobs, though perhaps not of each model
	AccountCooling  AccountStands = "cooling"   // it is left alone for a time
	AccountParked   AccountStands = "parked"    // it is left alone until an operator acts
	AccountHalfOpen AccountStands = "half_open" // one job finds out whether it works again
	AccountOff      AccountStands = "off"       // taken out of use, by the file or an operator
)

// Census counts jobs and the accounts of some upstreams. It only reads, and what it
// costs does not depend on how many jobs there are.
func (s *Store) Census(ctx context.Context, upstreams []string) (Census, error) {
	args := make([]any, len(upstreams))
	for i, name := range upstreams {
		args[i] = poolOf(name)
	}
	parts, err := s.run(ctx, s.lua.census, args...).Slice()
	if err != nil {
		return Census{}, unavailable(err)
	}
	if len(parts) != 2 {
		return Census{}, errReply
	}
	var out Census
	if out.Jobs, err = readStages(parts[0]); err != nil {
		return Census{}, err
	}
	rows, ok := parts[1].([]any)
	if !ok || len(rows) != len(upstreams) {
		return Census{}, errReply
	}
	for i, row := range rows {
		u, err := readUpstream(upstreams[i], row)
		if err != nil {
			return Census{}, err
		}
		out.Upstreams = append(out.Upstreams, u)
	}
	return out, nil
}

func readStages(v any) (out []StageCount, err error) {
	rows, ok := v.([]any)
	if !ok {
		return nil, errReply
	}
	for _, row := range rows {
		cells, ok := row.([]any)
		if !ok || len(cells) != 4 {
			return nil, errReply
		}
		stage, ok1 := cells[0].(string)
		kind, ok2 := cells[1].(string)
		n, ok3 := cells[2].(int64)
		ms, ok4 := cells[3].(int64)
		if !ok1 || !ok2 || !ok3 || !ok4 {
			return nil, errReply
		}
		out = append(out, StageCount{Stage(stage), job.Kind(kind), n, time.Duration(ms) * time.Millisecond})
	}
	return out, nil
}

// readUpstream reads four numbers and then {state, cause, how many} of accounts.
func readUpstream(name string, v any) (UpstreamCount, error) {
	const numbers = 4
	cells, ok := v.([]any)
	if !ok || len(cells) < numbers {
		return UpstreamCount{}, errReply
	}
	var n [numbers]int64
	for i := range n {
		if n[i], ok = cells[i].(int64); !ok {
			return UpstreamCount{}, errReply
		}
	}
	u := UpstreamCount{
		Upstream: name,
		Used:     map[job.Kind]int64{job.Image: n[0], job.Video: n[1]},
		Slots:    map[job.Kind]int64{job.Image: n[2], job.Video: n[3]},
	}
	for _, row := range cells[numbers:] {
		cells, ok := row.([]any)
		if !ok || len(cells) != 3 {
			return UpstreamCount{}, errReply
		}
		stands, ok1 := cells[0].(string)
		cause, ok2 := cells[1].(string)
		count, ok3 := cells[2].(int64)
		if !ok1 || !ok2 || !ok3 {
			return UpstreamCount{}, errReply
		}
		u.Accounts = append(u.Accounts, AccountCount{AccountStands(stands), account.Cause(cause), count})
	}
	return u, nil
}
