package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestAnnouncedPatience: no answer takes longer than its caller has said that it
// waits, whatever the mode, and none is cut short that says nothing of use.
func TestAnnouncedPatience(t *testing.T) {
	t.Parallel()
	silent := server.Wait{Silence: time.Minute, Space: time.Minute, Window: time.Minute}
	for _, tt := range []struct {
		name    string
		mode    server.WaitMode
		headers []string
		absorb  time.Duration
		status  int
	}{
		{"hold", server.Hold, []string{"X-Stainless-Timeout", "5"}, 0, 409},
		{"hold, by its read timeout", server.Hold, []string{"X-Stainless-Read-Timeout", "5.0"}, 0, 409},
		{"hold, by the shorter one", server.Hold, []string{"X-Stainless-Timeout", "600", "X-Stainless-Read-Timeout", "5"}, 0, 409},
		{"window", server.Window, []string{"X-Stainless-Timeout", "5"}, 0, 409},
		{"keepalive, before its first space", server.Keepalive, []string{"X-Stainless-Timeout", "5"}, 0, 409},
		{"where retries would be paid", server.Hold, []string{"X-Stainless-Timeout", "5"}, -1, 504},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, configure(func(c *server.Config) {
				c.Wait = silent
				c.Wait.Mode, c.Repeats.Absorb = tt.mode, tt.absorb
			}))
			began := time.Now()
			a := h.call(http.MethodPost, images, `{"prompt":"x"}`, tt.headers...)
			took := time.Since(began)
			code, _, _ := errorOf(t, a.body)
			if a.status != tt.status || code != "wait_timeout" || took < 4*time.Second || took > 10*time.Second {
				t.Errorf("%d %s after %s", a.status, a.body, took)
			}
			if id := a.header.Get("X-Job-Id"); !strings.Contains(a.body, `"job_id":"`+id+`"`) || a.header.Get("Location") != "/v1/jobs/"+id {
				t.Errorf("%v %s", a.header, a.body)
			}
		})
	}
}

// TestAnnouncedSilence: who waits for the next byte alone, or for the head alone,
// gets spaces in time and then its result, however late.
func TestAnnouncedSilence(t *testing.T) {
	t.Parallel()
	for name, headers := range map[string][]string{
		"a read timeout":           {"X-Stainless-Read-Timeout", "2"},
		"JavaScript":               {"X-Stainless-Lang", "js", "X-Stainless-Timeout", "2"},
		"JavaScript, both of them": {"X-Stainless-Lang", "js", "X-Stainless-Timeout", "600", "X-Stainless-Read-Timeout", "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, waiting(server.Wait{Silence: time.Minute, Space: time.Minute}))
			began := time.Now()
			resp := h.open(t.Context(), http.MethodPost, images, strings.NewReader(`{"prompt":"x"}`), headers...)
			defer func() { _ = resp.Body.Close() }()
			spacesBefore(t, resp, 2)
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("two spaces took %s", took)
			}
			h.makeImage(job.ID(resp.Header.Get("X-Job-Id")), picture(t, 8, 6))
			var got tintype.MediaResponse
			h.must(json.NewDecoder(resp.Body).Decode(&got))
			if len(got.Data) != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestAnnouncedAfterSpaces: an answer that has begun ends in time too, and names
// its job.
func TestAnnouncedAfterSpaces(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Silence: 50 * ms, Space: 50 * ms}))
	began := time.Now()
	a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "X-Stainless-Lang", "go", "X-Stainless-Timeout", "5")
	id := a.header.Get("X-Job-Id")
	if took := time.Since(began); a.status != 200 || took > 10*time.Second || !strings.HasPrefix(a.body, " ") || !strings.Contains(a.body, `"wait_timeout"`) || !strings.Contains(a.body, `"job_id":"`+id+`"`) {
		t.Errorf("%d %q after %s", a.status, a.body, took)
	}
}

// TestAnnouncedNonsense: what no SDK means has no part in the waiting.
func TestAnnouncedNonsense(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Mode: server.Hold}))
	for _, text := range []string{"0", "-1", "soon", "NaN", "Inf", "1e300", "None", "0.0", ""} {
		h.meanwhile(func() {
			h.eventually(func() bool { return h.metric(`tintype_http_waiters{kind="create"}`) == "1" })
			all := h.bells()
			h.makeImage(all[len(all)-1].Job, picture(t, 8, 6))
		})
		if a := h.call(http.MethodPost, images, `{"prompt":"x"}`, "X-Stainless-Timeout", text, "X-Stainless-Read-Timeout", text); a.status != 200 {
			t.Errorf("%q: %d %s", text, a.status, a.body)
		}
	}
}

func TestAnnouncedPreferences(t *testing.T) {
	t.Parallel()
	h := open(t)
	var a answer
	for _, path := range []string{openaiVideos, images} {
		began := time.Now()
		a = h.call(http.MethodPost, path, `{"prompt":"x"}`, "Prefer", "wait=60", "X-Stainless-Timeout", "2")
		if took := time.Since(began); a.status != 202 || a.header.Get("Preference-Applied") != "wait=1" || took > 8*time.Second {
			t.Errorf("%s: %d %v after %s", path, a.status, a.header, took)
		}
	}
	began := time.Now()
	_, poll := h.job(job.ID(a.header.Get("X-Job-Id")), "?wait=60", "X-Stainless-Read-Timeout", "4.5")
	if took := time.Since(began); poll.status != 200 || took > 10*time.Second || took < 4*time.Second {
		t.Errorf("%d after %s", poll.status, took)
	}
}
