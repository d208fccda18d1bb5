package worker

import (
	"math"
	"math/rand/v2"
	"time"
)

// Cadence is when a running job is asked after: First after it was accepted,
// then after Interval, which grows by Growth each time up to Max. Jitter, a
// share of each pause by which it may be longer or shorter, keeps jobs that began
// together apart.
type Cadence struct {
	First    time.Duration
	Interval time.Duration // zero: 3 s, so that nothing is ever asked after without a pause
	Growth   float64       // 1 or more
	Max      time.Duration
	Jitter   float64       // 0 to 1
	Timeout  time.Duration // of one question; zero: 20 s
}

func (c Cadence) withDefaults() Cadence {
	c.Interval = orDefault(c.Interval, 3*time.Second)
	c.Timeout = orDefault(c.Timeout, 20*time.Second)
	return c
}

// first is the pause before the first question, for a job of an age.
func (c Cadence) first(age time.Duration) time.Duration {
	return max(0, c.jittered(c.First)-age)
}

// after is the pause after the n-th question, from 1.
func (c Cadence) after(n int) time.Duration {
	grown := float64(c.Interval) * math.Pow(max(c.Growth, 1), float64(n-1))
	return c.jittered(time.Duration(min(grown, float64(max(c.Max, c.Interval)))))
}

func (c Cadence) jittered(d time.Duration) time.Duration {
	return d + time.Duration(float64(d)*c.Jitter*(2*rand.Float64()-1)) //nolint:gosec // spreads load, guards nothing
}
