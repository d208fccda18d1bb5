package tintype

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WebhookTolerance is how far the time of a webhook may be from the receiver's own.
const WebhookTolerance = 5 * time.Minute

// WebhookErrorReason is why a webhook was refused.
type WebhookErrorReason string

// The reasons.
const (
	WebhookBadSecret     WebhookErrorReason = "bad_secret"     // the receiver's own secret cannot be read
	WebhookNoHeaders     WebhookErrorReason = "no_headers"     // webhook-id, -timestamp or -signature is missing
	WebhookBadTimestamp  WebhookErrorReason = "bad_timestamp"  // it is no time
	WebhookTooOld        WebhookErrorReason = "too_old"        // further back than WebhookTolerance: perhaps replayed
	WebhookTooNew        WebhookErrorReason = "too_new"        // further ahead than that: a clock is wrong
	WebhookBadSignature  WebhookErrorReason = "bad_signature"  // another body, another secret, another sender
	WebhookNotUnderstood WebhookErrorReason = "not_understood" // it is genuine, and no event
)

// WebhookError is a webhook that must not be believed. Answer 400.
type WebhookError struct {
	Reason WebhookErrorReason
	Err    error // may be nil
}

// Error tells the reason.
func (e *WebhookError) Error() string {
	s := "tintype: webhook refused: " + string(e.Reason)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *WebhookError) Unwrap() error { return e.Err }

// VerifyWebhook checks that a webhook is from a server that knows the secret
// ("whsec_…"), that nobody has changed it and that it is not an old one, and reads
// it. body is the request's, byte for byte. While a secret is rotated the server
// signs with both, so that either is good. Every error is a [*WebhookError].
//
// The same event may come more than once: remember its ID.
func VerifyWebhook(secret string, header http.Header, body []byte) (*WebhookEvent, error) {
	return verifyWebhook(secret, header, body, time.Now())
}

func verifyWebhook(secret string, header http.Header, body []byte, now time.Time) (*WebhookEvent, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) == 0 {
		return nil, &WebhookError{Reason: WebhookBadSecret}
	}
	id, timestamp, signatures := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp"), header.Get("Webhook-Signature")
	if id == "" || timestamp == "" || signatures == "" {
		return nil, &WebhookError{Reason: WebhookNoHeaders}
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return nil, &WebhookError{Reason: WebhookBadTimestamp}
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	if !oneMatches(signatures, mac.Sum(nil)) {
		return nil, &WebhookError{Reason: WebhookBadSignature}
	}
	// Only now: whoever cannot sign learns nothing of our clock.
	switch at := time.Unix(seconds, 0); {
	case at.Before(now.Add(-WebhookTolerance)):
		return nil, &WebhookError{Reason: WebhookTooOld}
	case at.After(now.Add(WebhookTolerance)):
		return nil, &WebhookError{Reason: WebhookTooNew}
	}
	event := &WebhookEvent{ID: id}
	if err := json.Unmarshal(body, event); err != nil {
		return nil, &WebhookError{Reason: WebhookNotUnderstood, Err: err}
	}
	return event, nil
}

// oneMatches looks at all signatures of a version that we know, however early one
// matches.
func oneMatches(signatures string, want []byte) bool {
	matches := false
	for one := range strings.FieldsSeq(signatures) {
		text, ok := strings.CutPrefix(one, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if ok && err == nil && hmac.Equal(got, want) {
			matches = true
		}
	}
	return matches
}
