package config

import (
	"reflect"
	"strings"
)

// hint helps with a name that is unknown in a section: the name there that is
// spelled most like it, else the setting of that name in another section, else
// what there is.
func hint(section reflect.Value, name string) string {
	var here []string
	for f := range fields(section) {
		here = append(here, f.name)
	}
	if near := nearest(name, here); near != "" {
		return "did you mean " + near + "?"
	}
	for path := range settings(specimen(reflect.TypeFor[Config]()), "") {
		if strings.HasSuffix(path, "."+name) {
			return "did you mean " + strings.ReplaceAll(path, "[0]", "[…]") + "?"
		}
	}
	return "known here: " + strings.Join(here, ", ")
}

// nearest gives the candidate that takes the fewest edits, if it is close.
func nearest(name string, candidates []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c)); d < least && d < len(c) {
			best, least = c, d
		}
	}
	return best
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
