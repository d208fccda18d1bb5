package ark

import "time"

// What the tests of lookups need.
const (
	ListPages    = listPages
	ListPageSize = listPageSize
)

// SetNow replaces the clock of a driver that nobody uses yet.
func (d *Driver) SetNow(now func() time.Time) { d.now = now }
