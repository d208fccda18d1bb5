package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
)

// ask posts and gives the job and whether it was that of an earlier request.
func (h *house) ask(path, body string, headers ...string) (job.ID, bool) {
	h.Helper()
	a := h.call(http.MethodPost, path, body, append([]string{"Prefer", "respond-async"}, headers...)...)
	if a.status != http.StatusAccepted {
		h.Fatalf("%d %s", a.status, a.body)
	}
	return job.ID(a.header.Get("X-Job-Id")), a.header.Get("Idempotency-Replayed") == "true"
}

// TestSameRequest: what counts as the same, and what does not.
func TestSameRequest(t *testing.T) {
	t.Parallel()
	h := open(t)
	const body = `{"prompt":"a \"fox\" 海","ratio":"16:9","x":[1,{"a":1.0,"b":null}]}`
	first, replayed := h.ask(images, body, "Idempotency-Key", "k")
	if replayed {
		t.Error("the first is a replay")
	}
	for name, same := range map[string]string{
		"as it was":           body,
		"other order":         `{"ratio":"16:9","x":[1,{"b":null,"a":1.0}],"prompt":"a \"fox\" 海"}`,
		"other space":         "{ \"prompt\" : \"a \\\"fox\\\" 海\",\n\"ratio\":\"16:9\",\"x\":[1, {\"a\":1.0,\"b\":null}]}",
		"other escapes":       `{"prompt":"a \u0022fox\u0022 \u6d77","ratio":"16:9","x":[1,{"a":1.0,"b":null}]}`,
		"other numbers":       `{"prompt":"a \"fox\" 海","ratio":"16:9","x":[1e0,{"a":1,"b":null}]}`,
		"null is absent":      `{"prompt":"a \"fox\" 海","ratio":"16:9","style":null,"x":[1,{"a":1.0,"b":null}]}`,
		"delivered otherwise": `{"prompt":"a \"fox\" 海","ratio":"16:9","x":[1,{"a":1.0,"b":null}],"stream":false,"response_format":"b64_json","on_disconnect":"continue"}`,
	} {
		if id, replayed := h.ask(images, same, "Idempotency-Key", "k"); id != first || !replayed {
			t.Errorf("%s: job %s, replayed %v, want %s", name, id, replayed, first)
		}
	}
	for name, other := range map[string]string{
		"another prompt": `{"prompt":"a \"fox\"","ratio":"16:9","x":[1,{"a":1.0,"b":null}]}`,
		"another ratio":  `{"prompt":"a \"fox\" 海","ratio":"1:1","x":[1,{"a":1.0,"b":null}]}`,
		"another number": `{"prompt":"a \"fox\" 海","ratio":"16:9","x":[1,{"a":1.5,"b":null}]}`,
		"another list":   `{"prompt":"a \"fox\" 海","ratio":"16:9","x":[{"a":1.0,"b":null},1]}`,
		"a field more":   `{"prompt":"a \"fox\" 海","ratio":"16:9","x":[1,{"a":1.0,"b":null}],"y":1}`,
	} {
		a := h.call(http.MethodPost, images, other, "Idempotency-Key", "k", "Prefer", "respond-async")
		if code, param, _ := errorOf(t, a.body); a.status != 422 || code != "idempotency_key_reuse" || param != "Idempotency-Key" || a.header.Get("X-Should-Retry") != "false" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for name, again := range map[string][]string{
		"another key":    {images, "Idempotency-Key", "l"},
		"another path":   {videos, "Idempotency-Key", "k"},
		"another tenant": {images, "Idempotency-Key", "k", "Authorization", "Bearer " + otherKey},
		"no key":         {images},
	} {
		if id, replayed := h.ask(again[0], `{"prompt":"a \"fox\" 海","ratio":"16:9"}`, again[1:]...); id == first || replayed {
			t.Errorf("%s: job %s, replayed %v", name, id, replayed)
		}
	}
	if n := len(h.rdb.Keys(t.Context(), "{tt}:job:*").Val()); n != 5 {
		t.Errorf("%d jobs", n)
	}
	for _, k := range h.rdb.Keys(t.Context(), "{tt}:*").Val() {
		if strings.HasPrefix(k, "{tt}:once:") && len(k) != len("{tt}:once:")+32 {
			t.Errorf("the key stands in Redis as %s", k)
		}
	}
}

func TestIdempotencyKeySpellings(t *testing.T) {
	t.Parallel()
	h := open(t)
	first, _ := h.ask(images, `{"prompt":"x"}`, "Idempotency-Key", `a "b"`)
	if id, replayed := h.ask(images, `{"prompt":"x"}`, "Idempotency-Key", `"a \"b\""`); id != first || !replayed {
		t.Error("quoted and not quoted are two keys")
	}
	for _, bad := range []string{`"`, `"a`, `""`, strings.Repeat("k", 256), "schlüssel"} {
		a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Idempotency-Key", bad)
		if code, param, _ := errorOf(t, a.body); a.status != 400 || code != "invalid_request" || param != "Idempotency-Key" {
			t.Errorf("%q: %d %s", bad, a.status, a.body)
		}
	}
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Idempotency-Key", strings.Repeat("k", 255), "Prefer", "respond-async")
	if a.status != 202 {
		t.Errorf("255 bytes: %d %s", a.status, a.body)
	}
}

// TestRetryIsAbsorbed: an SDK that repeats by itself gets the job of its first
// try; a person who asks again gets another one.
func TestRetryIsAbsorbed(t *testing.T) {
	t.Parallel()
	h := open(t)
	const retry = "X-Stainless-Retry-Count"
	first, _ := h.ask(images, `{"prompt":"x"}`, retry, "0")
	if id, replayed := h.ask(images, `{"prompt":"x"}`, retry, "1"); id != first || !replayed {
		t.Errorf("retried: job %s, want %s", id, first)
	}
	second, replayed := h.ask(images, `{"prompt":"x"}`, retry, "0")
	if second == first || replayed {
		t.Error("a deliberate second request is no second job")
	}
	if id, _ := h.ask(images, `{"prompt":"x"}`, retry, "2"); id != second {
		t.Errorf("retried: job %s, want the newest, %s", id, second)
	}
	for name, other := range map[string][]string{
		"another tenant": {`{"prompt":"x"}`, "Authorization", "Bearer " + otherKey},
		"another prompt": {`{"prompt":"y"}`},
		"no number":      {`{"prompt":"x"}`, retry, "many"},
	} {
		if id, replayed := h.ask(images, other[0], append([]string{retry, "1"}, other[1:]...)...); id == first || id == second || replayed {
			t.Errorf("%s: job %s", name, id)
		}
	}
	off := open(t, configure(func(c *server.Config) { c.Jobs.Absorb = -1 }))
	first, _ = off.ask(images, `{"prompt":"x"}`)
	if id, replayed := off.ask(images, `{"prompt":"x"}`, retry, "1"); id == first || replayed {
		t.Error("switched off, and absorbed")
	}
}

// TestReplayOfAnEnd: a repeat reads what the first caller did, in its own way,
// and depends on nothing that the first request needed.
func TestReplayOfAnEnd(t *testing.T) {
	t.Parallel()
	h := open(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(picture(t, 32, 32)) }))
	body := `{"prompt":"x","image":"` + site.URL + `/a.png"}`
	made, _ := h.ask(images, body, "Idempotency-Key", "made")
	h.makeImage(made, picture(t, 8, 6))
	failed, _ := h.ask(images, `{"prompt":"y"}`, "Idempotency-Key", "failed")
	h.fail(failed, fault.New(fault.ContentPolicy, "No."))
	canceled, _ := h.ask(images, `{"prompt":"z"}`, "Idempotency-Key", "canceled")
	h.cancelJob(canceled, 200)

	site.Close()
	for _, headers := range [][]string{{}, {"Prefer", "wait=5"}} {
		a := h.call(http.MethodPost, images, body, append(headers, "Idempotency-Key", "made")...)
		if a.status != 200 || a.header.Get("Idempotency-Replayed") != "true" || a.header.Get("X-Job-Id") != string(made) || !strings.Contains(a.body, string(made)) {
			t.Errorf("%v: %d %v %s", headers, a.status, a.header, a.body)
		}
	}
	_, fs := h.stream(http.MethodPost, images, strings.TrimSuffix(body, "}")+`,"stream":true}`, "Idempotency-Key", "made")
	if all := fs.rest(); len(all) < 4 || all[len(all)-1].field("data") != "[DONE]" {
		t.Errorf("the whole log as a stream: %q", all)
	}
	for key, want := range map[string]struct {
		body, code string
		status     int
	}{"failed": {`{"prompt":"y"}`, "content_policy_violation", 400}, "canceled": {`{"prompt":"z"}`, "canceled", 409}} {
		a := h.call(http.MethodPost, images, want.body, "Idempotency-Key", key)
		if code, _, _ := errorOf(t, a.body); a.status != want.status || code != want.code || a.header.Get("X-Should-Retry") != "false" || a.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: %d %v %s", key, a.status, a.header, a.body)
		}
	}
	if n := h.metric(`tintype_requests_attached_total{by="key"}`); n != "5" {
		t.Errorf("attached %s times", n)
	}
}

// TestReplayOfALostJob: the key is there, the job is nowhere. It is not made
// again.
func TestReplayOfALostJob(t *testing.T) {
	t.Parallel()
	h := open(t)
	id, _ := h.ask(images, `{"prompt":"x"}`, "Idempotency-Key", "k")
	h.rdb.Del(t.Context(), "{tt}:job:"+string(id))
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "Idempotency-Key", "k")
	if code, param, _ := errorOf(t, a.body); a.status != 404 || code != "not_found" || param != "Idempotency-Key" || a.header.Get("X-Should-Retry") != "false" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestWindowAttaches: the SDK that comes back after a 409 waits for the same job.
func TestWindowAttaches(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Mode: server.Window, Window: 50 * ms}))
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "X-Stainless-Retry-Count", "0")
	id := job.ID(a.header.Get("X-Job-Id"))
	if a.status != 409 || a.header.Get("Retry-After-Ms") == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	h.makeImage(id, picture(t, 8, 6))
	a = h.call(http.MethodPost, images, `{"prompt":"x"}`, "X-Stainless-Retry-Count", "1")
	if a.status != 200 || a.header.Get("X-Job-Id") != string(id) {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
}
