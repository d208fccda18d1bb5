package redisstore

import (
	"context"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// Swept is what a sweep found.
type Swept struct {
	Again    []job.Bell // leases lapsed: their stages must look again
	Admitted []job.Bell // slots became free
	Ended    []job.ID   // jobs that are final now: past their deadline, or canceled at the time set for that
	GivenUp  []job.ID   // final jobs whose harvest has ended without anything

	// Stranded are jobs that are final now because no account could have served
	// them before their deadline; Moved are those that wait for another upstream
	// instead.
	Stranded, Moved []job.ID
}

// Failures of jobs that are not final at their deadline, and of those that would
// only wait for it.
var (
	errDeadline  = fault.New(fault.GenerationTimeout, "The job was not finished before its deadline. Should its media come late, the job will have it: ask again, until the time that recoverable_until says.")
	errUnsettled = fault.New(fault.OutcomeUnknown, "The job's deadline passed while the upstream had not answered its submission. It may have been billed.")
	errStranded  = fault.New(fault.PoolExhausted, "No account of this service can serve the model before the job's deadline. Nothing was made and nothing is billed. "+
		"Post the job again later, or ask for another model; the service's operator reads the reason from `tintype accounts`.").WithParam("model")
	errStrandedUnsure = fault.New(fault.OutcomeUnknown, "The job was to be submitted once more, and no account of this service can do that before its deadline. "+
		"An earlier submission was never answered and may have been billed.")
)

// Sweep heals what others left: lapsed leases, passed deadlines, cancels that are
// due, harvests without an end, free slots, jobs that wait in vain.
// Any number of workers may sweep. most bounds the jobs of each sort.
func (s *Store) Sweep(ctx context.Context, most int) (Swept, error) {
	args := []any{most, s.grace()}
	for _, f := range []*fault.Error{errDeadline, errUnsettled, errStranded, errStrandedUnsure} {
		text, err := encode(f)
		if err != nil {
			return Swept{}, err
		}
		args = append(args, text)
	}
	parts, err := s.run(ctx, s.lua.sweep, args...).Slice()
	if err != nil {
		return Swept{}, unavailable(err)
	}
	return readSwept(parts)
}

func readSwept(parts []any) (out Swept, err error) {
	if len(parts) != 6 {
		return out, errReply
	}
	if out.Again, err = readBells(parts[0]); err != nil {
		return out, err
	}
	if out.Admitted, err = readBells(parts[2]); err != nil {
		return out, err
	}
	for i, ids := range map[int]*[]job.ID{1: &out.Ended, 3: &out.GivenUp, 4: &out.Stranded, 5: &out.Moved} {
		if *ids, err = readIDs(parts[i]); err != nil {
			return out, err
		}
	}
	return out, nil
}

func readIDs(v any) (ids []job.ID, err error) {
	rows, ok := v.([]any)
	if !ok {
		return nil, errReply
	}
	for _, row := range rows {
		id, ok := row.(string)
		if !ok {
			return nil, errReply
		}
		ids = append(ids, job.ID(id))
	}
	return ids, nil
}
