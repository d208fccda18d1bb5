package server_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/server"
)

// FuzzPrefer: a wish that is understood is within the limits, and is understood
// again as it is confirmed.
func FuzzPrefer(f *testing.F) {
	for _, seed := range []string{"respond-async", "wait=10", "respond-async, wait=20;x=y", `wait="5"`, "wait", "wait=-1", "wait=1e3", ",,;=", "WAIT = 7", "wait=300,wait=x", "foo; wait=9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		async, wait, applied, err := server.Preference(header)
		if err != nil {
			refused(t, err, "Prefer")
			return
		}
		again, waitAgain, _, err := server.Preference(applied)
		if wait < 0 || wait > 300*time.Second || wait%time.Second != 0 || err != nil || async != again || wait != waitAgain {
			t.Errorf("%q: %v %s, confirmed as %q: %v %s %v", header, async, wait, applied, again, waitAgain, err)
		}
	})
}

// FuzzIdempotencyKey: a key is printable and short, and the same with quotes.
func FuzzIdempotencyKey(f *testing.F) {
	for _, seed := range []string{"abc", `"abc"`, `"a\"b\\"`, `"`, `""`, "", " ", "日", strings.Repeat("k", 256), "a\tb", `\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		key, err := server.IdempotencyKey(header)
		if err != nil {
			refused(t, err, "Idempotency-Key")
			return
		}
		if key == "" || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q gives %q", header, key)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, err := server.IdempotencyKey(quoted); err != nil || again != key {
			t.Errorf("%q gives %q, and %q %q, %v", header, key, quoted, again, err)
		}
	})
}

// FuzzCancelAfter: a time that is understood is within the limits.
func FuzzCancelAfter(f *testing.F) {
	for _, seed := range []string{"90s", "5m", "72h", "73h", "1", "-1s", "1e3s", "NaN", "999999999999h", "0x1s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		d, err := server.CancelAfter(header)
		if err != nil {
			refused(t, err, "Cancel-After")
		} else if header != "" && (d < time.Second || d > 72*time.Hour) {
			t.Errorf("%q: %s", header, d)
		}
	})
}

// FuzzCursor: a place in a log is none before its beginning.
func FuzzCursor(f *testing.F) {
	for _, seed := range [][2]string{{"7", ""}, {"", "7"}, {"-1", "x"}, {"", "-1"}, {"1e3", ""}, {"99999999999999999999", "1"}, {"", "%zz"}, {"", "7&after=8"}, {"+7", ""}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, header, query string) {
		at, err := server.Cursor(header, query)
		if err != nil {
			refused(t, err, "")
		} else if at < 0 || at > 1<<50 {
			t.Errorf("%q, %q: %d", header, query, at)
		}
	})
}

// FuzzAuthorization: a credential that is taken is visible and not too long.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"Bearer a", "bearer  a ", "Bearer", "Bearer a b", "Basic x", "", " ", "Bearer \x7f", "Bearer 日", "Bearer\ta", "Bearer " + strings.Repeat("a", 9000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got, err := server.Bearer(header)
		if err != nil {
			if e := fault.From(err); e.Code != fault.Unauthenticated || e.Param != "Authorization" || len(e.Message) > 200 {
				t.Errorf("%q: %v", header, err)
			}
			return
		}
		if got == "" || len(got) > 8<<10 || strings.ContainsFunc(got, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q gives %q", header, got)
		}
	})
}

// FuzzRatio: a ratio and a style that are taken are ones that there are.
func FuzzRatio(f *testing.F) {
	for _, seed := range [][2]string{{"16:9", "卡通"}, {"１６：９", "3D"}, {" 1 : 1 ", "通用"}, {"16/9", ""}, {"", " "}, {"0:0", "\x00"}, {"1:1:1", strings.Repeat("画", 70)}, {"99999999999999999999:1", "\u202e"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, ratio, style string) {
		body, err := json.Marshal(map[string]string{"prompt": "x", "ratio": ratio, "style": style})
		if err != nil {
			t.Fatal(err)
		}
		spec, err := server.Decode(models(t), body)
		if err != nil {
			refused(t, err, "")
			return
		}
		if !slices.Contains([]string{"1:1", "16:9", "9:16"}, spec.Ratio) || len([]rune(spec.Style)) > 64 || strings.TrimSpace(spec.Style) != spec.Style {
			t.Errorf("%q, %q gives %q, %q", ratio, style, spec.Ratio, spec.Style)
		}
	})
}

// FuzzSameBody: a body is the same however it is laid out, and another one when a
// value in it is.
func FuzzSameBody(f *testing.F) {
	for _, seed := range []string{`{"prompt":"x","a":[1,2.0,{"b":null}]}`, `{"a":"\u00e9\\"}`, `{"a":1e3,"b":1000}`, `{"a":[[],{}],"a":7}`, `{"\ud800":"\udfff"}`, `{"a":-0}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields := server.Fields(bytes.Clone(body))
		if fields == nil {
			return
		}
		var laidOut bytes.Buffer
		if json.Indent(&laidOut, bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), "\r\n", "\t ") != nil {
			t.Fatalf("%q is taken and no JSON", body)
		}
		sum := server.BodyDigest(fields)
		if got := server.BodyDigest(server.Fields(laidOut.Bytes())); got != sum {
			t.Errorf("%q and %q differ", body, laidOut.Bytes())
		}
		fields["one more"] = json.RawMessage(`[7]`)
		if server.BodyDigest(fields) == sum {
			t.Errorf("%q is the same with one more field", body)
		}
	})
}

// FuzzETag: a file is fresh only where its own mark, or a star, is sent.
func FuzzETag(f *testing.F) {
	for _, seed := range []string{`"a"`, `W/"a", "b"`, "*", "", `"b`, `, ,"a"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if server.FreshFor(header, `"tag"`) && !strings.Contains(header, `"tag"`) && !strings.Contains(header, "*") {
			t.Errorf("%q is fresh", header)
		}
	})
}

// FuzzLongChunk: whatever an upstream's chunk holds, the pieces of it are lines
// that fit, and objects.
func FuzzLongChunk(f *testing.F) {
	for _, seed := range []string{`{"id":"1","choices":[{"index":0,"delta":{"content":"TEXT"},"finish_reason":null}]}`, `{"choices":[{"delta":{"reasoning_content":"TEXT","content":7}}],"usage":{}}`, `{"choices":[]}`, `{}`, `{"choices":[{"delta":null},{"delta":{"content":"TEXT"}}]}`} {
		f.Add([]byte(seed), "字\"\\\x01😀")
	}
	f.Fuzz(func(t *testing.T, shape []byte, text string) {
		quoted, err := json.Marshal(strings.Repeat(text, 70_000/(len(text)+1)))
		if err != nil {
			t.Fatal(err)
		}
		chunk := bytes.ReplaceAll(shape, []byte("TEXT"), quoted[1:len(quoted)-1])
		if !json.Valid(chunk) || bytes.TrimSpace(chunk)[0] != '{' || bytes.ContainsAny(chunk, "\r\n") || len(chunk) > 1<<20 {
			return // no driver gives it
		}
		for _, piece := range server.SplitChunk(string(chunk)) {
			if !json.Valid([]byte(piece)) || strings.ContainsAny(piece, "\r\n") {
				t.Errorf("%q gives %q", chunk, piece)
			}
		}
	})
}
