package tintype_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

const (
	hookSecret  = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	otherSecret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDI="
	hookBody    = `{"type":"job.succeeded","timestamp":"2026-11-23T12:00:00Z","data":{"id":"j","object":"job","status":"succeeded"},"truncated":["data.timeline"]}`
)

// signHook signs the event evt_j_5 as Standard Webhooks has it.
func signHook(secret, timestamp, body string) string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	_, _ = io.WriteString(mac, "evt_j_5."+timestamp+"."+body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func hookHeader(id, timestamp, signature string) http.Header {
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", timestamp)
	h.Set("webhook-signature", signature)
	return h
}

func TestVerifyWebhook(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	now, old, older, newer := at(0), at(-4*time.Minute), at(-6*time.Minute), at(6*time.Minute)
	good := signHook(hookSecret, now, hookBody)
	for name, tt := range map[string]struct {
		secret, id, at, signature, body string
		want                            tintype.WebhookErrorReason
	}{
		"good":                 {hookSecret, "evt_j_5", now, good, hookBody, ""},
		"without the prefix":   {hookSecret[6:], "evt_j_5", now, good, hookBody, ""},
		"a rotation":           {hookSecret, "evt_j_5", now, signHook(otherSecret, now, hookBody) + " v9,x " + good, hookBody, ""},
		"another version":      {hookSecret, "evt_j_5", now, strings.Replace(good, "v1", "v1a", 1), hookBody, tintype.WebhookBadSignature},
		"another secret":       {otherSecret, "evt_j_5", now, good, hookBody, tintype.WebhookBadSignature},
		"another body":         {hookSecret, "evt_j_5", now, good, hookBody + " ", tintype.WebhookBadSignature},
		"another id":           {hookSecret, "evt_j_6", now, good, hookBody, tintype.WebhookBadSignature},
		"another time":         {hookSecret, "evt_j_5", at(time.Minute), good, hookBody, tintype.WebhookBadSignature},
		"nonsense":             {hookSecret, "evt_j_5", now, "v1,???", hookBody, tintype.WebhookBadSignature},
		"no id":                {hookSecret, "", now, good, hookBody, tintype.WebhookNoHeaders},
		"no signature":         {hookSecret, "evt_j_5", now, "", hookBody, tintype.WebhookNoHeaders},
		"no time":              {hookSecret, "evt_j_5", "noon", good, hookBody, tintype.WebhookBadTimestamp},
		"old":                  {hookSecret, "evt_j_5", older, signHook(hookSecret, older, hookBody), hookBody, tintype.WebhookTooOld},
		"a bit old":            {hookSecret, "evt_j_5", old, signHook(hookSecret, old, hookBody), hookBody, ""},
		"new":                  {hookSecret, "evt_j_5", newer, signHook(hookSecret, newer, hookBody), hookBody, tintype.WebhookTooNew},
		"genuine, but no JSON": {hookSecret, "evt_j_5", now, signHook(hookSecret, now, "x"), "x", tintype.WebhookNotUnderstood},
		"no secret":            {"", "evt_j_5", now, good, hookBody, tintype.WebhookBadSecret},
		"a secret of no use":   {"whsec_!", "evt_j_5", now, good, hookBody, tintype.WebhookBadSecret},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := tintype.VerifyWebhook(tt.secret, hookHeader(tt.id, tt.at, tt.signature), []byte(tt.body))
			var refused *tintype.WebhookError
			switch {
			case tt.want == "" && (err != nil || e.ID != tt.id || e.Type != tintype.EventSucceeded || e.Data.ID != "j" || len(e.Truncated) != 1):
				t.Errorf("%+v, %v", e, err)
			case tt.want != "" && (e != nil || !errors.As(err, &refused) || refused.Reason != tt.want || !strings.Contains(err.Error(), string(tt.want))):
				t.Errorf("%+v, %v; want %s", e, err, tt.want)
			}
		})
	}
}

// A receiver answers 2xx once it has noted the event, and does its work later.
func ExampleVerifyWebhook() {
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" // from the place where you keep secrets
	seen := map[string]bool{}                                           // a table with a unique key, in earnest
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		event, err := tintype.VerifyWebhook(secret, r.Header, body)
		if err != nil {
			http.Error(w, "refused", http.StatusBadRequest)
			return
		}
		if !seen[event.ID] {
			seen[event.ID] = true
			fmt.Println(event.Type, event.Data.ID, event.Data.Status)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()

	now := strconv.FormatInt(time.Now().Unix(), 10)
	for _, signature := range []string{signHook(secret, now, hookBody), "v1,Zm9yZ2Vk"} {
		req, err := http.NewRequest(http.MethodPost, receiver.URL, strings.NewReader(hookBody))
		if err != nil {
			fmt.Println(err)
			return
		}
		req.Header = hookHeader("evt_j_5", now, signature)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		fmt.Println(resp.Status)
	}
	// Output:
	// job.succeeded j succeeded
	// 204 No Content
	// 400 Bad Request
}
