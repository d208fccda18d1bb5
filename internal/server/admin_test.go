package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const adminKey = "tt_admin_0123456789"

// operated opens a house with an operator's key.
func operated(t *testing.T) *house {
	t.Helper()
	dead := pooled("dead")
	dead.Secret = account.NewSecret("no key of anybody")
	return open(t, func(o *options) { o.chat = []account.Account{pooled("a1"), dead} }, configure(func(c *server.Config) {
		c.Auth.Keys = append(c.Auth.Keys, server.GatewayKey{Name: "op", SHA256: sha256.Sum256([]byte(adminKey)), Scopes: []server.Scope{server.ScopeAdmin}})
	}))
}

// asOperator makes a call with the operator's key and reads its answer.
func (h *house) asOperator(method, path string, into any) answer {
	h.Helper()
	a := h.call(method, path, "", "Authorization", "Bearer "+adminKey)
	if into != nil {
		if err := json.Unmarshal([]byte(a.body), into); err != nil || a.status != 200 {
			h.Fatalf("%s %s: %d %s (%v)", method, path, a.status, a.body, err)
		}
	}
	return a
}

// TestAdminDoor: the operator's routes are for those whose key has the scope, and
// are not there at all where no key has it.
func TestAdminDoor(t *testing.T) {
	t.Parallel()
	h := operated(t)
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("x:"+password))
	}
	for _, tt := range []struct {
		authorization string
		status        int
	}{
		{"Bearer " + adminKey, 200},
		{basic(adminKey), 200},
		{"Bearer " + gatewayKey, 403},
		{basic(gatewayKey), 403},
		{"Bearer pooled", 403},
		{"Bearer tt_unknown_0123456789", 401},
		{"Basic !", 401},
		{"", 401},
	} {
		if a := h.call(http.MethodGet, "/admin/v1/accounts", "", "Authorization", tt.authorization); a.status != tt.status {
			t.Errorf("%q: %d %s", tt.authorization, a.status, a.body)
		}
	}
	if a := h.asOperator(http.MethodPost, images, nil); a.status != 403 {
		t.Errorf("an operator's key is no caller's: %d", a.status)
	}
	none := open(t)
	if a := none.call(http.MethodGet, "/admin/v1/accounts", "", "Authorization", "Bearer "+adminKey); a.status != 404 {
		t.Errorf("without any such key: %d", a.status)
	}
}

