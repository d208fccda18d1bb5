package main

import (
	"math"
	"slices"
	"time"
)

// median gives the middle one; of an even number the mean of the two in the
// middle; NaN of none.
func median(v []float64) float64 { return quantile(v, 0.5) }

// quantile gives the value below which a share q of all lies, between two
// values in proportion; NaN of none.
func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(v))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (sorted[high]-sorted[low])*(at-float64(low))
}

// quotients divides pairwise.
func quotients(a, b []float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] / b[i]
	}
	return out
}

// each gives one property of all.
func each[T any](list []T, property func(T) float64) []float64 {
	out := make([]float64, len(list))
	for i, one := range list {
		out[i] = property(one)
	}
	return out
}

// inTurn gives all in an order that differs from round to round, since each finds the
// machine as the one before has left it.
func inTurn[T any](list []T, round int) []T {
	n := round % len(list)
	return slices.Concat(list[n:], list[:n])
}

// inMillis gives times in milliseconds.
func inMillis(list []time.Duration) []float64 { return each(list, ms) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func kib(bytes int64) float64 { return float64(bytes) / (1 << 10) }
