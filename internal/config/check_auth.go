package config

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
)

const (
	keyPrefix       = "tt_" // of gateway keys, which tells them from an upstream's
	minKey          = 16    // characters of a gateway key
	minTenantSecret = 16    // bytes
)

func (l *loader) checkAuth() {
	a := l.cfg.Auth
	names, keys := unique{}, unique{}
	for i, k := range a.Keys {
		path := index("auth.keys", i)
		if l.require(path+".name", k.Name == "", "") {
			names.check(l, path+".name", k.Name)
		}
		l.checkGatewayKey(path, k)
		keys.check(l, path+".key", digest(k.Key))
		keys.check(l, path+".sha256", strings.ToLower(k.SHA256))
		l.checkScopes(path+".scopes", k.Scopes)
	}
	if !a.TenantSecret.IsZero() && len(a.TenantSecret.Reveal()) < minTenantSecret {
		l.report("auth.tenant_secret", "must have at least %d bytes; `openssl rand -base64 32` makes one", minTenantSecret)
	}
	if !l.cfg.role.api() {
		return
	}
	if a.PassThrough {
		l.require("auth.tenant_secret", a.TenantSecret.IsZero(), " with auth.pass_through")
	} else if len(a.Keys) == 0 && !l.cfg.PooledOpen() {
		l.report("auth", "lets nobody in: set auth.keys, auth.pass_through: true or auth.allow_pooled: always")
	}
}

func (l *loader) checkGatewayKey(path string, k GatewayKey) {
	sum, err := hex.DecodeString(k.SHA256)
	switch {
	case k.Key.IsZero() && k.SHA256 == "":
		l.report(path, "needs key or sha256")
	case !k.Key.IsZero() && k.SHA256 != "":
		l.report(path, "has both key and sha256; leave one of them out")
	case k.SHA256 != "" && (err != nil || len(sum) != 32):
		l.report(path+".sha256", "must be 64 hexadecimal digits")
	case k.SHA256 == "" && !validGatewayKey(k.Key.Reveal()):
		l.report(path+".key", "must begin with %s and have at least %d characters, none of them a space", keyPrefix, minKey)
	}
}

func (l *loader) checkScopes(path string, scopes []Scope) {
	if len(scopes) == 0 {
		l.report(path, "must name at least one of generate, read, admin")
	}
	seen := unique{}
	for i, s := range scopes {
		seen.check(l, index(path, i), string(s))
	}
}

// digest is what a gateway key is known by; empty for an empty one.
func digest(key account.Secret) string {
	if key.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte(key.Reveal()))
	return hex.EncodeToString(sum[:])
}

// forgetKeys leaves nothing of the gateway keys but their digests.
func (c *Config) forgetKeys() {
	for i := range c.Auth.Keys {
		k := &c.Auth.Keys[i]
		if k.Key.IsZero() {
			continue
		}
		path := index("auth.keys", i)
		c.origins[path+".sha256"] = c.origins[path+".key"]
		k.SHA256, k.Key = digest(k.Key), account.Secret{}
	}
}

func validGatewayKey(key string) bool {
	return strings.HasPrefix(key, keyPrefix) && len(key) >= minKey && printable(key)
}

// checkSecurity tries the keys one by one, so that each wrong one is reported.
func (l *loader) checkSecurity() {
	const path = "security.keys"
	keys := l.cfg.Security.Keys
	ids := unique{}
	for i, k := range keys {
		if _, err := account.NewKeyRing([]account.Secret{k}); err != nil {
			l.report(index(path, i), "must be \"id:base64\" with 32 bytes in base64; `openssl rand -base64 32` makes them")
			continue
		}
		id, _, _ := strings.Cut(k.Reveal(), ":")
		ids.check(l, index(path, i), id)
	}
	if l.cfg.role.deployed() && l.cfg.Auth.PassThrough {
		l.require(path, len(keys) == 0, " with auth.pass_through")
	}
}
