package redisstore

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// Endpoint is where a tenant wants to be told of its jobs.
type Endpoint struct {
	ID          string // letters, digits and "_"; sortable by age
	Tenant      string
	URL         string
	Description string
	Events      []job.EventType
	Enabled     bool
	Gone        bool   // disabled because it answered 410
	Origin      string // see job.Webhook
	CreatedAt   time.Time

	// Secrets sign what is sent: the newest first, and while a rotation lasts the
	// one before it.
	Secrets []account.Secret

	// OldUntil is when the one before ceases to sign; zero: there is none.
	OldUntil time.Time
}

var (
	errNoEndpoint    = fault.New(fault.NotFound, "There is no such webhook endpoint. GET /v1/webhooks lists yours.")
	errEndpointsFull = fault.New(fault.Invalid, "This credential has as many webhook endpoints as it may have. Delete one of them first.")
	errNoKeyRing     = fault.New(fault.PermissionDenied, "This server can keep no endpoint's secret, since its operator has set no security.keys.")
)

// EndpointChange is what to change in an endpoint. Nil leaves as it is.
type EndpointChange struct {
	URL, Description, Origin *string
	Events                   []job.EventType
	Enabled                  *bool
}

// AddEndpoint saves a new endpoint with its secret, sealed. most bounds those of a
// tenant: one more is a fault of Invalid.
func (s *Store) AddEndpoint(ctx context.Context, e Endpoint, secret account.Secret, most int) (*Endpoint, error) {
	sealed, err := s.sealEndpoint(secret, e.ID)
	if err != nil {
		return nil, err
	}
	return s.putEndpoint(ctx, e.ID, e.Tenant, most, "", 0, []any{
		"url", e.URL, "description", e.Description, "events", job.JoinEventTypes(e.Events), "origin", e.Origin, "secret", sealed,
	})
}

// ChangeEndpoint changes an endpoint. One that is enabled is no longer gone.
func (s *Store) ChangeEndpoint(ctx context.Context, tenant, id string, c EndpointChange) (*Endpoint, error) {
	var fields []any
	set := func(name string, v *string) {
		if v != nil {
			fields = append(fields, name, *v)
		}
	}
	set("url", c.URL)
	set("description", c.Description)
	set("origin", c.Origin)
	if c.Events != nil {
		fields = append(fields, "events", job.JoinEventTypes(c.Events))
	}
	if c.Enabled != nil {
		status := "disabled"
		if *c.Enabled {
			status = "enabled"
		}
		fields = append(fields, "status", status, "reason", "")
	}
	return s.putEndpoint(ctx, id, tenant, 0, "", 0, fields)
}

// RotateEndpoint gives an endpoint a new secret. The one before goes on signing,
// too, for a time.
func (s *Store) RotateEndpoint(ctx context.Context, tenant, id string, secret account.Secret, both time.Duration) (*Endpoint, error) {
	sealed, err := s.sealEndpoint(secret, id)
	if err != nil {
		return nil, err
	}
	return s.putEndpoint(ctx, id, tenant, 0, sealed, both, nil)
}

// DropEndpoint deletes an endpoint. What is still to be delivered to it fails.
func (s *Store) DropEndpoint(ctx context.Context, tenant, id string) error {
	n, err := s.run(ctx, s.lua.endpointGone, id, tenant).Int64()
	if err == nil && n == 0 {
		return errNoEndpoint
	}
	return unavailable(err)
}

// Endpoint reads a tenant's endpoint; those of others do not exist for it.
func (s *Store) Endpoint(ctx context.Context, tenant, id string) (*Endpoint, error) {
	list, err := s.readEndpoints(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || list[0].Tenant != tenant {
		return nil, errNoEndpoint
	}
	return list[0], nil
}

// Endpoints are all of a tenant's endpoints, oldest first.
func (s *Store) Endpoints(ctx context.Context, tenant string) ([]*Endpoint, error) {
	ids, err := s.rdb.HKeys(ctx, s.key("endpoints:", tenant)).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	slices.Sort(ids)
	return s.readEndpoints(ctx, ids)
}

func (s *Store) readEndpoints(ctx context.Context, ids []string) ([]*Endpoint, error) {
	pipe := s.rdb.Pipeline()
	clock := pipe.Time(ctx)
	cmds := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.HGetAll(ctx, s.key("endpoint:", id))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	out := []*Endpoint{}
	for _, cmd := range cmds {
		if m := cmd.Val(); m["id"] != "" {
			out = append(out, s.readEndpoint(m, clock.Val()))
		}
	}
	return out, nil
}

// readEndpoint opens the secrets, too. One that none of our keys opens is left
// out: the endpoint needs a new one then.
func (s *Store) readEndpoint(m map[string]string, now time.Time) *Endpoint {
	e := &Endpoint{
		ID: m["id"], Tenant: m["tenant"], URL: m["url"], Description: m["description"], Events: job.SplitEventTypes(m["events"]),
		Enabled: m["status"] == "enabled", Gone: m["reason"] == "gone", Origin: m["origin"], CreatedAt: instant(m["created"]),
	}
	sealed := []string{m["secret"]}
	if until := instant(m["old_until"]); until.After(now) {
		e.OldUntil, sealed = until, append(sealed, m["old"])
	}
	for _, text := range sealed {
		if s.keys == nil {
			break
		}
		if secret, err := s.keys.Open(text, "webhook/"+e.ID); err == nil {
			e.Secrets = append(e.Secrets, secret)
		}
	}
	return e
}

// CanSeal tells whether there is a key to seal the secrets of endpoints with.
func (s *Store) CanSeal() bool { return s.keys.CanSeal() }

func (s *Store) sealEndpoint(secret account.Secret, id string) (string, error) {
	if !s.CanSeal() {
		return "", errNoKeyRing
	}
	return s.keys.Seal(secret, "webhook/"+id)
}

func (s *Store) putEndpoint(ctx context.Context, id, tenant string, most int, rotated string, both time.Duration, fields []any) (*Endpoint, error) {
	args := append([]any{id, tenant, most, rotated, both.Milliseconds()}, fields...)
	word, err := s.run(ctx, s.lua.endpoint, args...).Text()
	switch {
	case err != nil:
		return nil, unavailable(err)
	case word == "full":
		return nil, errEndpointsFull
	case word == "gone":
		return nil, errNoEndpoint
	}
	return s.Endpoint(ctx, tenant, id)
}
