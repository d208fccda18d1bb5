package main

import "fmt"

// figure is one number and what it is held against.
type figure struct {
	Name string  `json:"name"`
	Unit unit    `json:"unit"`
	Ours float64 `json:"ours"`

	// Floor is the same for the least that the machine can do; nil where
	// nothing is comparable. FloorIs says what it was.
	Floor   *float64 `json:"floor,omitempty"`
	FloorIs string   `json:"floor_is,omitempty"`

	// Ratio is ours to the floor; the median of the rounds, so it may differ
	// a little from the quotient of the medians beside it.
	Ratio *float64 `json:"ratio,omitempty"`

	Target *target `json:"target,omitempty"`
	Met    *bool   `json:"met,omitempty"` // nil without a target
	Note   string  `json:"note,omitempty"`
}

// unit is what a figure counts.
type unit string

// The units.
const (
	perSecond unit = "/s"
	millis    unit = "ms"
	mebibytes unit = "MiB"
	mibPerSec unit = "MiB/s"
	percent   unit = "%"
	micros    unit = "µs"
	kibibytes unit = "KiB"
	plain     unit = "" // a number of things
)

// target is what a figure, or its ratio, should be.
type target struct {
	OfRatio bool    `json:"of_ratio"`
	AtLeast bool    `json:"at_least"` // else at most
	Value   float64 `json:"value"`
}

func ratioAtLeast(v float64) *target { return &target{OfRatio: true, AtLeast: true, Value: v} }
func ratioAtMost(v float64) *target  { return &target{OfRatio: true, Value: v} }
func atLeast(v float64) *target      { return &target{AtLeast: true, Value: v} }
func atMost(v float64) *target       { return &target{Value: v} }

// String writes a target as people do.
func (t target) String() string {
	sign := "≤"
	if t.AtLeast {
		sign = "≥"
	}
	if t.OfRatio {
		return fmt.Sprintf("ratio %s %.3g", sign, t.Value)
	}
	return fmt.Sprintf("%s %.5g", sign, t.Value)
}

// against sets the floor of a figure and the ratio to it.
func (f figure) against(floor float64, what string) figure {
	f.Floor, f.FloorIs = &floor, what
	if f.Ratio == nil && floor > 0 {
		ratio := f.Ours / floor
		f.Ratio = &ratio
	}
	return f
}

// aim sets the target and says whether it is met.
func (f figure) aim(t *target) figure {
	value := f.Ours
	if t.OfRatio {
		if f.Ratio == nil {
			return f
		}
		value = *f.Ratio
	}
	met := value <= t.Value
	if t.AtLeast {
		met = value >= t.Value
	}
	f.Target, f.Met = t, &met
	return f
}

// compare makes a figure of rounds in which ours and the floor took turns.
func compare(name string, u unit, ours, floor []float64, what string) figure {
	ratio := median(quotients(ours, floor))
	return figure{Name: name, Unit: u, Ours: median(ours), Ratio: &ratio}.against(median(floor), what)
}
