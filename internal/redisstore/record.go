package redisstore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// errNoJob is what a caller reads for an unknown job and for someone else's.
var errNoJob = fault.New(fault.NotFound, "No such job. It may have expired, or the id is mistyped.")

// Get reads a job. An unknown one is a fault.NotFound.
func (s *Store) Get(ctx context.Context, id job.ID) (*job.Job, error) {
	m, err := s.rdb.HGetAll(ctx, s.key("job:", string(id))).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	if m["id"] == "" {
		return nil, errNoJob
	}
	return readJob(m)
}

// schema is the form of a record; see lua/prelude.lua.
const schema = 1

var errNewer = fault.New(fault.Unavailable, "The job was posted to a newer version of this service than the one that answers. Ask again in a moment.")

func readJob(m map[string]string) (*job.Job, error) {
	if number(m["schema"]) > schema {
		return nil, errNewer
	}
	j := &job.Job{
		ID: job.ID(m["id"]), Tenant: m["tenant"], State: job.State(m["state"]), Secret: m["secret"],
		Account: m["account"], UpstreamID: m["upstream_id"], Phase: job.Phase(m["phase"]),
		Version: number(m["ver"]), Fence: number(m["fence"]),
		CreatedAt: instant(m["created"]), AdmittedAt: instant(m["admitted"]), ExpectedBy: instant(m["eta90"]), FinishedAt: instant(m["finished"]),
		BegunAt: instant(m["submit_began"]), SubmittedAt: instant(m["submitted"]), ReadyAt: instant(m["ready"]), UpstreamTook: time.Duration(number(m["took"])) * time.Millisecond,
		Deadline: instant(m["deadline"]), ExpiresAt: instant(m["expires"]),
		Recovered: m["recovered"] != "", Harvest: job.Harvest(m["harvest"]), HarvestUntil: instant(cmp.Or(m["harvest_ends"], m["harvest_by"])),
		Cancel: readCancel(m), Webhooks: readWebhooks(m), Removed: m["gone"] != "", DoubtTold: m["doubt_told"] != "",
	}
	err := errors.Join(
		decode(m["spec"], &j.Spec), decode(m["sources"], &j.Sources),
		decode(m["usage"], &j.Usage), decode(m["failure"], &j.Failure),
	)
	for i := range number(m["stored"]) {
		var media job.Media
		err = errors.Join(err, decode(m[mediaField(i)], &media))
		j.Media = append(j.Media, media)
	}
	if m["upstream"] != "" { // where it is now, see job.Spec.Fallbacks
		j.Spec.Upstream, j.Spec.UpstreamModel = m["upstream"], m["model"]
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: record of job %s: %w", j.ID, err)
	}
	return j, nil
}

func readCancel(m map[string]string) *job.Cancel {
	if m["cancel_asked"] == "" {
		return nil
	}
	return &job.Cancel{
		RequestedAt: instant(m["cancel_asked"]), Outcome: job.CancelOutcome(m["cancel_outcome"]), Billing: job.Billing(m["cancel_billing"]),
	}
}

func mediaField(i int64) string { return "media:" + strconv.FormatInt(i, 10) }

// number reads an integer that our own scripts wrote; absent is zero.
func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func instant(ms string) time.Time {
	if ms == "" {
		return time.Time{}
	}
	return time.UnixMilli(number(ms)).UTC()
}

func decode[T any](s string, v *T) error {
	if s == "" {
		return nil
	}
	return json.Unmarshal([]byte(s), v)
}

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// Events reads a job's log after a sequence number, oldest first. It is empty
// when nothing is newer, also for a job that does not exist.
func (s *Store) Events(ctx context.Context, id job.ID, after int64) ([]job.Event, error) {
	entries, err := s.rdb.XRange(ctx, s.key("ev:", string(id)), strconv.FormatInt(after+1, 10), "+").Result()
	if err != nil {
		return nil, unavailable(err)
	}
	events := make([]job.Event, 0, len(entries))
	for _, entry := range entries {
		e, err := readEvent(entry)
		if err != nil {
			return nil, fmt.Errorf("redisstore: event %s of job %s: %w", entry.ID, id, err)
		}
		events = append(events, e)
	}
	return events, nil
}

func readEvent(m redis.XMessage) (job.Event, error) {
	field := func(name string) string {
		s, _ := m.Values[name].(string)
		return s
	}
	var seq int64
	if _, err := fmt.Sscanf(m.ID, "%d-", &seq); err != nil {
		return job.Event{}, err
	}
	e := job.Event{
		Seq: seq, Type: job.EventType(field("type")), Time: instant(field("at")),
		State: job.State(field("state")), Phase: job.Phase(field("phase")),
	}
	return e, errors.Join(decode(field("media"), &e.Media), decode(field("failure"), &e.Failure))
}

// Position is where a job stands in its line.
type Position struct {
	Ahead int64 // jobs that will be served before it, as far as is known now
	Depth int64 // jobs in the line, itself included

	// Risen: fewer were ahead when it was last asked for. Others, who have had
	// less, came in between.
	Risen bool
}

// Position tells where a job waits. Nil: it does not wait in a line.
func (s *Store) Position(ctx context.Context, id job.ID) (*Position, error) {
	at, err := s.run(ctx, s.lua.position, string(id)).Int64Slice()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil //nolint:nilnil // not in a line is an answer, not an error
	case err != nil:
		return nil, unavailable(err)
	case len(at) != 3:
		return nil, errReply
	}
	return &Position{Ahead: at[0], Depth: at[1], Risen: at[2] == 1}, nil
}
