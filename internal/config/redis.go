package config

import (
	"log/slog"
	"net/url"

	"github.com/tintypehq/tintype/internal/account"
)

// Redis is where jobs are kept. A deployment needs URL or Sentinel; without
// both, `tintype run` keeps jobs in its own memory.
type Redis struct {
	// URL is redis://host:6379/0, rediss:// for TLS, or unix:///path. User and
	// password may be in it. With Sentinel it stays empty.
	URL PrivateURL `yaml:"url"`

	// Username and Password are an alternative to those in the URL, and need no
	// percent-encoding. Empty: what the URL says.
	Username string         `yaml:"username"`
	Password account.Secret `yaml:"password"`

	// DB is the database, instead of a path in the URL. A Redis Cluster has 0
	// alone.
	DB int `yaml:"db" default:"0" range:"0..65535"`

	Sentinel Sentinel `yaml:"sentinel"`
	TLS      RedisTLS `yaml:"tls"`

	// PoolSize is the most connections of one process. 0: 64, or ten for each
	// CPU where that is more.
	PoolSize int `yaml:"pool_size" default:"0" range:"0..10000"`

	// KeyTag is the hash tag of every key, without its braces. Installations
	// that share a Redis need different ones: up to 32 letters, digits, - or _.
	KeyTag string `yaml:"key_tag" default:"tt"`
}

// Sentinel finds the Redis master of an installation that fails over.
type Sentinel struct {
	// Master is the name of the master. Empty: no Sentinel.
	Master string `yaml:"master"`

	// Addrs are the Sentinels, host:port.
	Addrs []string `yaml:"addrs"`

	// Password is for the Sentinels themselves; Redis' own is redis.password.
	// Empty: none.
	Password account.Secret `yaml:"password"`
}

// RedisTLS is for rediss:// URLs and, when any of it is set, for Sentinel.
type RedisTLS struct {
	// CAFile is a PEM file with the authorities to trust. Empty: the system's.
	CAFile string `yaml:"ca_file"`

	// CertFile and KeyFile are the client's certificate. Both or neither.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`

	// ServerName is the name in the server's certificate. Empty: the host that
	// is connected to.
	ServerName string `yaml:"server_name"`
}

// Embedded tells whether no Redis is configured.
func (r Redis) Embedded() bool { return r.URL.IsZero() && r.Sentinel.Master == "" }

// PrivateURL is a URL that may hold a password. It prints without user,
// password and query; Reveal gives it whole.
type PrivateURL struct{ secret account.Secret }

// NewPrivateURL wraps a URL.
func NewPrivateURL(raw string) PrivateURL { return PrivateURL{account.NewSecret(raw)} }

// Reveal gives the URL itself. Errors of parsers quote it: do not wrap them.
func (u PrivateURL) Reveal() string { return u.secret.Reveal() }

// IsZero tells whether there is no URL at all.
func (u PrivateURL) IsZero() bool { return u.secret.IsZero() }

// String gives scheme, host and path.
func (u PrivateURL) String() string {
	if u.IsZero() {
		return ""
	}
	p, err := url.Parse(u.Reveal())
	if err != nil {
		return u.secret.String()
	}
	public := p.Scheme + "://"
	if p.User != nil {
		public += u.secret.String() + "@"
	}
	return public + p.Host + p.Path
}

// GoString hides the password from %#v.
func (u PrivateURL) GoString() string { return u.String() }

// LogValue hides the password from slog.
func (u PrivateURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText hides the password from JSON and YAML.
func (u PrivateURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads a URL.
func (u *PrivateURL) UnmarshalText(b []byte) error {
	u.secret = account.NewSecret(string(b))
	return nil
}
