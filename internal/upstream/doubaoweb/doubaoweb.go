// Package doubaoweb is the driver for Doubao's web protocol: it acts for the holder
// of a session with what that holder supplies, and with nothing else. Chat, images
// and videos, over an API that nobody has promised to anybody.
//
// The protocol changes from one month to the next, so all that is known of it is a
// [Profile]: data, of which a default is built in and an operator replaces parts.
// The facts are those of the wire note in doubaoweb.md.
//
// # Boundaries
//
// The driver never makes up values that prove a browser (a_bogus, msToken, device
// fingerprints), solves no captchas, and asks for no other rendition of a file than
// the one that is delivered. Where the upstream refuses, the account says so and
// rests. What the upstream answers holds its user's address and device: it is never
// logged and stands in no error, whose causes have codes alone.
//
// # Paid once
//
// A submission is sent as package wire says. It counts as accepted once the stream
// has told the id of its conversation. An error in the stream before that means that
// nothing was created, and a stream that ends before it is ambiguous. After it the
// request is never sent again: what is not in the stream is looked for in the
// conversation, of which each job has its own.
//
// # What cannot be found again
//
// A submission carries ids of ours, derived from the job and its fence, so that a
// creation is not taken for another job's. They are no way back to it, and if the
// answer is lost before the conversation's id is told, Recovery says none:
//
//   - History (4.7) is asked for by the conversation's id, which the upstream gives
//     itself. No call is known that takes our local id, or that lists conversations.
//   - No call is known that opens a conversation beforehand: each is begun by the
//     message that is paid for. To begin one with a chat would be one more message of
//     the account's for each job, in which its words would stand before the picture's,
//     and no note tells that media may be asked for there.
//   - How far history lags behind is not known, so that its silence proves nothing.
//   - The canvas tells of a task by its own request, but to one that never came this
//     is the first: it would be sent, and paid for, again.
package doubaoweb

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Config is what a driver needs. Zero durations mean the default.
type Config struct {
	// Profile is the protocol; nil means [DefaultProfile]. Nobody changes it any
	// more.
	Profile *Profile

	// BaseURL replaces that of the profile, if it is not empty.
	BaseURL string

	// Extras are what else belongs to an account, by its id: taken from the
	// browser that its session comes from.
	Extras map[string]Extras

	// ImageTimeout and VideoTimeout bound a submission from the first lookup to
	// the last byte of the stream; an image is made meanwhile. Defaults: 3 min and
	// 1 min. UploadTimeout bounds the upload of one image before it; default 1 min.
	ImageTimeout, VideoTimeout, UploadTimeout time.Duration

	StatusTimeout time.Duration // one free call; default 20 s

	// CheckEvery is how long the answer of Check holds: the upstream wants to be
	// asked no more often than every 10 minutes, which is the default.
	CheckEvery time.Duration

	// ChatHeaderTimeout is how long the first byte of a chat's answer may take;
	// default 3 min. ChatIdleTimeout is the longest silence within one, where
	// heartbeats count as words; default 2 min.
	ChatHeaderTimeout, ChatIdleTimeout time.Duration

	// Remaining, if set, is told how many videos of today the upstream says are
	// left to an account. It must not block.
	Remaining func(accountID string, videos int)

	// Network replaces parts of the connections.
	Network Network
}

// Network is how the driver connects.
type Network = wire.Network

// Extras are cookies, headers and query values of one account, verbatim. They
// replace those of the profile of the same name. None is ever made up.
type Extras struct {
	Cookies map[string]account.Secret
	Headers map[string]account.Secret // such as User-Agent, which should be that of the cookies' browser
	Query   map[string]account.Secret // such as device_id, web_id, fp
}

// Driver speaks to the upstream. It is safe for concurrent use.
type Driver struct {
	profile *Profile
	base    string
	scheme  string // of base; media and upload hosts may use it beside https
	cfg     Config
	submits *http.Transport // a fresh connection for each request
	pooled  *http.Transport
	now     func() time.Time

	mu     sync.Mutex
	checks map[[sha256.Size]byte]checked
}

var _ upstream.Driver = (*Driver)(nil)

// New makes a driver. Its errors name the setting at fault.
func New(cfg Config) (*Driver, error) {
	cfg = cfg.withDefaults()
	if cfg.Profile == nil {
		p, err := DefaultProfile()
		if err != nil {
			return nil, err
		}
		cfg.Profile = p
	}
	if cfg.BaseURL == "" {
		cfg.BaseURL = cfg.Profile.BaseURL
	}
	base, err := wire.ParseBase(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(base)
	if err != nil {
		return nil, errors.New("base_url is not a URL")
	}
	cfg.Extras = maps.Clone(cfg.Extras)
	for id, x := range cfg.Extras {
		if err := x.check(); err != nil {
			return nil, fmt.Errorf("account %q: %w", id, err)
		}
	}
	d := &Driver{profile: cfg.Profile, base: base, scheme: u.Scheme, cfg: cfg, now: time.Now, checks: map[[sha256.Size]byte]checked{}}
	d.submits, d.pooled = cfg.Network.Transports()
	return d, nil
}

// Close ends idle connections. Calls that are running go on.
func (d *Driver) Close() {
	d.submits.CloseIdleConnections()
	d.pooled.CloseIdleConnections()
}

func (c Config) withDefaults() Config {
	for _, s := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.ImageTimeout, 3 * time.Minute},
		{&c.VideoTimeout, time.Minute},
		{&c.UploadTimeout, time.Minute},
		{&c.StatusTimeout, 20 * time.Second},
		{&c.CheckEvery, 10 * time.Minute},
		{&c.ChatHeaderTimeout, 3 * time.Minute},
		{&c.ChatIdleTimeout, 2 * time.Minute},
	} {
		if *s.value <= 0 {
			*s.value = s.def
		}
	}
	return c
}

// check refuses what would break a request or its safety: a repetition key makes
// net/http send a request again by itself.
func (x Extras) check() error {
	for name, v := range x.Headers {
		if err := checkHeader(name, v.Reveal()); err != nil {
			return fmt.Errorf("headers: %w", err)
		}
	}
	for name, v := range x.Cookies {
		if !isToken(name) || !printable(v.Reveal()) || strings.ContainsRune(v.Reveal(), ';') {
			return fmt.Errorf("cookies: %q has a name or a value that no cookie can have", name)
		}
	}
	return nil
}

// checkHeader refuses headers that are not the operator's to set.
func checkHeader(name, value string) error {
	switch http.CanonicalHeaderKey(name) {
	case "Cookie", "Host", "Content-Length", "Content-Type", "Accept", "Authorization", "Idempotency-Key", "X-Idempotency-Key", "Transfer-Encoding", "Connection":
		return fmt.Errorf("%s cannot be set", name)
	}
	if !isToken(name) || !printable(value) {
		return fmt.Errorf("%q has a name or a value that no header can have", name)
	}
	return nil
}

// isToken tells whether a name can be that of a header or cookie.
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	}) < 0
}

// printable tells whether a value can be that of a header.
func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
