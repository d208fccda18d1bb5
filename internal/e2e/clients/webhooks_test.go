package clients_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestWebhooks: what receivers have verifies what is told them, and nothing else.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	type told struct {
		Secret  string            `json:"secret"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("hook", 8)))
	came := make(chan told, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		hook := told{secret, map[string]string{}, string(body)}
		for name := range r.Header {
			hook.Headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		came <- hook
	}))
	defer receiver.Close()
	s := start(t, map[string]string{"WEBHOOKS_SECRET": secret, "WEBHOOKS_ALLOW_PRIVATE": "127.0.0.0/8"})
	resp, answer := s.ask(t, http.MethodPost, "/v1/video/generations", fmt.Sprintf(`{"prompt":"waves that are told","webhook_url":%q}`, receiver.URL))
	job := resp.Header.Get("X-Job-Id")
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("%s %s", resp.Status, answer)
	}
	var hook told
	select {
	case hook = <-came:
	case <-time.After(time.Minute):
		t.Fatal("nothing was told")
	}
	input, err := json.Marshal(hook)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]struct{ Type, ID, Forged string }
	visit(t, &got, input, nil, "node", "webhooks.mjs")
	for name, refusal := range map[string]string{"standardwebhooks": "WebhookVerificationError", "openai": "InvalidWebhookSignatureError"} {
		if g := got[name]; g.Type != "job.succeeded" || g.ID != job || g.Forged != refusal {
			t.Errorf("%s: %+v", name, g)
		}
	}
}
