package doubaoweb_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/doubaoweb"
)

// TestSessionAnswers: a check is asked for once in ten minutes, whatever the answer
// was, unless it reached nobody.
func TestSessionAnswers(t *testing.T) {
	t.Parallel()
	for body, class := range map[string]upstream.Class{
		`{"data":{"user_id":9223372036854775807}}`: "", `{"data":{}}`: upstream.Auth, `{"code":1,"msg":"please log in"}`: upstream.Auth,
		`{"code":1,"msg":"?"}`: upstream.Unknown, "": upstream.Empty, "<html>": upstream.Unknown,
	} {
		root, count := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		d := driver(t, root, profile(t))
		now := time.Now()
		d.SetNow(func() time.Time { return now })
		for range 3 {
			err := d.Check(t.Context(), acc())
			if (err != nil) != (class != "") || err != nil && (fails(t, err).Class != class || fails(t, err).Outcome != "") {
				t.Errorf("%s: got %v", body, err)
			}
		}
		other := acc()
		other.Secret = account.NewSecret("sim-other")
		_ = d.Check(t.Context(), other)
		if n := count.Load(); n != 2 {
			t.Errorf("%s: asked %d times", body, n)
		}
		now = now.Add(10 * time.Minute)
		_ = d.Check(t.Context(), acc())
		if n := count.Load(); n != 3 {
			t.Errorf("%s: asked %d times after ten minutes", body, n)
		}
	}
}

// TestCredentials: what is no session and no cookie string goes nowhere.
func TestCredentials(t *testing.T) {
	t.Parallel()
	var cookies atomic.Value
	root, count := server(t, func(w http.ResponseWriter, r *http.Request) {
		cookies.Store(r.Header.Get("Cookie") + "|" + r.Header.Get("X-Tt-Passport-Csrf-Token") + "|" + r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, `{"data":{"user_id":"1"}}`)
	})
	d := driver(t, root, profile(t))
	for secret, want := range map[string]string{
		"abc": "sessionid=abc; sessionid_ss=abc||", "sessionid=x; ttwid=a=b%7C; passport_csrf_token=tok;": "sessionid=x; ttwid=a=b%7C; passport_csrf_token=tok|tok|",
		"passport_csrf_token_default=d": "passport_csrf_token_default=d|d|",
		"":                              "", "s1,s2": "", "a b": "", "a;b": "", "a=b; c": "", "=x": "", "a\nb=c": "", "a=ü": "",
	} {
		a := acc()
		a.Secret = account.NewSecret(secret)
		before := count.Load()
		err := d.Check(t.Context(), a)
		if want == "" {
			if e := fails(t, err); e.Class != upstream.Auth || count.Load() != before {
				t.Errorf("%q: got %v", secret, err)
			}
			continue
		}
		if got := fmt.Sprint(cookies.Load()); err != nil || got != want {
			t.Errorf("%q: sent %q (%v), want %q", secret, got, err, want)
		}
	}
}

// TestExtras are sent for their account alone, verbatim.
func TestExtras(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	root, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		seen.Store(strings.Join([]string{r.Header.Get("Cookie"), r.Header.Get("User-Agent"), q.Get("device_id"), q.Get("aid"), fmt.Sprint(q.Get("web_tab_id") != "")}, "|"))
		_, _ = io.WriteString(w, `{"data":{"user_id":"1"}}`)
	})
	secret := account.NewSecret
	d := driver(t, root, profile(t), func(c *doubaoweb.Config) {
		c.Extras = map[string]doubaoweb.Extras{"a1": {
			Cookies: map[string]account.Secret{"ttwid": secret("own"), "sessionid_ss": secret("other")},
			Headers: map[string]account.Secret{"User-Agent": secret("Browser/1")},
			Query:   map[string]account.Secret{"device_id": secret("77"), "aid": secret("582478")},
		}}
	})
	for id, want := range map[string]string{
		"a1": "sessionid=" + key + "; sessionid_ss=other; ttwid=own|Browser/1|77|582478|true",
		"a2": "sessionid=" + key + "; sessionid_ss=" + key + "|tintype||497858|true",
	} {
		a := acc()
		a.ID = id
		if err := d.Check(t.Context(), a); err != nil || seen.Load() != want {
			t.Errorf("%s: sent %v (%v), want %s", id, seen.Load(), err, want)
		}
	}
	for _, name := range []string{"Cookie", "idempotency-key", "bad name", "Content-Length"} {
		_, err := doubaoweb.New(doubaoweb.Config{Extras: map[string]doubaoweb.Extras{"a1": {Headers: map[string]account.Secret{name: secret("x-canary")}}}})
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "a1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
