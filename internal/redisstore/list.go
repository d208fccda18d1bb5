package redisstore

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
)

// Listing asks for a page of a tenant's jobs, newest first.
type Listing struct {
	Tenant string
	After  job.ID      // goes on behind this one, whether it is still there or not; empty: from the newest
	Kind   job.Kind    // empty: all
	States []job.State // empty: all
	Limit  int         // at least 1
}

// Page is a part of a list.
type Page struct {
	Jobs []*job.Job

	// More tells that there may be more jobs behind Next.
	More bool
	Next job.ID
}

// A list is looked through in pieces, so that no script keeps Redis from others,
// and ends early where next to nothing fits: a caller that wants to can go on.
const (
	listPiece = 250
	listMost  = 40 * listPiece
)

// List gives a page of a tenant's jobs.
func (s *Store) List(ctx context.Context, l Listing) (Page, error) {
	var ids []job.ID
	page := Page{Next: l.After}
	for looked := 0; looked < listMost && len(ids) <= l.Limit; looked += listPiece {
		found, last, err := s.look(ctx, l, page.Next, l.Limit+1-len(ids))
		if err != nil {
			return Page{}, err
		}
		ids = append(ids, found...)
		page.Next, page.More = last, last != ""
		if last == "" {
			break
		}
	}
	if len(ids) > l.Limit { // the one too many was to see whether there is more
		ids = ids[:l.Limit]
		page.Next, page.More = ids[l.Limit-1], true
	}
	var err error
	page.Jobs, err = s.getAll(ctx, ids)
	return page, err
}

// look looks through one piece of a list.
func (s *Store) look(ctx context.Context, l Listing, after job.ID, most int) (ids []job.ID, last job.ID, err error) {
	var states strings.Builder
	for _, state := range l.States {
		states.WriteString(" " + string(state) + " ")
	}
	parts, err := s.run(ctx, s.lua.list, l.Tenant, string(after), string(l.Kind), states.String(), most, listPiece).Slice()
	if err != nil {
		return nil, "", unavailable(err)
	}
	if len(parts) != 2 {
		return nil, "", errReply
	}
	rows, ok1 := parts[0].([]any)
	end, ok2 := parts[1].(string)
	if !ok1 || !ok2 {
		return nil, "", errReply
	}
	for _, row := range rows {
		id, ok := row.(string)
		if !ok {
			return nil, "", errReply
		}
		ids = append(ids, job.ID(id))
	}
	return ids, job.ID(end), nil
}

// getAll reads several jobs. Those that have gone in the meantime are left out.
func (s *Store) getAll(ctx context.Context, ids []job.ID) ([]*job.Job, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	pipe := s.rdb.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.HGetAll(ctx, s.key("job:", string(id)))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	all := make([]*job.Job, 0, len(ids))
	for _, cmd := range cmds {
		m := cmd.Val()
		if m["id"] == "" {
			continue
		}
		j, err := readJob(m)
		if err != nil {
			return nil, err
		}
		all = append(all, j)
	}
	return all, nil
}
