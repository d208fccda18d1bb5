package server_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/server"
)

// TestElements holds the scanner against what the texts say.
func TestElements(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`[]`: ``, ` [ ] `: ``, `[1]`: `1`, `[ 1 , "a,]" ,{"a":[1,2]}, [[],[]] ]`: `1|"a,]"|{"a":[1,2]}|[[],[]]`,
		`["\"","\\","\\\"]"]`: `"\""|"\\"|"\\\"]"`, `{"a":1,"b":"x:y"}`: `"a":1|"b":"x:y"`, `7`: ``, `[null,true,-1e5]`: `null|true|-1e5`,
	} {
		if got := strings.Join(server.Elements(text), "|"); got != want {
			t.Errorf("%s gives %s, want %s", text, got, want)
		}
	}
	for name, want := range map[string]string{"a": `2`, "b\"": `[3, 4]`, "c": "", "é": `"x"`} {
		if got := server.Member(`{ "a" : 1, "b\"": [3, 4] , "a":2, "\u00e9":"x", "d":{"c":1}}`, name); got != want {
			t.Errorf("member %q is %s, want %s", name, got, want)
		}
	}
}

// TestManyTinyValues: what is refused for its number is not built first.
func TestManyTinyValues(t *testing.T) { //nolint:paralleltest // it measures the process's memory
	h := open(t)
	const most = 40 << 20 // for 4 MiB of body, read and taken apart; built, they were 300 MB
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one, n), ",") }
	for _, tt := range []struct{ name, body, param, says string }{
		{"messages", `{"messages":[` + many(2_000_000, "0,") + `]}`, "messages", "the limit is 1024"},
		{"parts", `{"messages":[{"role":"user","content":[` + many(2_000_000, "0,") + `]}]}`, "messages[0].content", "the limit is 256"},
		{"fields", `{` + many(500_000, `"a":0,`) + `}`, "", "more than 1000 fields"},
		{"fields of a field", `{"messages":[{"role":"user","content":"x"}],"stream_options":{"include_usage":1,` + many(500_000, `"a":0,`) + `}}`, "", "more than 1000 fields"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			a := h.call(http.MethodPost, chats, tt.body)
			runtime.ReadMemStats(&after)
			if code, param, message := errorOf(t, a.body); a.status != 400 || code != "invalid_request" || param != tt.param || !strings.Contains(message, tt.says) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > most {
				t.Errorf("%d MB were set aside", used>>20)
			}
		})
	}
}

// TestTinyValuesThatNobodyReads: a field that this server does not know may hold
// whatever it likes, and costs no more when the request is told from others.
func TestTinyValuesThatNobodyReads(t *testing.T) { //nolint:paralleltest // it measures the process's memory
	h := open(t)
	const most = 150 << 20 // for 4 MiB of body, and most of it let go at once; built, they were up to 530 MB, and kept
	for name, unknown := range map[string]string{
		"an array":  "[" + strings.Repeat("0,", 2_000_000) + "0]",
		"arrays":    "[" + strings.Repeat("[],", 1_300_000) + "0]",
		"objects":   "[" + strings.Repeat("{},", 1_300_000) + "0]",
		"texts":     "[" + strings.Repeat(`"",`, 1_300_000) + "0]",
		"one text":  `"` + strings.Repeat("x", 4<<20) + `"`,
		"one field": `{"` + strings.Repeat("x", 4<<20) + `":0}`,
	} {
		t.Run(name, func(t *testing.T) {
			before := allocated()
			a := h.call(http.MethodPost, images, `{"prompt":"x","user":`+unknown+`}`, "Prefer", "respond-async", "Idempotency-Key", strings.ReplaceAll(name, " ", "-"))
			if used := allocated() - before; a.status != http.StatusAccepted || used > most {
				t.Errorf("%d, %d MB were set aside: %.300s", a.status, used>>20, a.body)
			}
		})
	}
}