// TestAdminAccounts: an operator sees how an account stands, and is obeyed at once.
func TestAdminAccounts(t *testing.T) {
	t.Parallel()
	h := operated(t)
	one := pooledOne(1)
	one.Note, one.Kinds = "first", map[string]account.KindLimits{"image": {Daily: 5}}
	h.must(h.store.SyncAccounts(t.Context(), "ark", []account.Account{one}))
	state := func(want string) tintype.AdminAccount {
		t.Helper()
		var a tintype.AdminAccount
		if h.asOperator(http.MethodGet, "/admin/v1/accounts/a1", &a); a.State != want {
			t.Errorf("the account is %s, want %s", a.State, want)
		}
		return a
	}
	state("healthy")
	id := h.create(images, `{"prompt":"x"}`)
	if a := state("busy"); a.InFlight != 1 || a.Note != "first" || *a.Kinds["image"].Left != 4 || a.QuotaReset == nil {
		t.Errorf("%+v", a)
	}
	waiting := h.create(images, `{"prompt":"y"}`)
	h.asOperator(http.MethodPost, "/admin/v1/accounts/a1/drain", nil)
	state("draining")
	h.begin(id)
	h.must(second(h.store.Rejected(t.Context(), id, "w", 1, account.Cooldown{Account: "a1", Cause: account.Auth, Evidence: "the key is dead"}, redisstore.Retry{})))
	if a := h.call(http.MethodPost, images, `{"prompt":"z"}`, "Prefer", "respond-async"); a.status != 503 {
		t.Errorf("a drained account takes jobs: %d %s", a.status, a.body)
	}
	h.asOperator(http.MethodPost, "/admin/v1/accounts/a1/enable", nil)
	if a := state("parked"); a.Cause != "auth" || a.Evidence != "the key is dead" || len(a.History) != 3 {
		t.Errorf("%+v", a)
	}
	h.asOperator(http.MethodPost, "/admin/v1/accounts/a1/clear", nil)
	state("busy")
	if j, err := h.store.Get(t.Context(), waiting); err != nil || j.Account != "a1" && h.get(id).Account != "a1" {
		t.Errorf("nobody was let in at once: %+v, %v", j, err)
	}
	for _, path := range []string{"/admin/v1/accounts/nobody", "/admin/v1/accounts/nobody/clear", "/admin/v1/accounts/nobody/test", "/admin/v1/upstreams/nobody/pause"} {
		method := http.MethodPost
		if path == "/admin/v1/accounts/nobody" {
			method = http.MethodGet
		}
		if a := h.asOperator(method, path, nil); a.status != 404 || !strings.Contains(a.body, "lists them") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// TestAdminTest: an account's credential is tried with a call that costs nothing.
func TestAdminTest(t *testing.T) {
	t.Parallel()
	h := operated(t)
	var good, bad tintype.AdminTest
	h.asOperator(http.MethodPost, "/admin/v1/accounts/a1/test", &good)
	h.asOperator(http.MethodPost, "/admin/v1/accounts/dead/test", &bad)
	if !good.OK || bad.OK || bad.Class != "auth" {
		t.Errorf("%+v, %+v", good, bad)
	}
}

// TestAdminPause: a paused upstream gets nothing, and loses nothing.
func TestAdminPause(t *testing.T) {
	t.Parallel()
	h := operated(t)
	var u tintype.AdminUpstream
	if h.asOperator(http.MethodPost, "/admin/v1/upstreams/ark/pause", &u); u.State != "paused" {
		t.Errorf("%+v", u)
	}
	id := h.create(images, `{"prompt":"x"}`)
	if h.get(id).Account != "" {
		t.Fatal("it was given to an account")
	}
	var lines struct{ Data []tintype.AdminLine }
	if h.asOperator(http.MethodGet, "/admin/v1/lines", &lines); len(lines.Data) != 1 || lines.Data[0] != (tintype.AdminLine{Tenant: "key:test", Waiting: 1}) {
		t.Errorf("%+v", lines)
	}
	if h.asOperator(http.MethodPost, "/admin/v1/upstreams/ark/resume", &u); u.State != "open" || h.get(id).Account == "" {
		t.Errorf("%+v", u)
	}
}

// TestAdminJob: an operator sees all of anybody's job but what opens its media.
func TestAdminJob(t *testing.T) {
	t.Parallel()
	h := operated(t)
	id := h.create(images, `{"prompt":"x"}`)
	var j tintype.AdminJob
	a := h.asOperator(http.MethodGet, "/admin/v1/jobs/"+string(id), &j)
	if j.Tenant != "key:test" || len(j.Events) != 2 || string(j.Record["account"]) != `"a1"` || j.Job.ID != string(id) {
		t.Errorf("%s", a.body)
	}
	if strings.Contains(a.body, h.get(id).Secret) {
		t.Error("the record has the secret of the media's links")
	}
	if a := h.asOperator(http.MethodGet, "/admin/v1/jobs/nothing", nil); a.status != 404 {
		t.Errorf("%d", a.status)
	}
}

func (h *house) get(id job.ID) *job.Job {
	h.Helper()
	j, err := h.store.Get(h.Context(), id)
	h.must(err)
	return j
}

func second[A, B any](_ A, _ B, err error) error { return err }

// begin claims a job and writes its fence.
func (h *house) begin(id job.ID) {
	h.Helper()
	if ok, err := h.store.Claim(h.Context(), id, job.StageSubmit, "w"); !ok || err != nil {
		h.Fatalf("%v, %v", ok, err)
	}
	if fence, err := h.store.Begin(h.Context(), id, "w"); fence != 1 || err != nil {
		h.Fatalf("%d, %v", fence, err)
	}
}
