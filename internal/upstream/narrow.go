package upstream

import (
	"fmt"
	"slices"
)

// Narrow takes from m what o cannot do: a model that is to be had at several places
// offers what each of them can, or a job that moves on would be refused there. Its
// error says what leaves nothing in common.
func (m *Model) Narrow(o Model) error {
	had := len(m.Ratios) > 0 && len(o.Ratios) > 0
	m.Ratios, m.Sizes = both(m.Ratios, o.Ratios), both(m.Sizes, o.Sizes)
	m.Resolutions, m.Seconds = both(m.Resolutions, o.Resolutions), both(m.Seconds, o.Seconds)
	m.MaxCount, m.References = min(m.MaxCount, o.MaxCount), min(m.References, o.References)
	m.MaxTogether = lower(m.MaxTogether, o.MaxTogether)
	m.Seed, m.NegativePrompt, m.LastFrame = m.Seed && o.Seed, m.NegativePrompt && o.NegativePrompt, m.LastFrame && o.LastFrame
	m.ReferenceImages, m.NeedsImage = min(m.ReferenceImages, o.ReferenceImages), m.NeedsImage || o.NeedsImage
	m.Input.narrow(o.Input)
	switch {
	case had && len(m.Ratios) == 0:
		return fmt.Errorf("%s of %s has no ratio in common with it", o.ID, o.Upstream)
	case m.NeedsImage && m.ReferenceImages == 0:
		return fmt.Errorf("of it and %s of %s one needs an image and the other takes none", o.ID, o.Upstream)
	}
	return nil
}

// both gives what of a is in b too. It shares nothing with either.
func both[T comparable](a, b []T) []T {
	return slices.DeleteFunc(slices.Clone(a), func(v T) bool { return !slices.Contains(b, v) })
}

func (l *InputLimits) narrow(o InputLimits) {
	switch {
	case len(l.Types) == 0:
		l.Types = slices.Clone(o.Types)
	case len(o.Types) > 0:
		l.Types = both(l.Types, o.Types)
	}
	l.MaxBytes, l.MaxTotalBytes = lower(l.MaxBytes, o.MaxBytes), lower(l.MaxTotalBytes, o.MaxTotalBytes)
	l.MaxPixels, l.MaxSide = lower(l.MaxPixels, o.MaxPixels), lower(l.MaxSide, o.MaxSide)
	l.MaxAspect = lower(l.MaxAspect, o.MaxAspect)
	l.MinSide, l.MinAspect = max(l.MinSide, o.MinSide), max(l.MinAspect, o.MinAspect)
}

// lower gives the smaller of two limits, where zero is none.
func lower[T int | int64 | float64](a, b T) T {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}
