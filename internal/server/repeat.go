package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// Headers of requests that come again.
const (
	headerIdempotencyKey = "Idempotency-Key"
	headerRetryCount     = "X-Stainless-Retry-Count" // OpenAI's SDKs send it with every try, from 0
)

// maxIdempotencyKey is the longest key, in bytes.
const maxIdempotencyKey = 255

// mostTries is more than any library makes.
const mostTries = 1000

// again is what a request says of itself in case it came before.
type again struct {
	key    string // the idempotency key; empty: none
	counts bool   // its library counts its tries, and comes back with the next number
	try    int    // how many came before this one
}

// readAgain reads the headers that are about repeats. A count that is no number
// is none: the header is a library's, and its caller does not know of it.
func readAgain(h http.Header) (again, error) {
	count := h.Get(headerRetryCount)
	n, err := strconv.Atoi(count)
	a := again{counts: err == nil, try: min(max(n, 0), mostTries)}
	a.key, err = idempotencyKey(h.Values(headerIdempotencyKey))
	return a, err
}

// idempotencyKey reads the key, bare or as a string of RFC 8941.
func idempotencyKey(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	key, ok := unquote(values[0])
	if len(values) > 1 || !ok || key == "" || len(key) > maxIdempotencyKey || strings.ContainsFunc(key, notVisible) {
		return "", fault.Newf(fault.Invalid, "Idempotency-Key: must be one key of 1 to %d visible ASCII characters, with or without double quotes around it.", maxIdempotencyKey).WithParam(headerIdempotencyKey)
	}
	return key, nil
}

// unquote takes a quoted string out of its quotes; one that is not quoted stays
// as it is.
func unquote(s string) (string, bool) {
	inner, quoted := strings.CutPrefix(s, `"`)
	if !quoted {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; c {
		case '"':
			return b.String(), i == len(inner)-1
		case '\\':
			if i++; i == len(inner) || inner[i] != '"' && inner[i] != '\\' {
				return "", false
			}
			b.WriteByte(inner[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false // it does not end
}

// repeatOf is what a request is known by when it comes again: digests, so that
// neither keys nor prompts can be read or guessed from the store.
func (s *Server) repeatOf(c echo.Context, who caller, a again, body fields) redisstore.Repeat {
	r := redisstore.Repeat{KeyFor: s.cfg.Repeats.KeyFor, Try: a.try, Absorb: max(0, s.cfg.Repeats.Absorb)}
	if a.key != "" {
		r.Key = sum(s.scoped(c, who, "idempotency key", a.key))
	}
	if a.key == "" && r.Absorb == 0 {
		return r // nothing will ask for it
	}
	mac, left := s.scoped(c, who, "request", ""), spelledBytes
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if deliveryOnly(name) || body.missing(name) {
			continue
		}
		value := canonical(body[name], &left)
		_, _ = fmt.Fprintf(mac, "%d %s %d ", len(name), name, len(value)) // a hash takes all
		_, _ = mac.Write(value)
	}
	r.Digest = sum(mac)
	return r
}

// scoped begins a digest that only the same caller on the same path can come to.
// A caller's own credential is in the name of its tenant.
func (s *Server) scoped(c echo.Context, who caller, purpose, text string) hash.Hash {
	mac := hmac.New(sha256.New, s.cfg.Repeats.Secret)
	_, _ = fmt.Fprintf(mac, "%s\x00%s\x00%s\x00%s", purpose, who.tenant, c.Path(), text)
	return mac
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:16]) }
