package job

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// ID names a job: 26 lower-case letters and digits, sortable by the time of
// acceptance, safe in a URL, a Redis key and an object key. 80 of its bits are
// random, so that nobody can guess one.
type ID string

// idLen is 16 bytes in base32 without padding.
const idLen = 26

// encoding sorts like the bytes it encodes.
var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID makes the id of a job accepted at a time: 48 bits of milliseconds, then
// 80 random bits.
func NewID(at time.Time) ID {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(max(at.UnixMilli(), 0))<<16)
	_, _ = rand.Read(b[6:]) // never fails: crypto/rand's own promise
	return ID(encoding.EncodeToString(b[:]))
}

// Time is when the job was accepted, by the clock of the process that made the
// id. It is false for what NewID has not made.
func (id ID) Time() (time.Time, bool) {
	b, err := encoding.DecodeString(string(id))
	if err != nil || len(id) != idLen {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b) >> 16)).UTC(), true
}

// ParseID tells whether a string from outside can be a job's id.
func ParseID(s string) (ID, bool) {
	if len(s) != idLen {
		return "", false
	}
	b, err := encoding.DecodeString(s)
	// Line ends and bits too many at the end are passed over by that.
	return ID(s), err == nil && encoding.EncodeToString(b) == s
}

// NewSecret makes 130 random bits in the alphabet of an ID: the unguessable
// part of a media link.
func NewSecret() string {
	return strings.ToLower(rand.Text())
}
