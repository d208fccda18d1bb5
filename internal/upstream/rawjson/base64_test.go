package rawjson_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tintypehq/tintype/internal/upstream/rawjson"
)

func b64(key string, dataURI bool) bool { return key == "b64" || key == "url" && dataURI }

func TestSplitBase64(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("0123456789\xff"), 50_000)
	encoded := base64.StdEncoding.EncodeToString(large)
	tests := []struct {
		in, text string
		blobs    []string
		err      error
	}{
		{`{"b64":"aGk="}`, `{"b64":"0"}`, []string{"hi"}, nil},
		{`[{"b64" : "aGk="},{"x":"b64","b64":null,"y":"aGk="}]`, `[{"b64" : "0"},{"x":"b64","b64":null,"y":"aGk="}]`, []string{"hi"}, nil},
		{`{"url":"https://a","u":{"url":"data:image/png;base64,aGk="}}`, `{"url":"https://a","u":{"url":"0"}}`, []string{"hi"}, nil},
		{`{"a\"b64":"x","\\":"\\\\","b64":""}`, `{"a\"b64":"x","\\":"\\\\","b64":"0"}`, []string{""}, nil},
		{`["b64",":","x"]`, `["b64",":","x"]`, nil, nil},
		{`{"b64":"` + encoded + `","n":1}`, `{"b64":"0","n":1}`, []string{string(large)}, nil},
		{`{"b64":"aGk=\n"}`, `{"b64":"0"}`, []string{"hi"}, nil},
		{`{"b64":"aGk"}`, ``, nil, rawjson.ErrEncoding},
		{`{"b64":"a\x"}`, ``, nil, rawjson.ErrEncoding},
		{`{"b64":"data:x"}`, ``, nil, rawjson.ErrEncoding},
		{`{"b64":"` + encoded, ``, nil, io.ErrUnexpectedEOF},
		{`{"b64":"aGk=\u00`, ``, nil, io.ErrUnexpectedEOF},
		{`{"x":"half`, `{"x":"half`, nil, nil}, // whoever reads the text will see
		{``, ``, nil, nil},
	}
	for _, tt := range tests {
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(tt.in), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.in))} {
			text, blobs, err := rawjson.SplitBase64(r, b64, 1<<10)
			if !errors.Is(err, tt.err) || tt.err == nil && string(text) != tt.text {
				t.Errorf("%s, %.50q: %.100q, %v", name, tt.in, text, err)
			}
			if tt.err == nil && (len(blobs) != len(tt.blobs) || len(blobs) > 0 && string(blobs[0]) != tt.blobs[0]) {
				t.Errorf("%s, %.50q: %d blobs", name, tt.in, len(blobs))
			}
		}
	}
	if _, _, err := rawjson.SplitBase64(strings.NewReader(`{"x":"`+encoded+`"}`), b64, 1<<10); err == nil {
		t.Error("a text over the limit was read")
	}
	broken := errors.New("broken")
	if _, _, err := rawjson.SplitBase64(io.MultiReader(strings.NewReader(`{"b64":"aG`), iotest.ErrReader(broken)), b64, 1<<10); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// FuzzSplitBase64: put together again, text and blobs say what encoding/json reads
// in the whole.
func FuzzSplitBase64(f *testing.F) {
	for _, s := range []string{`{"b64":"aGk="}`, `[{"b64":"aGk=","c":"\""},{"b64":"YQ=="}]`, `{"b64":"\u0061Gk="}`, `{"url":"data:x,aGk="}`, `{"b64" :`, `"b64":"`, `{"b64":"\/\/\/\/"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		text, blobs, err := rawjson.SplitBase64(bytes.NewReader(in), func(key string, _ bool) bool { return key == "b64" }, 1<<16)
		var want, got any
		if err != nil || json.Unmarshal(in, &want) != nil || bytes.Contains(in, []byte(`\u`)) {
			return
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q became %q: %v", in, text, err)
		}
		same(t, got, want, "", blobs)
	})
}

// same compares what was split with the whole.
func same(t *testing.T, got, want any, key string, blobs [][]byte) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			t.Fatalf("%v became %v", want, got)
		}
		for k := range w {
			same(t, g[k], w[k], k, blobs)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			t.Fatalf("%v became %v", want, got)
		}
		for i := range w {
			same(t, g[i], w[i], "", blobs)
		}
	case string:
		g, _ := got.(string)
		if key != "b64" {
			if g != w {
				t.Fatalf("%q became %q", w, g)
			}
			return
		}
		var i int
		if json.Unmarshal([]byte(g), &i) != nil || i >= len(blobs) {
			t.Fatalf("%q became %q", w, g)
		}
		if _, after, ok := strings.Cut(w, ","); ok && strings.HasPrefix(w, "data:") {
			w = after
		}
		if decoded, err := base64.StdEncoding.DecodeString(w); err != nil || !bytes.Equal(decoded, blobs[i]) {
			t.Fatalf("%q (%v) became %q", w, err, blobs[i])
		}
	}
}
