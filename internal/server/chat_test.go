package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// ask is a chat request with one message of the user.
func ask(text, more string) string {
	content, _ := json.Marshal(text)
	return `{"messages":[{"role":"user","content":` + string(content) + `}]` + more + `}`
}

func TestChat(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, key := range []string{gatewayKey, "pooled", "sim-own"} {
		a := h.call(http.MethodPost, chats, ask("hello", `,"model":"doubao"`), "Authorization", "Bearer "+key)
		var got tintype.ChatResponse
		h.must(json.Unmarshal([]byte(a.body), &got))
		if a.status != 200 || got.Model != "doubao" || got.Object != "chat.completion" || got.Text() == "" || got.ID == "" ||
			got.Usage.TotalTokens == 0 || got.Choices[0].FinishReason != "stop" || got.Created == 0 {
			t.Errorf("%s: %d %s", key, a.status, a.body)
		}
		if strings.Contains(a.body, `"model":"`+chatID) || strings.Contains(a.body, `"error"`) {
			t.Errorf("%s: %s", key, a.body)
		}
	}
	if keys := h.redis.Keys(); strings.Contains(strings.Join(keys, " "), "job:") {
		t.Errorf("Redis holds %v", keys)
	}
	if used := h.used(); used[hash("sim-a1")] != 2 || used[hash("sim-own")] != 1 {
		t.Errorf("accounts %v", used)
	}
}

// used counts what reached the upstream by the digest of the key.
func (h *house) used() map[string]int {
	used := map[string]int{}
	for _, s := range h.sim.Ledger().Submissions {
		used[s.KeyHash]++
	}
	return used
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])[:12]
}

func TestChatWithPictures(t *testing.T) {
	t.Parallel()
	h := open(t)
	data := base64.StdEncoding.EncodeToString(picture(t, 40, 30))
	for _, uri := range []string{"data:image/png;base64," + data, "DATA:IMAGE/PNG;BASE64," + data, `data:image\/png;base64,` + data} {
		body := `{"messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"what is this?"},{"type":"image_url","image_url":{"url":"` + uri + `"}}]}]}`
		if a := h.call(http.MethodPost, chats, body); a.status != 200 || !strings.Contains(a.body, "40 x 30") {
			t.Errorf("%.30s: %d %s", uri, a.status, a.body)
		}
	}
}

func TestChatStream(t *testing.T) {
	t.Parallel()
	h := open(t)
	resp, fs := h.stream(http.MethodPost, chats, ask("hello there, tell me something", `,"stream":true,"stream_options":{"include_usage":true}`))
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" || resp.Header.Get("X-Accel-Buffering") != "no" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	all := fs.rest()
	n := len(all)
	if n < 4 || len(all[n-1]) != 1 || all[n-1][0] != "data: [DONE]" {
		t.Fatalf("%q", all)
	}
	var text strings.Builder
	for _, f := range all[:n-2] {
		if len(f) != 1 || !strings.HasPrefix(f[0], "data: ") {
			t.Errorf("frame %q: only data lines belong into a chat", f)
		}
		var c tintype.Chunk
		h.must(json.Unmarshal([]byte(f.field("data")), &c))
		if c.Model != "doubao" || c.Usage != nil {
			t.Errorf("%q", f)
		}
		text.WriteString(c.Text())
	}
	if text.Len() == 0 {
		t.Error("no text")
	}
	var last tintype.Chunk
	h.must(json.Unmarshal([]byte(all[n-2].field("data")), &last))
	if len(last.Choices) != 0 || last.Usage == nil || last.Usage.TotalTokens == 0 || !strings.Contains(all[n-2].field("data"), `"choices":[]`) {
		t.Errorf("last chunk %q", all[n-2])
	}
}

// TestChatStreamIsNotHeldBack: the first chunk is there while the upstream
// still thinks about the others.
func TestChatStreamIsNotHeldBack(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *options) { o.sim.ChatChunkDelay = 100 * ms })
	began := time.Now()
	_, fs := h.stream(http.MethodPost, chats, ask("hello sim:chunks=20", `,"stream":true`))
	fs.next()
	first := time.Since(began)
	fs.rest()
	if whole := time.Since(began); first > whole/2 {
		t.Errorf("the first chunk came after %s of %s", first, whole)
	}
}

