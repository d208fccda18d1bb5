package ark

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"
)

// newRequestID is 53 characters: 02, the time in milliseconds, 38 hex digits.
func newRequestID(now time.Time) string {
	var b [19]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("02%013d%s", now.UnixMilli(), hex.EncodeToString(b[:]))
}

// newTaskID is cgt-, the time in Beijing, and five letters or digits.
func newTaskID(now time.Time) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	var b [5]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return "cgt-" + now.UTC().Add(8*time.Hour).Format("20060102150405") + "-" + string(b[:])
}
