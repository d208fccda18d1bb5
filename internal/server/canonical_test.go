package server_test

import (
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/server"
)

// TestCanonical: what stands in one row are spellings of one value, and no row
// is another one.
func TestCanonical(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, row := range [][]string{
		{`"a"`, `"\u0061"`},
		{`"a<b>&/\n"`, `"a\u003cb\u003e\u0026\/\u000a"`, `"a<b>&\/\n"`},
		{`"画"`, `"\u753b"`},
		{`"1"`},
		{`"true"`},
		{`"[]"`},
		{`"{}"`},
		{`""`},
		{`1`, `1.0`, `1e0`, `10e-1`, `0.1E+1`, `1.000`},
		{`-1`, `-1.0`},
		{`0`, `-0`, `0.0`, `0e9`, `-0.00e-7`},
		{`100`, `1e2`, `1E+2`, `100.0`},
		{`0.5`, `5e-1`, `0.50`},
		{`12345678901234567890.5`},
		{`12345678901234567890`},
		{`1e99999999999999999999`},
		{`true`},
		{`false`},
		{`[1,2]`, `[ 1.0 , 2e0 ]`},
		{`[2,1]`},
		{`[12]`},
		{`[]`, "[\n]"},
		{`[[]]`},
		{`[null]`},
		{`{"a":1,"b":"x"}`, `{ "b": "\u0078", "a": 1.0 }`, `{"a":2,"b":"x","a":1}`},
		{`{"a":1}`},
		{`{}`},
		{`{"a":{"b":[1,{"c":2}]}}`, `{"a": {"b": [1.0, {"c": 0, "c": 2}]}}`},
	} {
		want := server.Canonical(row[0], 1000)
		if other, ok := seen[want]; ok {
			t.Errorf("%s and %s are the same: %q", row[0], other, want)
		}
		seen[want] = row[0]
		for _, spelling := range row[1:] {
			if got := server.Canonical(spelling, 1000); got != want {
				t.Errorf("%s is %q, and %s is %q", spelling, got, row[0], want)
			}
		}
	}
}

// TestCanonicalIsBounded: what is too long to be taken apart counts as it is
// spelled; only texts, which cost nothing, may be longer.
func TestCanonicalIsBounded(t *testing.T) {
	t.Parallel()
	long := "[" + strings.Repeat(" ", 100) + "]"
	if got := server.Canonical(long, 50); got != long {
		t.Errorf("%q", got)
	}
	if got, want := server.Canonical(`"`+strings.Repeat(`\u0061`, 100)+`"`, 0), `"`+strings.Repeat("a", 100); got != want {
		t.Errorf("%q", got)
	}
}
