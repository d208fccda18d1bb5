package media

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	dateForm     = "20060102T150405Z"
	signatureKey = "X-Tos-Signature"
)

// Link signs a link to an item that works from at on, for the store's TTL.
// The base is the scheme and host that the reader uses.
func (s *Store) Link(base string, it *Item, at time.Time) string {
	q := make([]string, 0, 8)
	q = append(
		q, "X-Tos-Algorithm=TOS4-HMAC-SHA256",
		"X-Tos-Credential="+url.QueryEscape("AKSIM/"+at.UTC().Format("20060102")+"/cn-beijing/tos/request"),
		"X-Tos-Date="+at.UTC().Format(dateForm),
		"X-Tos-Expires="+strconv.Itoa(int(s.cfg.TTL/time.Second)),
	)
	if s.cfg.MaxReads > 0 {
		q = append(q, "X-Tos-Max-Requests="+strconv.Itoa(s.cfg.MaxReads))
	}
	q = append(q, "X-Tos-SignedHeaders=host")
	if it.Process != "" {
		q = append(q, "x-tos-process="+url.QueryEscape(it.Process))
	}
	path := Prefix + it.Path
	query := strings.Join(q, "&")
	return base + path + "?" + query + "&" + signatureKey + "=" + s.sign(path, query)
}

func (s *Store) sign(path, query string) string {
	mac := hmac.New(sha256.New, s.cfg.Secret)
	_, _ = mac.Write([]byte(path + "?" + query)) // a hash never fails
	return hex.EncodeToString(mac.Sum(nil))
}

// refusal is why a link is not served; its text goes into the answer.
type refusal string

const (
	none      refusal = ""
	altered   refusal = "The request signature we calculated does not match the signature you provided."
	outdated  refusal = "Request has expired."
	exhausted refusal = "The link has been used too often."
)

// check judges a link by what is in it. The query must be as it was signed,
// byte for byte.
func (s *Store) check(path, rawQuery string, now time.Time) (signature string, why refusal) {
	var kept []string
	for part := range strings.SplitSeq(rawQuery, "&") {
		if sig, ok := strings.CutPrefix(part, signatureKey+"="); ok && signature == "" {
			signature = sig
			continue
		}
		kept = append(kept, part)
	}
	if !hmac.Equal([]byte(signature), []byte(s.sign(path, strings.Join(kept, "&")))) {
		return "", altered
	}
	until, err := expiry(rawQuery)
	if err != nil {
		return "", altered
	}
	if !now.Before(until) {
		return "", outdated
	}
	return signature, none
}

func expiry(rawQuery string) (time.Time, error) {
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return time.Time{}, fmt.Errorf("read link: %w", err)
	}
	from, err := time.Parse(dateForm, q.Get("X-Tos-Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("read link: %w", err)
	}
	seconds, err := strconv.Atoi(q.Get("X-Tos-Expires"))
	if err != nil {
		return time.Time{}, fmt.Errorf("read link: %w", err)
	}
	return from.Add(time.Duration(seconds) * time.Second), nil
}
