package sim_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

func TestRoutesAndKeys(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) {
		c.Accounts = []sim.Account{
			{Key: "real-one", Name: "configured"},
			{Key: "sim-poor", State: sim.Overdue},
			{Key: "sim-closed", State: sim.NotOpen},
			{Key: "sim-trial", State: sim.TrialUsed},
			{Key: "sim-narrow", Models: []string{"doubao-seed-1-6-251015"}},
		}
	})
	tests := []struct {
		name, method, path, key, body string
		status                        int
		code                          string
	}{
		{"unknown route", "POST", "/api/v3/responses/v1/chat/completions", "sim-a", "{}", 404, "InvalidAction"},
		{"outside of the prefix", "GET", "/nothing", "sim-a", "", 404, "InvalidAction"},
		{"wrong method", "GET", chatRoute, "sim-a", "", 404, "InvalidAction"},
		{"a task's child", "GET", taskRoute + "/a/b", "sim-a", "", 404, "InvalidAction"},
		{"no key", "POST", chatRoute, "", chatOf("x"), 401, "AuthenticationError"},
		{"foreign key", "POST", chatRoute, "sk-123", chatOf("x"), 401, "AuthenticationError"},
		{"limited key", "POST", chatRoute, "sim-limited", chatOf("x"), 429, "RateLimitExceeded.EndpointRPMExceeded"},
		{"configured key", "POST", chatRoute, "real-one", chatOf("x"), 200, ""},
		{"overdue", "POST", imageRoute, "sim-poor", imageOf("x"), 403, "AccountOverdueError"},
		{"not open", "POST", taskRoute, "sim-closed", videoOf("x"), 404, "ModelNotOpen"},
		{"trial used", "POST", imageRoute, "sim-trial", imageOf("x"), 429, "QuotaExceeded"},
		{"model not allowed", "POST", chatRoute, "sim-narrow", chatOf("x"), 404, "ModelNotOpen"},
		{"model allowed", "POST", chatRoute, "sim-narrow", chatOf("x", obj{"model": "doubao-seed-1-6-251015"}), 200, ""},
		{"unknown task", "GET", taskRoute + "/cgt-20260101000000-aaaaa", "sim-a", "", 404, "NotFound.id"},
		{"delete unknown task", "DELETE", taskRoute + "/cgt-20260101000000-aaaaa", "sim-a", "", 404, "NotFound.id"},
		{"models", "GET", "/api/v3/models", "sim-a", "", 200, ""},
		{"page out of range", "GET", taskRoute + "?page_size=501", "sim-a", "", 400, "InvalidParameter"},
		{"state out of range", "GET", taskRoute + "?filter.status=done", "sim-a", "", 400, "InvalidParameter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			auth := "Bearer " + tt.key
			if tt.key == "" {
				auth = ""
			}
			a := k.must(tt.status, tt.method, tt.path, tt.body, "Authorization", auth, "X-Client-Request-Id", "mine")
			if tt.code != "" {
				checkError(t, a, tt.code)
			}
			if got := a.header.Get("X-Client-Request-Id"); got != "mine" {
				t.Errorf("X-Client-Request-Id %q", got)
			}
		})
	}
}

var requestID = regexp.MustCompile(`^02\d{13}[0-9a-f]{38}$`)

// checkError checks the envelope: the code, and the request id in the message
// and in the header.
func checkError(t *testing.T, a answer, code string) {
	t.Helper()
	e := as[errorBody](t, a).Error
	if e.Code != code {
		t.Errorf("code %q, want %q: %s", e.Code, code, a.body)
	}
	id := a.header.Get("X-Request-Id")
	if !requestID.MatchString(id) || !strings.HasSuffix(e.Message, "equest id: "+id) || e.Type == "" {
		t.Errorf("id %q, error %+v", id, e)
	}
}

func TestKeyHeaders(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.must(401, "GET", "/api/v3/models", "", "Authorization", "")
	if got := a.header.Get("X-Error-Code"); got != "AuthN_MissOrInvalidAuthorizationHeader" {
		t.Errorf("X-Error-Code %q", got)
	}
	a = k.must(429, "GET", "/api/v3/models", "", "Authorization", "Bearer sim-limited")
	if got := a.header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q", got)
	}
	k.must(429, "POST", taskRoute, videoOf("x"), "Authorization", "Bearer sim-limited")
	k.must(401, "POST", imageRoute, imageOf("x"), "Authorization", "Bearer sk-1")
	l := k.sim.Ledger()
	if s := l.Submissions; len(s) != 2 || s[0].Account != "limited" || s[0].Kind != "video" || s[1].Account != "invalid" || s[1].Status != 401 || l.Totals.Refused != 2 {
		t.Errorf("%+v", s)
	}
}

func TestPingAndHelp(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	if a := k.must(200, "GET", "/ping", ""); string(a.body) != `{"message":"pong"}` {
		t.Errorf("%s", a.body)
	}
	a := k.must(200, "GET", "/_sim/", "")
	for _, want := range []string{"sim:ready", "sim:nolength", "/_sim/ledger", "times=N"} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("the help does not name %s", want)
		}
	}
}

func TestModelNames(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.Endpoints = map[string]string{"ep-20260101-abcde": "doubao-seed-1-8-251228"} })
	for asked, want := range map[string]string{
		"doubao-seed-2-0-lite-260428":    "doubao-seed-2-0-lite-260428",
		"doubao-seed-2.0-lite":           "doubao-seed-2-0-lite-260428", // the newest
		"seed-2-0-lite-260215":           "seed-2-0-lite-260215",        // another region's name
		"ep-20260101-abcde":              "doubao-seed-1-8-251228",
		"ep-doubao-seed-2-0-pro-260215":  "doubao-seed-2-0-pro-260215",
		"doubao-1-5-pro-32k-250115":      "doubao-1-5-pro-32k-250115",
		"doubao-1-5-vision-pro-32k":      "doubao-1-5-vision-pro-32k-250115",
		"dreamina-seed-2-0-mini-260428":  "dreamina-seed-2-0-mini-260428",
		"ep-doubao-seed-2-1-pro-260628":  "doubao-seed-2-1-pro-260628",
		"doubao-seed-2-1-turbo-260628":   "doubao-seed-2-1-turbo-260628",
		"doubao-seed-1-6-251015":         "doubao-seed-1-6-251015",
		"ep-doubao-seed-2-0-lite-260428": "doubao-seed-2-0-lite-260428",
	} {
		a := k.must(200, "POST", chatRoute, chatOf("hi", obj{"model": asked}))
		if got := as[struct{ Model string }](t, a).Model; got != want {
			t.Errorf("%s resolves to %s, want %s", asked, got, want)
		}
	}
	for _, asked := range []string{"gpt-4", "ep-unknown", "doubao-seed"} {
		checkError(t, k.must(404, "POST", chatRoute, chatOf("hi", obj{"model": asked})), "InvalidEndpointOrModel.NotFound")
	}
}
