package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/webhook"
	"github.com/tintypehq/tintype/pkg/tintype"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sender(t *testing.T, allow ...string) *webhook.Sender {
	t.Helper()
	c := webhook.Config{Timeout: 2 * time.Second}
	for _, text := range allow {
		c.AllowPrivate = append(c.AllowPrivate, netip.MustParsePrefix(text))
	}
	s := webhook.New(c)
	t.Cleanup(s.Close)
	return s
}

// TestSignatures: what is sent verifies with the Standard Webhooks project's own
// library and with our client, under either of two secrets and no third one.
func TestSignatures(t *testing.T) {
	t.Parallel()
	now, old, other := webhook.NewSecret(), webhook.NewSecret(), webhook.NewSecret()
	type seen struct {
		header http.Header
		body   []byte
	}
	got := make(chan seen, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- seen{r.Header.Clone(), b}
	}))
	defer srv.Close()
	body := []byte(`{"type":"job.failed","timestamp":"2026-11-23T12:00:00Z","data":{"id":"j","object":"job"}}`)
	try := sender(t, "127.0.0.0/8").Send(t.Context(), webhook.Message{
		URL: srv.URL, ID: "evt_j_7", At: time.Now(), Body: body, Secrets: []account.Secret{now, old},
	})
	if !try.Taken() || try.Status != 200 || try.Took <= 0 {
		t.Fatalf("%+v", try)
	}
	letter := <-got
	if string(letter.body) != string(body) || letter.header.Get("Content-Type") != "application/json" {
		t.Errorf("%v %s", letter.header, letter.body)
	}
	for secret, want := range map[string]bool{now.Reveal(): true, old.Reveal(): true, other.Reveal(): false} {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(letter.body, letter.header); (err == nil) != want {
			t.Errorf("the library says %v", err)
		}
		e, err := tintype.VerifyWebhook(secret, letter.header, letter.body)
		if (err == nil) != want || want && (e.ID != "evt_j_7" || e.Type != tintype.EventFailed || e.Data.ID != "j") {
			t.Errorf("our client says %+v, %v", e, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	closed, open := sender(t), sender(t, "10.1.0.0/16")
	for address, want := range map[string]struct{ closed, open string }{
		"https://93.184.216.34/hook":        {},
		"https://93.184.216.34:8443/hook?a": {},
		"http://93.184.216.34/":             {"must begin with https://", "plain http goes only"},
		"http://10.1.2.3:8080/":             {"must begin with https://", ""},
		"https://10.1.2.3/":                 {"is not a public address", ""},
		"https://10.2.2.3/":                 {"is not a public address", "is not a public address"},
		"https://169.254.169.254/meta":      {"is not a public address", "is not a public address"},
		"https://[::1]/":                    {"is not a public address", "is not a public address"},
		"https://[::ffff:192.168.0.1]/":     {"is not a public address", "is not a public address"},
		"https://localhost/":                {"is not a public address", "is not a public address"},
		"https://93.184.216.34:22/":         {"80, 443 and those from 1024 on", "80, 443 and those from 1024 on"},
		"https://10.2.2.3:22/":              {"is not a public address", "is not a public address"},
		"https://u:p@93.184.216.34/":        {"user or password", "user or password"},
		"https://93.184.216.34/#x":          {"fragment", "fragment"},
		"ftp://93.184.216.34/":              {"absolute URL", "absolute URL"},
		"hook":                              {"absolute URL", "absolute URL"},
		"https:///x":                        {"absolute URL", "absolute URL"},
		"https://93.184.216.34/%zz":         {"absolute URL", "absolute URL"},
		"https://x/" + strings.Repeat("y", webhook.MaxURLBytes): {"2058 bytes", "2058 bytes"},
	} {
		for s, says := range map[*webhook.Sender]string{closed: want.closed, open: want.open} {
			err := s.Check(t.Context(), "webhook_url", address)
			f := fault.From(err)
			if (err == nil) != (says == "") || err != nil && (f.Code != fault.Invalid || f.Param != "webhook_url" || !strings.Contains(f.Message, says)) {
				t.Errorf("%.60s: %v, want %q", address, err, says)
			}
		}
	}
	secrets := []account.Secret{webhook.NewSecret()}
	for address, says := range map[string]string{"https://93.184.216.34:22/": "The port is not allowed", "https://10.1.2.3/": "The address is not allowed"} {
		if try := closed.Send(t.Context(), webhook.Message{URL: address, At: time.Now(), Secrets: secrets}); !strings.HasPrefix(try.Error, says) {
			t.Errorf("sent to %s: %+v, want %q", address, try, says)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	if a, b := webhook.NewSecret(), webhook.NewSecret(); a.Reveal() == b.Reveal() || webhook.CheckSecret(a) != nil {
		t.Error("new secrets are not good")
	}
	for text, good := range map[string]bool{
		"": false, "whsec_": false, "whsec_????": false, "whsec_c2hvcnQ=": false, strings.Repeat("A", 44): false,
		"whsec_" + strings.Repeat("AAAA", 8): true, "whsec_" + strings.Repeat("AAAA", 22): false,
	} {
		if err := webhook.CheckSecret(account.NewSecret(text)); (err == nil) != good || err != nil && len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	try := sender(t, "127.0.0.0/8").Send(t.Context(), webhook.Message{URL: "http://127.0.0.1:1/", At: time.Now()})
	if try.Taken() || !strings.Contains(try.Error, "no secret") {
		t.Errorf("unsigned: %+v", try)
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	s := webhook.DefaultSchedule()
	for i, wait := range s {
		for range 50 {
			got, more := s.Next(i+1, 0)
			if !more || got < wait*9/10 || got > wait*11/10 {
				t.Fatalf("after try %d: %s, %v", i+1, got, more)
			}
		}
	}
	if _, more := s.Next(len(s)+1, time.Hour); more {
		t.Error("there is no end")
	}
	if got, _ := s.Next(1, time.Hour); got != time.Hour {
		t.Errorf("the receiver asked for an hour and gets %s", got)
	}
	if got, _ := s.Next(9, time.Second); got < time.Hour {
		t.Errorf("the receiver asked for a second and gets %s", got)
	}
}
