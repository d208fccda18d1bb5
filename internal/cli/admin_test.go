package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestAdminCommands operates a running service by hand.
func TestAdminCommands(t *testing.T) {
	t.Parallel()
	const key = "tt_operator_0123456789"
	environ := append(swift(), "TINTYPE_AUTH_KEYS_0_NAME=op", "TINTYPE_AUTH_KEYS_0_KEY="+key, "TINTYPE_AUTH_KEYS_0_SCOPES=admin,generate,read")
	s := serve(t, environ, "run", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(s.until("API"))
	s.until("for 7 days.")
	op := []string{"TINTYPE_URL=" + base, "TINTYPE_ADMIN_KEY=" + key}
	client, err := tintype.NewClient(base, tintype.WithKey(key))
	if err != nil {
		t.Fatal(err)
	}
	accounts, err := client.Admin.Accounts(t.Context())
	if err != nil || len(accounts) == 0 {
		t.Fatalf("%+v, %v", accounts, err)
	}
	acct := accounts[0].ID
	image, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "a lighthouse"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		says []string // of what is printed, or of the complaint
	}{
		{"accounts", 0, []string{"ACCOUNT", "STATE", acct, "healthy", "0 of 10"}},
		{"accounts list", 0, []string{acct}},
		{"accounts drain " + acct, 0, []string{"drained", "WHAT", "drain"}},
		{"accounts show " + acct, 0, []string{"drained"}},
		{"accounts enable " + acct, 0, []string{"healthy"}},
		{"accounts disable " + acct, 0, []string{"disabled"}},
		{"accounts enable " + acct, 0, []string{"healthy"}},
		{"accounts clear " + acct, 0, []string{"healthy"}},
		{"accounts test " + acct, 0, []string{"ACCEPTED", "true"}},
		{"accounts show nobody", 1, []string{`There is no account "nobody"`}},
		{"accounts show", 2, []string{"<id>"}},
		{"accounts --url http://127.0.0.1:1", 1, []string{"refused"}},
		{"accounts --key tt_wrong_0123456789", 1, []string{"Authorization"}},
		{"jobs show " + image.ID, 0, []string{"succeeded", "key:op", acct, "job.admitted", "job.media"}},
		{"jobs show nothing", 1, []string{"no such job"}},
		{"jobs lines", 0, []string{"TENANT"}},
		{"jobs queues", 0, []string{"submit", "mirror"}},
		{"jobs pause sim", 0, []string{"paused"}},
		{"jobs resume sim", 0, []string{"open"}},
		{"jobs pause nobody", 1, []string{`There is no upstream "nobody"`}},
	} {
		code, out, errs := call(t, op, strings.Fields(tt.args)...)
		for _, says := range tt.says {
			if code != tt.code || !strings.Contains(out+errs, says) {
				t.Errorf("%s: exit code %d, want %d; want %q in\n%s%s", tt.args, code, tt.code, says, out, errs)
			}
		}
	}
	if code, _, errs := call(t, nil, "accounts"); code != 2 || !strings.Contains(errs, "TINTYPE_ADMIN_KEY") {
		t.Errorf("without a key: %d %s", code, errs)
	}
	_, out, _ := call(t, op, "accounts", "--json")
	if err := json.Unmarshal([]byte(out), &accounts); err != nil || len(accounts) == 0 || accounts[0].ID != acct {
		t.Errorf("%v in %s", err, out)
	}
	checkDashboard(t, base, key)
	s.end()
}

// checkDashboard looks at Asynq's dashboard as a browser does.
func checkDashboard(t *testing.T, base, key string) {
	t.Helper()
	for path, want := range map[string]string{"/admin/queues": "<html", "/admin/queues/api/queues": "tt-submit"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, password := range []string{"", key} {
			if password != "" {
				req.SetBasicAuth("me", password)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			switch {
			case password == "" && (resp.StatusCode != 401 || !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic")):
				t.Errorf("%s without a key: %d %v", path, resp.StatusCode, resp.Header)
			case password != "" && (resp.StatusCode != 200 || !strings.Contains(string(body), want)):
				t.Errorf("%s: %d %.200s", path, resp.StatusCode, body)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestReload: a changed file of settings counts without a new start, keeps what is
// known of an account, and revives one whose credential is new.
func TestReload(t *testing.T) {
	t.Parallel()
	const key = "tt_operator_0123456789"
	file := filepath.Join(t.TempDir(), "t.yaml")
	write := func(accounts string) {
		t.Helper()
		text := "auth: {keys: [{name: op, key: " + key + ", scopes: [admin, generate, read]}]}\n" +
			"sim: {enabled: true}\nupstreams:\n- {name: sim, driver: sim, accounts: [" + accounts + "]}\n"
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write(`{id: one, key: sim-one}`)
	s := serve(t, swift(), "run", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--config", file)
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(s.until("API"))
	s.until("for 7 days.")
	client, err := tintype.NewClient(base, tintype.WithKey(key))
	if err != nil {
		t.Fatal(err)
	}
	until := func(what string, holds func([]tintype.AdminAccount) bool) {
		t.Helper()
		var list []tintype.AdminAccount
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		late := time.After(20 * time.Second)
		for {
			if list, err = client.Admin.Accounts(t.Context()); err == nil && holds(list) {
				return
			}
			select {
			case <-tick.C:
			case <-late:
				t.Fatalf("%s: %+v, %v", what, list, err)
			}
		}
	}
	until("at the start", func(l []tintype.AdminAccount) bool { return len(l) == 1 && l[0].State == "healthy" })
	write(`{id: one, key: gone-bad}, {id: two, key: sim-two, max_in_flight: 3, note: new}`)
	until("a new account", func(l []tintype.AdminAccount) bool { return len(l) == 2 && l[1].MaxInFlight == 3 && l[1].Note == "new" })
	if _, err := client.Admin.ChangeAccount(t.Context(), "two", tintype.AccountDisable); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "a pier"}); err == nil {
		t.Error("a job was done with a credential that is none")
	}
	until("a dead credential", func(l []tintype.AdminAccount) bool { return l[0].State == "parked" && l[0].Cause == "auth" })
	write(`{id: one, key: sim-one}, {id: two, key: sim-two}`)
	until("a new credential", func(l []tintype.AdminAccount) bool { return l[0].State == "healthy" && l[1].State == "disabled" })
	image, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "a mole"})
	if err != nil || len(image.Data) != 1 {
		t.Errorf("%+v, %v", image, err)
	}
	write(`{id: one, key: sim-one}`)
	until("an account less", func(l []tintype.AdminAccount) bool { return len(l) == 1 })
	s.end()
	http.DefaultClient.CloseIdleConnections()
}
