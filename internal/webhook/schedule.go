package webhook

import (
	"math/rand/v2"
	"time"
)

// Schedule is how long after each try that failed the next one is made. After
// the last of them a delivery is given up.
type Schedule []time.Duration

// DefaultSchedule is ten tries in a bit more than three days.
func DefaultSchedule() Schedule {
	return Schedule{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// jitter is the share of a wait that is random, so that receivers who come back
// are not met by all that they have missed at once.
const jitter = 0.1

// Next is how long to wait after the try with a number, from 1, that failed; never
// less than the receiver asked for. False: it was the last.
func (s Schedule) Next(try int, asked time.Duration) (time.Duration, bool) {
	if try < 1 || try > len(s) {
		return 0, false
	}
	wait := float64(s[try-1]) * (1 + jitter*(2*rand.Float64()-1)) //nolint:gosec // spreads load, guards nothing
	return max(time.Duration(wait), asked), true
}
