package rawjson_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream/rawjson"
)

// FuzzScan: on valid JSON the walker gives what encoding/json gives; on anything
// else it only has to end.
func FuzzScan(f *testing.F) {
	for _, s := range []string{`{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"a \"b\" \u00e9"},"logprobs":null}],"usage":{"total_tokens":2}}`, ` { "a" : [ 1 , {"b":"\\\"]}"} ] , "c":null } `, `[[],[{}],"\u005d"]`, `{"a":`, `{"a"`, `{"`, `[1 2]`, `{}`, `{"":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		fields := map[string]json.RawMessage{}
		plain := true // encoding/json decodes the keys
		for key, value := range rawjson.Fields(in) {
			plain = plain && !bytes.ContainsAny(key, "\\") && bytes.Equal(bytes.ToValidUTF8(key, nil), key)
			fields[string(key)] = value
		}
		var elements []json.RawMessage
		for value := range rawjson.Elements(in) {
			elements = append(elements, value)
		}
		if json.Valid(in) {
			sameFields(t, in, fields, plain)
			sameElements(t, in, elements)
		}
	})
}

func sameFields(t *testing.T, in []byte, got map[string]json.RawMessage, plain bool) {
	t.Helper()
	var want map[string]json.RawMessage
	if json.Unmarshal(in, &want) != nil || !plain {
		return
	}
	if len(got) != len(want) {
		t.Fatalf("%q: %d fields, want %d", in, len(got), len(want))
	}
	for key, value := range want {
		if !bytes.Equal(got[key], value) {
			t.Fatalf("%q: %q is %q, want %q", in, key, got[key], value)
		}
	}
}

func sameElements(t *testing.T, in []byte, got []json.RawMessage) {
	t.Helper()
	var want []json.RawMessage
	if json.Unmarshal(in, &want) != nil {
		return
	}
	if len(got) != len(want) {
		t.Fatalf("%q: %d elements, want %d", in, len(got), len(want))
	}
	for i, value := range want {
		if !bytes.Equal(got[i], value) {
			t.Fatalf("%q: element %d is %q, want %q", in, i, got[i], value)
		}
	}
}
