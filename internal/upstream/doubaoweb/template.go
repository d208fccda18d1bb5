package doubaoweb

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Template is a piece of JSON with placeholders; see profile.yaml.
type Template struct{ root any }

// UnmarshalYAML takes any value.
func (t *Template) UnmarshalYAML(get func(any) error) error { return get(&t.root) }

// known are the placeholders. Those of one operation are empty in another.
var known = []string{
	"text", "ratio", "style", "model", "seconds", "thinking", "thinking_level", "attachments", "blocks",
	"conversation_id", "local_conversation_id", "local_message_id", "request_id", "task_id",
	"file_key", "file_name", "file_format", "width", "height", "uuid", "now_ms", "role",
}

// vars are the values of placeholders.
type vars map[string]any

var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

// get gives a value. A uuid is a new one each time.
func (v vars) get(name string) any {
	switch value, ok := v[name]; {
	case ok:
		return value
	case name == "uuid":
		return newUUID()
	case name == "now_ms":
		return time.Now().UnixMilli()
	}
	return ""
}

// text puts values into a string.
func (v vars) text(s string) string {
	return placeholder.ReplaceAllStringFunc(s, func(m string) string {
		return fmt.Sprint(v.get(strings.TrimSuffix(m[2:len(m)-1], "?")))
	})
}

// value gives what stands for a string of a template; false if its field is to be
// left out.
func (v vars) value(s string) (any, bool) {
	m := placeholder.FindStringSubmatch(s)
	if m == nil || m[0] != s {
		return v.text(s), true
	}
	name, optional := strings.CutSuffix(m[1], "?")
	value := v.get(name)
	return value, !optional || value != "" && value != 0
}

// fill gives the JSON of a template.
func (t Template) fill(v vars) ([]byte, error) { return json.Marshal(v.node(t.root)) }

// node fills one value of a template.
func (v vars) node(n any) any {
	switch n := n.(type) {
	case string:
		value, _ := v.value(n)
		return value
	case []any:
		out := make([]any, 0, len(n))
		for _, e := range n {
			out = append(out, v.node(e))
		}
		return out
	case yaml.MapSlice:
		if len(n) == 1 && n[0].Key == "$json" {
			text, err := json.Marshal(v.node(n[0].Value))
			if err != nil {
				return ""
			}
			return string(text)
		}
		return v.object(n)
	}
	return n
}

func (v vars) object(n yaml.MapSlice) any {
	out := make(map[string]any, len(n))
	for _, item := range n {
		key := fmt.Sprint(item.Key)
		if s, ok := item.Value.(string); ok {
			if value, keep := v.value(s); keep {
				out[key] = value
			}
			continue
		}
		out[key] = v.node(item.Value)
	}
	return out
}

// check finds unknown placeholders.
func (t Template) check() error {
	if t.root == nil {
		return errors.New("the template is missing")
	}
	return checkNode(t.root)
}

func checkNode(n any) error {
	switch n := n.(type) {
	case string:
		return checkPlaceholders(n)
	case []any:
		for _, e := range n {
			if err := checkNode(e); err != nil {
				return err
			}
		}
	case yaml.MapSlice:
		for _, item := range n {
			if err := checkNode(item.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkPlaceholders(s string) error {
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		if name := strings.TrimSuffix(m[1], "?"); !slices.Contains(known, name) {
			return fmt.Errorf("there is no placeholder %q; known are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// newUUID makes a random UUID (version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return uuidOf(b)
}

// uuidOf gives bytes the form of a UUID.
func uuidOf(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
