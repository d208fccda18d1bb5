// Package wire is HTTP as drivers speak it: a request that is sent once, the
// connections for what is paid and for what is free, and what the ways in which
// a call can end mean.
//
// net/http sends a request again by itself in three cases: a client follows a
// redirect, a request with GetBody or an Idempotency-Key header meets a reused
// connection that died, or HTTP/2 is told that a stream was refused. None can
// happen to a submission here: it goes to the transport itself and not through a
// client, has a body without GetBody and no such header, speaks HTTP/1.1, and
// every submission has a fresh connection of its own. The last also means that a
// submission never dies of a connection that the upstream was just closing,
// which nobody could tell from one that was accepted.
//
// Only a submission that never got a connection is called not sent. From then on
// it is ambiguous until a complete answer says otherwise.
package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream"
)

// ParseBase checks an API's root and takes the slash from its end: what is wrong
// with it should be known before the first job. Its errors name the setting.
func ParseBase(s string) (string, error) {
	u, err := url.Parse(strings.TrimRight(s, "/"))
	switch {
	case err != nil:
		return "", errors.New("base_url is not a URL") // the cause would show what is in it
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return "", errors.New("base_url must begin with https:// or http:// and a host")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return "", errors.New("base_url must not hold a user, a query or a fragment")
	}
	return u.String(), nil
}

// Attempt names a submission towards the upstream, by a hash: our own ids stay
// with us. The same job and fence give the same name.
func Attempt(s upstream.Submission) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "tintype:%s:%d", s.Job, s.Fence))
	return hex.EncodeToString(sum[:16])
}
