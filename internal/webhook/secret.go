package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
)

// A secret is this and 24 to 64 bytes in base64.
const (
	secretPrefix = "whsec_"
	leastBytes   = 24
	mostBytes    = 64
	newBytes     = 32
)

var errSecret = errors.New(`webhook: a secret must be "whsec_" and 24 to 64 bytes in base64`)

// NewSecret makes a secret.
func NewSecret() account.Secret {
	raw := make([]byte, newBytes)
	_, _ = rand.Read(raw) // never fails: crypto/rand's own promise
	return account.NewSecret(secretPrefix + base64.StdEncoding.EncodeToString(raw))
}

// CheckSecret tells whether a secret can sign. Its error does not quote it.
func CheckSecret(s account.Secret) error {
	text, ok := strings.CutPrefix(s.Reveal(), secretPrefix)
	raw, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(raw) < leastBytes || len(raw) > mostBytes {
		return errSecret
	}
	return nil
}
