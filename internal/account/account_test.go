package account_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
)

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	a := account.Account{ID: "a", Secret: account.NewSecret("canary")}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "account", a, "secret", a.Secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "account", a, "secret", a.Secret)
	asJSON, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprint(a, &a, a.Secret) + fmt.Sprintf("%v %+v %#v %s %q %x", a, a, a, a.Secret, a.Secret, a.Secret) + log.String() + string(asJSON)
	if strings.Contains(shown, "canary") || strings.Contains(shown, fmt.Sprintf("%x", "canary")) {
		t.Errorf("the credential is shown: %s", shown)
	}
	if a.Secret.Reveal() != "canary" {
		t.Errorf("Reveal = %q", a.Secret.Reveal())
	}
}

func TestServes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		models []string
		model  string
		want   bool
	}{
		{nil, "m", true},
		{[]string{"m", "n"}, "n", true},
		{[]string{"mm"}, "m", false},
	}
	for _, tt := range tests {
		if got := (account.Account{Models: tt.models}).Serves(tt.model); got != tt.want {
			t.Errorf("%v serves %s: %v", tt.models, tt.model, got)
		}
	}
}

func ring(t *testing.T, keys ...account.Secret) *account.KeyRing {
	t.Helper()
	r, err := account.NewKeyRing(keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeyRing(t *testing.T) {
	t.Parallel()
	old, young := account.NewKey("old"), account.NewKey("young")
	sealed, err := ring(t, old).Seal(account.NewSecret("canary"), "job-1")
	if err != nil || strings.Contains(sealed, "canary") {
		t.Fatalf("sealed = %q, %v", sealed, err)
	}
	rotated := ring(t, young, old)
	tests := []struct {
		name    string
		ring    *account.KeyRing
		sealed  string
		context string
		opens   bool
	}{
		{"same ring", ring(t, old), sealed, "job-1", true},
		{"rotated ring", rotated, sealed, "job-1", true},
		{"other job", rotated, sealed, "job-2", false},
		{"key gone", ring(t, young), sealed, "job-1", false},
		{"same id, other key", ring(t, account.NewKey("old")), sealed, "job-1", false},
		{"cut off", rotated, sealed[:len(sealed)-3], "job-1", false},
		{"empty", rotated, "", "job-1", false},
		{"no bytes", rotated, "old.", "job-1", false},
		{"not base64", rotated, "old.!!!", "job-1", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.ring.Open(tt.sealed, tt.context)
			if opens := err == nil && got.Reveal() == "canary"; opens != tt.opens {
				t.Errorf("opens: %v (%v)", opens, err)
			}
		})
	}
	again, err := rotated.Seal(account.NewSecret("canary"), "job-1")
	if err != nil || !strings.HasPrefix(again, "young.") || again == sealed {
		t.Errorf("the first key must seal, with a nonce of its own: %q, %v", again, err)
	}
}

func TestBadKeysNameTheSetting(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "noid", ":AAAA", "a:%%%", "a:c2hvcnQ=", "a b:" + strings.Repeat("A", 44)} {
		_, err := account.NewKeyRing([]account.Secret{account.NewSecret(key)})
		if err == nil || !strings.Contains(err.Error(), "security.keys[0]") || len(key) > 5 && strings.Contains(err.Error(), key) {
			t.Errorf("%q: %v", key, err)
		}
	}
	k := account.NewKey("a")
	if _, err := account.NewKeyRing([]account.Secret{k, k}); err == nil || !strings.Contains(err.Error(), "security.keys[1]") {
		t.Errorf("an id used twice: %v", err)
	}
	if _, err := ring(t).Seal(account.NewSecret("x"), "y"); err == nil {
		t.Error("an empty ring seals")
	}
}

func TestOwnID(t *testing.T) {
	t.Parallel()
	if id := account.OwnID("abc"); !account.IsOwn(id) || account.IsOwn("abc") {
		t.Errorf("OwnID = %q", id)
	}
}

// TestReset: the daily reset is at the same time of the clock on every day, also
// where the clock is changed.
func TestReset(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		reset     account.Reset
		now, want string
	}{
		{"later today", account.Reset{At: 8*time.Hour + 30*time.Minute}, "2026-03-01T08:29:59Z", "2026-03-01T08:30:00Z"},
		{"tomorrow", account.Reset{At: 8*time.Hour + 30*time.Minute}, "2026-03-01T08:30:00Z", "2026-03-02T08:30:00Z"},
		{"midnight elsewhere", account.Reset{Zone: time.FixedZone("x", 8*3600)}, "2026-03-01T15:00:00Z", "2026-03-01T16:00:00Z"},
		{"a day of 23 hours", account.Reset{At: 6 * time.Hour, Zone: berlin}, "2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z"},
		{"a day of 25 hours", account.Reset{At: 6 * time.Hour, Zone: berlin}, "2026-10-24T04:00:00Z", "2026-10-25T05:00:00Z"},
		{"month's end", account.Reset{At: time.Minute}, "2026-12-31T00:01:00Z", "2027-01-01T00:01:00Z"},
	} {
		now, _ := time.Parse(time.RFC3339, tt.now)
		if got := tt.reset.Next(now).UTC().Format(time.RFC3339); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
