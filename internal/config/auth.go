package config

import "github.com/tintypehq/tintype/internal/account"

// Auth is who may call the API.
type Auth struct {
	// PassThrough lets callers bring an upstream's own credential. A deployment
	// with it needs TenantSecret and security.keys.
	PassThrough bool `yaml:"pass_through" default:"true"`

	// AllowPooled is whether the word "pooled" is a credential for the
	// configured accounts: always, never, or auto: only while server.addr is on
	// loopback and nothing (server.public_url, server.trust_forwarded) says that
	// a proxy in front carries others' calls there.
	AllowPooled AllowPooled `yaml:"allow_pooled" default:"auto"`

	// Keys are the gateway keys: credentials of our own for the configured
	// accounts.
	Keys []GatewayKey `yaml:"keys"`

	// TenantSecret turns a passed-through credential into the name of its
	// tenant (HMAC), at least 16 bytes, the same in every API process, and keys
	// the digests by which repeated requests are known. Whoever changes it hides
	// the jobs that pass-through callers have, and has every repeat made anew.
	// Empty: the names are made anew at each start of `tintype run`, and the
	// digests have no key.
	TenantSecret account.Secret `yaml:"tenant_secret"`
}

// AllowPooled is when the credential "pooled" works.
type AllowPooled string

// When the credential "pooled" works.
const (
	PooledAuto   AllowPooled = "auto"
	PooledAlways AllowPooled = "always"
	PooledNever  AllowPooled = "never"
)

func (AllowPooled) values() []string { return texts(PooledAuto, PooledAlways, PooledNever) }

// GatewayKey is one credential of our own.
type GatewayKey struct {
	// Name is the tenant in logs and metrics; unique.
	Name string `yaml:"name"`

	// Key is the credential itself: "tt_" and at least 13 more characters. Load
	// turns it into SHA256 and forgets it: nothing needs more than the digest.
	Key account.Secret `yaml:"key"`

	// SHA256 is the credential's SHA-256 in hexadecimal. It may be given instead
	// of Key, so that the configuration holds nothing secret.
	SHA256 string `yaml:"sha256"`

	// Scopes are what the key may do: generate (media and chat), read (jobs,
	// events, models), admin. None of them includes another.
	Scopes []Scope `yaml:"scopes" default:"generate,read"`

	// WaitMode is wait.mode for this key. Empty: wait.mode.
	WaitMode WaitMode `yaml:"wait_mode"`

	// Priority is that of its jobs: high is served up to 16 turns earlier, low up
	// to 16 later. A request may ask for a lower one.
	Priority Priority `yaml:"priority" default:"normal"`

	// MaxRunning, RequestsPerMinute and MaxWaiting are its own in place of
	// fairness.tenant's. 0: those.
	MaxRunning        int `yaml:"max_running" default:"0" range:"0..100000"`
	RequestsPerMinute int `yaml:"requests_per_minute" default:"0" range:"0..100000"`
	MaxWaiting        int `yaml:"max_waiting" default:"0" range:"0..1000000"`
}

// Scope is one thing that a gateway key may do.
type Scope string

// The scopes.
const (
	ScopeGenerate Scope = "generate"
	ScopeRead     Scope = "read"
	ScopeAdmin    Scope = "admin"
)

func (Scope) values() []string { return texts(ScopeGenerate, ScopeRead, ScopeAdmin) }

// PooledOpen tells whether the credential "pooled" works.
func (c *Config) PooledOpen() bool {
	switch c.Auth.AllowPooled {
	case PooledAlways:
		return true
	case PooledAuto:
		return c.Server.Loopback() && c.Server.PublicURL == "" && !c.Server.TrustForwarded
	case PooledNever:
	}
	return false
}

// Security is how secrets at rest are kept.
type Security struct {
	// Keys seal passed-through credentials while their jobs need them: texts
	// "id:base64", 32 bytes each. The first one seals, all of them open, so a
	// new key goes to the end first; when every process knows it, in front; and
	// the old one stays behind it for as long as a job may last.
	// Empty: one made anew at each start of `tintype run`.
	Keys []account.Secret `yaml:"keys"`
}