// TestChatFailover: what another account can mend it mends, before the first
// byte.
func TestChatFailover(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"", `,"stream":true`} {
		h := open(t, func(o *options) {
			o.chat = []account.Account{pooled("limited"), {ID: "dead", Upstream: "ark", Secret: account.NewSecret("revoked"), MaxInFlight: 1}, pooled("a1")}
		})
		for range 2 { // the second call does not run into the same walls
			if a := h.call(http.MethodPost, chats, ask("hello", stream)); a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
		if got := h.metric(`tintype_chat_attempts_total{outcome="auth",upstream="ark"}`); got != "1" {
			t.Errorf("%s attempts with the dead account", got)
		}
	}
}

func TestChatRotates(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *options) { o.chat = []account.Account{pooled("a1"), pooled("a2"), pooled("a3")} })
	for range 6 {
		h.call(http.MethodPost, chats, ask("hello", ""))
	}
	if used := h.used(); used[hash("sim-a1")] != 2 || used[hash("sim-a2")] != 2 || used[hash("sim-a3")] != 2 {
		t.Errorf("accounts %v", used)
	}
}

func TestChatErrors(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *options) { o.chat = []account.Account{pooled("a1"), pooled("a2")} })
	for _, tt := range []struct {
		name, text, key string
		status          int
		code            string
	}{
		{"refused prompt", "sim:reject", gatewayKey, 400, "content_policy_violation"},
		{"broken upstream", "sim:500", gatewayKey, 502, "upstream_error"},
		{"own credential over its limit", "hello", "sim-limited", 429, "rate_limit_exceeded"},
		{"own credential refused", "hello", "revoked", 401, "upstream_credential_rejected"},
	} {
		for _, stream := range []string{"", `,"stream":true`} {
			t.Run(tt.name+stream, func(t *testing.T) {
				a := h.call(http.MethodPost, chats, ask(tt.text, stream), "Authorization", "Bearer "+tt.key)
				if code, _, _ := errorOf(t, a.body); a.status != tt.status || code != tt.code {
					t.Errorf("%d %s", a.status, a.body)
				}
			})
		}
	}
}

// mostAttempts is how many accounts one call tries.
const mostAttempts = 3

func TestChatWithoutAccounts(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *options) { o.chat = []account.Account{pooled("limited")} })
	for range 2 {
		a := h.call(http.MethodPost, chats, ask("hello", ""))
		code, param, message := errorOf(t, a.body)
		if a.status != 503 || code != "pool_exhausted" || param != "model" || a.header.Get("Retry-After") == "" || strings.Contains(message, "limited") {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
	}
	for n := range mostAttempts + 2 { // as many accounts as are tried in one call, and fewer, and more
		var all []account.Account
		for i := range n + 1 {
			all = append(all, account.Account{ID: fmt.Sprint("dead", i), Upstream: "ark", Secret: account.NewSecret("revoked"), MaxInFlight: 1})
		}
		all = append(all, pooled("limited"))
		h := open(t, func(o *options) { o.chat = all })
		for range 3 {
			a := h.call(http.MethodPost, chats, ask("hello", ""))
			if code, _, _ := errorOf(t, a.body); code != "pool_exhausted" || a.header.Get("Retry-After") == "" {
				t.Errorf("%d dead accounts: %v %s", n+1, a.header, a.body)
			}
		}
	}
	if a := h.call(http.MethodPost, chats, ask("hello", ""), "Authorization", "Bearer sim-own"); a.status != 200 {
		t.Errorf("an own credential: %d %s", a.status, a.body)
	}
}

// TestChatBreaksOff: an answer that is cut off after its first chunk ends with
// an error that every reader sees.
func TestChatBreaksOff(t *testing.T) {
	t.Parallel()
	h := open(t)
	_, fs := h.stream(http.MethodPost, chats, ask("hello sim:truncate", `,"stream":true`))
	all := fs.rest()
	n := len(all)
	if n < 3 || all[n-1].field("data") != "[DONE]" {
		t.Fatalf("%q", all)
	}
	data := all[n-2].field("data")
	if code, _, _ := errorOf(t, data); code != "upstream_error" || strings.Contains(data, "choices") {
		t.Errorf("%q", all[n-2])
	}
}

// TestChatCallerGone: a caller that goes away ends the call at the upstream.
func TestChatCallerGone(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *options) { o.sim = sim.Config{ChatChunkDelay: 20 * ms} })
	resp := h.open(t.Context(), http.MethodPost, chats, strings.NewReader(ask("hello sim:chunks=10000", `,"stream":true`)))
	_, err := io.ReadFull(resp.Body, make([]byte, 10))
	h.must(err)
	h.must(resp.Body.Close())
	h.eventually(func() bool { return strings.Contains(h.log.String(), `"status":499`) })
	if strings.Contains(h.log.String(), `"level":"ERROR"`) {
		t.Errorf("a caller that went away is an error in the log: %s", h.log)
	}
}
