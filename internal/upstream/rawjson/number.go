package rawjson

import (
	"bytes"
	"strconv"
)

// Number reads a count however the upstream writes it: it was seen to turn
// integers into fractions and back. What is no number reads as zero, since no
// count is worth losing an answer that was paid.
type Number int64

// UnmarshalJSON implements json.Unmarshaler. It never fails.
func (n *Number) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 64)
	if err == nil && f > 0 && f < 1<<53 {
		*n = Number(f)
	}
	return nil
}
