package redisstore

import "context"

// forgetAfter is after how many marks of all observers Redis drops one's last
// mark: a day of ten workers that look once a second.
const forgetAfter = 1_000_000

// Memory is what one observer remembers of Redis, in order to notice when it
// goes back in time: when it is restored from a backup, emptied, or followed by
// a replica that had not got everything. It belongs to one goroutine. Make one
// with [Store.NewMemory].
//
// A counter alone would not do. What was lost of it in a moment is counted
// again a moment later; so each observer also leaves the number that it drew,
// and looks whether that is still there.
type Memory struct {
	store    *Store
	observer string
	last     int64 // the mark that Redis confirmed last; zero: none
}

// NewMemory makes a memory without a past. No two observers share a name.
func (s *Store) NewMemory(observer string) *Memory {
	return &Memory{store: s, observer: observer}
}

// Look leaves a mark in Redis. lost tells that writes which Redis had confirmed
// since the last Look, or before it, are gone; a next Look tells of new losses
// alone. A Look that fails changes nothing.
func (m *Memory) Look(ctx context.Context) (lost bool, err error) {
	r, err := m.store.run(ctx, m.store.lua.look, m.observer, forgetAfter).Int64Slice()
	if err != nil {
		return false, unavailable(err)
	}
	if len(r) != 2 {
		return false, errReply
	}
	mark, before, last := r[0], r[1], m.last
	m.last = mark
	forgotten := mark-last > forgetAfter // Redis need not have it any more
	return mark <= last || before < last && !forgotten, nil
}
