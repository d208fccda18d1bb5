package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// OwnAddress is Delivery.To of a job's own webhook address.
const OwnAddress = "job"

// triesShown is how many tries of a delivery are kept, the newest ones.
const triesShown = 20

// DeliveryStatus is how a delivery stands.
type DeliveryStatus string

// The statuses of a delivery.
const (
	DeliveryPending   DeliveryStatus = "pending"
	DeliveryDelivered DeliveryStatus = "delivered"
	DeliveryFailed    DeliveryStatus = "failed" // given up
)

// Delivery is one event on its way to one receiver. It is written with the event.
type Delivery struct {
	Job    job.ID
	Seq    int64  // of the event
	To     string // an endpoint's id, or OwnAddress
	Tenant string
	Type   job.EventType
	State  job.State // after the event
	At     time.Time // of the event

	// URL and Origin are those of the job's own address; empty otherwise.
	URL, Origin string

	Status DeliveryStatus
	Due    time.Time // of a pending one: the next try
	Ended  time.Time // zero while it is pending

	Tries    int // since it was begun or begun anew
	Attempts int // in all
	Shown    []job.WebhookTry

	// Body is what was sent at first, if that was not taken.
	Body []byte
}

// Name tells a delivery from the others of its job.
func (d *Delivery) Name() string { return strconv.FormatInt(d.Seq, 10) + "." + d.To }

func (s *Store) deliveryKey(id job.ID, name string) string {
	return s.key("delivery:", string(id)+"."+name)
}

// ClaimDeliveries takes up to most of a job's deliveries that are due, for as
// long as a lease, and gives them with the store's time.
func (s *Store) ClaimDeliveries(ctx context.Context, id job.ID, token string, lease time.Duration, most int) ([]*Delivery, time.Time, error) {
	parts, err := s.run(ctx, s.lua.deliver, string(id), token, lease.Milliseconds(), most).Slice()
	if err != nil {
		return nil, time.Time{}, unavailable(err)
	}
	if len(parts) != 2 {
		return nil, time.Time{}, errReply
	}
	ms, ok1 := parts[0].(int64)
	rows, ok2 := parts[1].([]any)
	if !ok1 || !ok2 {
		return nil, time.Time{}, errReply
	}
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i], _ = row.(string)
	}
	list, err := s.readDeliveries(ctx, id, names)
	return list, time.UnixMilli(ms).UTC(), err
}

// Deliveries are all of a job's deliveries that are still known, in the order of
// their events.
func (s *Store) Deliveries(ctx context.Context, id job.ID) ([]*Delivery, error) {
	names, err := s.rdb.ZRange(ctx, s.key("deliveries:", string(id)), 0, -1).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	return s.readDeliveries(ctx, id, names)
}

func (s *Store) readDeliveries(ctx context.Context, id job.ID, names []string) ([]*Delivery, error) {
	if len(names) == 0 {
		return nil, nil
	}
	pipe := s.rdb.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, len(names))
	for i, name := range names {
		cmds[i] = pipe.HGetAll(ctx, s.deliveryKey(id, name))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	var out []*Delivery
	for _, cmd := range cmds {
		d, err := readDelivery(id, cmd.Val())
		if err != nil {
			return nil, err
		}
		if d != nil {
			out = append(out, d)
		}
	}
	return out, nil
}

// readDelivery gives nil for a record that has expired.
func readDelivery(id job.ID, m map[string]string) (*Delivery, error) {
	if m["status"] == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	d := &Delivery{
		Job: id, Seq: number(m["seq"]), To: m["to"], Tenant: m["tenant"], Type: job.EventType(m["type"]), State: job.State(m["state"]),
		At: instant(m["at"]), URL: m["url"], Origin: m["origin"], Status: DeliveryStatus(m["status"]), Due: instant(m["due"]),
		Ended: instant(m["ended"]), Tries: int(number(m["tries"])), Attempts: int(number(m["attempts"])), Body: []byte(m["body"]),
	}
	var places []int64
	for field := range m {
		if n, ok := strings.CutPrefix(field, "try:"); ok {
			places = append(places, number(n))
		}
	}
	slices.Sort(places)
	for _, n := range places {
		var try job.WebhookTry
		if err := json.Unmarshal([]byte(m["try:"+strconv.FormatInt(n, 10)]), &try); err != nil {
			return nil, fmt.Errorf("redisstore: try %d of delivery %s of job %s: %w", n, d.Name(), id, err)
		}
		d.Shown = append(d.Shown, try)
	}
	return d, nil
}

