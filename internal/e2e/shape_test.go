package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// rule says what is wrong with a value; "" if nothing is.
type rule func(v any) string

// like compares a decoded JSON value with a pattern and gives what differs. A
// pattern is a rule, an object of patterns with exactly these keys (but that
// those which end in "?" may be absent), a list of patterns, or a value.
func like(at string, got, want any) []string {
	switch w := want.(type) {
	case rule:
		if wrong := w(got); wrong != "" {
			return []string{at + " " + wrong}
		}
		return nil
	case fields:
		o, ok := got.(fields)
		if !ok {
			return []string{fmt.Sprintf("%s is %T, not an object", at, got)}
		}
		return likeObject(at, o, w)
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(w) {
			return []string{fmt.Sprintf("%s is %v, not a list of %d", at, got, len(w))}
		}
		var found []string
		for i := range l {
			found = append(found, like(fmt.Sprintf("%s[%d]", at, i), l[i], w[i])...)
		}
		return found
	case int:
		want = json.Number(fmt.Sprint(w))
	}
	if !reflect.DeepEqual(got, want) {
		return []string{fmt.Sprintf("%s is %#v, not %#v", at, got, want)}
	}
	return nil
}

func likeObject(at string, got, want fields) (found []string) {
	known := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		plain, optional := strings.CutSuffix(name, "?")
		known[plain] = true
		v, ok := got[plain]
		if ok {
			found = append(found, like(at+"."+plain, v, want[name])...)
		} else if !optional {
			found = append(found, at+"."+plain+" is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if !known[name] {
			found = append(found, fmt.Sprintf("%s.%s is not in the contract: %v", at, name, got[name]))
		}
	}
	return found
}

// Rules that many patterns use.
var (
	anything rule = func(any) string { return "" }

	text rule = func(v any) string {
		if s, ok := v.(string); !ok || s == "" {
			return fmt.Sprintf("is %#v, not a text", v)
		}
		return ""
	}

	whole rule = func(v any) string {
		n, ok := v.(json.Number)
		if i, err := n.Int64(); !ok || err != nil || i < 0 {
			return fmt.Sprintf("is %#v, not a whole number", v)
		}
		return ""
	}

	positive rule = func(v any) string {
		n, ok := v.(json.Number)
		if f, err := n.Float64(); !ok || err != nil || f <= 0 {
			return fmt.Sprintf("is %#v, not above zero", v)
		}
		return ""
	}

	// recent is unix seconds of just now.
	recent rule = func(v any) string {
		n, _ := v.(json.Number)
		s, err := n.Int64()
		if age := time.Since(time.Unix(s, 0)); err != nil || age < -5*time.Second || age > 10*time.Minute {
			return fmt.Sprintf("is %#v, not now in unix seconds", v)
		}
		return ""
	}

	// moment is RFC 3339 in UTC.
	moment rule = func(v any) string {
		s, _ := v.(string)
		if _, err := time.Parse(time.RFC3339, s); err != nil || !strings.HasSuffix(s, "Z") {
			return fmt.Sprintf("is %#v, not a time in RFC 3339 and UTC", v)
		}
		return ""
	}
)

// oneOf is one of some texts.
func oneOf(words ...string) rule {
	return func(v any) string {
		if s, ok := v.(string); !ok || !slices.Contains(words, s) {
			return fmt.Sprintf("is %#v, none of %v", v, words)
		}
		return ""
	}
}

// either is null or as another pattern says.
func either(p any) rule {
	return func(v any) string {
		if v == nil {
			return ""
		}
		return strings.Join(like("", v, p), "; ")
	}
}

// each is a list of at least n, all as a pattern says.
func each(n int, p any) rule {
	return func(v any) string {
		l, ok := v.([]any)
		if !ok || len(l) < n {
			return fmt.Sprintf("is %v, not a list of %d or more", v, n)
		}
		var found []string
		for i := range l {
			found = append(found, like(fmt.Sprintf("[%d]", i), l[i], p)...)
		}
		return strings.Join(found, "; ")
	}
}
