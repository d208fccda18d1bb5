package ark

import (
	"bytes"
	"strconv"
)

// number reads a count however the upstream writes it: it was seen to turn
// integers into fractions and back. What is no number reads as zero, since no
// count is worth losing an answer that was paid.
type number int64

// UnmarshalJSON implements json.Unmarshaler. It never fails.
func (n *number) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(bytes.Trim(b, `"`)), 64)
	if err == nil && f > 0 && f < 1<<53 {
		*n = number(f)
	}
	return nil
}