// DeliveryOutcome is what came of one try.
type DeliveryOutcome string

// The outcomes of a try.
const (
	TryDelivered DeliveryOutcome = "delivered"
	TryRetry     DeliveryOutcome = "retry"  // to be tried again after a time
	TryFailed    DeliveryOutcome = "failed" // given up
	TryGone      DeliveryOutcome = "gone"   // given up, and the receiver wants no more: its endpoint is disabled
	TryBusy      DeliveryOutcome = "busy"   // not tried: too much goes to that receiver at the moment
)

// Tried is a try of a delivery and what is to follow.
type Tried struct {
	Outcome DeliveryOutcome
	Try     job.WebhookTry

	// Wait is the time until the next try, of TryRetry and TryBusy.
	Wait time.Duration

	// Body is kept for the next try, so that each sends the same. Nil: there is one.
	Body []byte

	// Keep is how long the delivery is shown after its end.
	Keep time.Duration
}

// Delivered writes what came of a delivery that was claimed under a token. What
// was taken counts, whoever holds the delivery by then; all else is passed over
// when another one does.
func (s *Store) Delivered(ctx context.Context, d *Delivery, token string, t Tried) error {
	t.Try.Deliver = d.Name()
	try, err := json.Marshal(t.Try)
	if err != nil {
		return err
	}
	return unavailable(s.run(ctx, s.lua.delivered, string(d.Job), d.Name(), token, string(t.Outcome), try,
		t.Wait.Milliseconds(), t.Body, t.Keep.Milliseconds(), triesShown).Err())
}

// Undelivered is what of all deliveries is not made.
type Undelivered struct {
	Bells   []job.Bell
	Pending int64
	Oldest  time.Duration // since the event; zero if there is none
}

// RingUndelivered gives bells for up to most deliveries that somebody must look
// at. Any number of workers may call it.
func (s *Store) RingUndelivered(ctx context.Context, most int) (u Undelivered, err error) {
	parts, err := s.run(ctx, s.lua.undelivered, most, s.grace()).Slice()
	if err != nil {
		return u, unavailable(err)
	}
	if len(parts) != 3 {
		return u, errReply
	}
	pending, ok1 := parts[1].(int64)
	age, ok2 := parts[2].(int64)
	if !ok1 || !ok2 {
		return u, errReply
	}
	u.Pending, u.Oldest = pending, time.Duration(age)*time.Millisecond
	u.Bells, err = readBells(parts[0])
	return u, err
}

var errNoDelivery = fault.New(fault.NotFound, "There is no such delivery of this job. It may have expired.")

// Redeliver begins a delivery anew. An unknown one is a fault.NotFound.
func (s *Store) Redeliver(ctx context.Context, id job.ID, name string) (*Delivery, error) {
	seq, _, ok := strings.Cut(name, ".")
	if _, err := strconv.ParseInt(seq, 10, 64); err != nil || !ok {
		return nil, errNoDelivery
	}
	found, err := s.run(ctx, s.lua.redeliver, string(id), name).Int64()
	switch {
	case err != nil:
		return nil, unavailable(err)
	case found == 0:
		return nil, errNoDelivery
	}
	list, err := s.readDeliveries(ctx, id, []string{name})
	if err == nil && len(list) == 0 {
		err = errNoDelivery
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// readWebhooks is how a job's deliveries stand, by its record.
func readWebhooks(m map[string]string) *job.WebhookState {
	if m["hooks_pending"] == "" {
		return nil
	}
	w := &job.WebhookState{
		Pending: int(number(m["hooks_pending"])), Delivered: int(number(m["hooks_delivered"])), Failed: int(number(m["hooks_failed"])),
	}
	var last job.WebhookTry
	if m["hook_failure"] != "" && json.Unmarshal([]byte(m["hook_failure"]), &last) == nil {
		w.Last = &last
	}
	return w
}
