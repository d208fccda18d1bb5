package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// keyBytes is the length of an AES-256 key.
const keyBytes = 32

// errOpen says no more than that: which part of a sealed secret is wrong would
// only help someone who forges one.
var errOpen = errors.New("account: the sealed credential cannot be opened with the keys in security.keys")

// KeyRing seals callers' own credentials for the time that their jobs need
// them. The first key seals; all keys open, so that keys can be rotated.
// Safe for concurrent use.
type KeyRing struct {
	first string
	keys  map[string]cipher.AEAD
}

// NewKeyRing reads keys of the form "id:base64", 32 bytes each. An empty list
// gives a ring that can neither seal nor open.
func NewKeyRing(keys []Secret) (*KeyRing, error) {
	r := &KeyRing{keys: map[string]cipher.AEAD{}}
	for i, k := range keys {
		id, text, ok := strings.Cut(k.Reveal(), ":")
		if !ok || id == "" || strings.ContainsAny(id, ". ") {
			return nil, fmt.Errorf("security.keys[%d]: must be \"id:base64\"", i)
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) != keyBytes {
			return nil, fmt.Errorf("security.keys[%d]: must hold %d bytes in base64 after the colon", i, keyBytes)
		}
		if r.keys[id] != nil {
			return nil, fmt.Errorf("security.keys[%d]: the id %q is used twice", i, id)
		}
		if r.keys[id], err = newAEAD(raw); err != nil {
			return nil, fmt.Errorf("security.keys[%d]: not usable", i)
		}
		if i == 0 {
			r.first = id
		}
	}
	return r, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// CanSeal tells whether the ring has a key to seal with. It may be nil.
func (r *KeyRing) CanSeal() bool { return r != nil && r.first != "" }

// NewKey makes a key in the form that NewKeyRing reads.
func NewKey(id string) Secret {
	raw := make([]byte, keyBytes)
	_, _ = rand.Read(raw) // never fails: crypto/rand's own promise
	return NewSecret(id + ":" + base64.StdEncoding.EncodeToString(raw))
}

// Seal encrypts a secret so that only Open with the same context (the job's
// id) gives it back.
func (r *KeyRing) Seal(s Secret, context string) (string, error) {
	aead := r.keys[r.first]
	if aead == nil {
		return "", errors.New("account: security.keys is empty, so no credential can be sealed")
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails: crypto/rand's own promise
	sealed := aead.Seal(nonce, nonce, []byte(s.Reveal()), []byte(context))
	return r.first + "." + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open gives back what Seal took. Its error does not tell what was wrong.
func (r *KeyRing) Open(sealed, context string) (Secret, error) {
	id, text, _ := strings.Cut(sealed, ".")
	aead := r.keys[id]
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if aead == nil || err != nil || len(raw) < aead.NonceSize() {
		return Secret{}, errOpen
	}
	plain, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(context))
	if err != nil {
		return Secret{}, errOpen
	}
	return NewSecret(string(plain)), nil
}
