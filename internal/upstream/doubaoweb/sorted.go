package doubaoweb

import (
	"maps"
	"slices"
)

// sorted are the keys of a map in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
