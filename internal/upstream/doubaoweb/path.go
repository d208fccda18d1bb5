package doubaoweb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// Paths are places in JSON that are tried in order.
type Paths [][]string

// UnmarshalYAML reads a list of dotted paths.
func (p *Paths) UnmarshalYAML(b []byte) error {
	var list []string
	if err := yaml.Unmarshal(b, &list); err != nil {
		return errors.New("must be a list of paths such as [data.*.url]")
	}
	*p = nil
	for _, s := range list {
		steps := strings.Split(s, ".")
		for _, step := range steps {
			if step == "" || strings.HasPrefix(step, "!") && step != "!json" {
				return fmt.Errorf("%q is not a path: a step is a key, * or !json", s)
			}
		}
		*p = append(*p, steps)
	}
	return nil
}

// all gives the values of the first path that has any; a list at its end counts
// as one value.
func (p Paths) all(v any) []any {
	for _, steps := range p {
		if found := walk(v, steps, nil); len(found) > 0 {
			return found
		}
	}
	return nil
}

// every gives the values of all paths.
func (p Paths) every(v any) []any {
	var out []any
	for _, steps := range p {
		out = walk(v, steps, out)
	}
	return out
}

// text gives the first value of all paths that is a text or a number and not empty.
func (p Paths) text(v any) string {
	for _, found := range p.every(v) {
		if s := str(found); s != "" {
			return s
		}
	}
	return ""
}

func walk(v any, steps []string, out []any) []any {
	if v == nil {
		return out
	}
	if len(steps) == 0 {
		return append(out, v)
	}
	step, rest := steps[0], steps[1:]
	switch step {
	case "!json":
		if s, ok := v.(string); ok {
			return walk(parseJSON([]byte(s)), rest, out)
		}
		return walk(v, rest, out)
	case "*":
		list, _ := v.([]any)
		for _, e := range list {
			out = walk(e, rest, out)
		}
		return out
	}
	return walk(at(v, step), rest, out)
}

// at gives a field of an object; nil if there is none.
func at(v any, keys ...string) any {
	for _, key := range keys {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

// str gives a text, or a number or truth value as one; empty for all else.
func str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return ""
}

// parseJSON reads one JSON value, with numbers as they are written: the upstream's
// ids are longer than a float is exact. Nil if it is none.
func parseJSON(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// unpack gives an object that may be packed into a string.
func unpack(v any) any {
	if s, ok := v.(string); ok {
		return parseJSON([]byte(s))
	}
	return v
}
