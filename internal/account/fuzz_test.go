package account_test

import (
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/account"
)

// FuzzOpen: nothing opens but what was sealed, for the job that it was sealed
// for, and the error does not tell why.
func FuzzOpen(f *testing.F) {
	r, err := account.NewKeyRing([]account.Secret{account.NewKey("a"), account.NewKey("b")})
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := r.Seal(account.NewSecret("canary"), "job-1")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{sealed, "a.", ".", "", "b" + sealed[1:], sealed[:10], "a.AAAA", strings.ToUpper(sealed), sealed + "=", sealed + "\n"} {
		f.Add(seed, "job-1")
	}
	f.Fuzz(func(t *testing.T, text, context string) {
		got, err := r.Open(text, context)
		// Line ends within base64 are passed over.
		if same := strings.NewReplacer("\r", "", "\n", "").Replace(text) == sealed; err == nil && (!same || context != "job-1" || got.Reveal() != "canary") {
			t.Errorf("%q opens for %q", text, context)
		}
		if err != nil && (!got.IsZero() || text != "" && strings.Contains(err.Error(), text) && len(text) > 20) {
			t.Errorf("%q, %v", got.Reveal(), err)
		}
	})
}

// FuzzKey: a key is taken and works, or its error names the setting and quotes
// none of it.
func FuzzKey(f *testing.F) {
	for _, seed := range []string{account.NewKey("a").Reveal(), "a:", ":", "", "a.b:AAAA", "a b:AAAA", "a:c2hvcnQ=", "日:" + strings.Repeat("A", 43) + "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		r, err := account.NewKeyRing([]account.Secret{account.NewSecret(key)})
		if err != nil {
			if !strings.Contains(err.Error(), "security.keys[0]") || len(key) > 20 && strings.Contains(err.Error(), key) {
				t.Errorf("%q: %v", key, err)
			}
			return
		}
		sealed, err := r.Seal(account.NewSecret("canary"), "job")
		if err != nil || strings.Contains(sealed, "canary") {
			t.Fatalf("%q seals %q, %v", key, sealed, err)
		}
		if got, err := r.Open(sealed, "job"); err != nil || got.Reveal() != "canary" {
			t.Errorf("%q: %q does not open: %v", key, sealed, err)
		}
	})
}
