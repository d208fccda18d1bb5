package config

import (
	"net/netip"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/webhook"
)

// Webhooks is how receivers are told of events.
type Webhooks struct {
	// Secret signs what goes to a job's own webhook_url: "whsec_" and 24 to 64
	// bytes in base64. Whoever knows it can speak as this server to all such
	// receivers; callers who should not have endpoints with secrets of their own.
	// Empty: no webhook_url is taken.
	Secret account.Secret `yaml:"secret"`

	// OldSecrets sign beside Secret while it is rotated.
	OldSecrets []account.Secret `yaml:"old_secrets"`

	// AllowPrivate are networks in CIDR notation that may be told although they
	// are private, there also by plain http. Empty: none.
	AllowPrivate []netip.Prefix `yaml:"allow_private"`

	// Timeout is the time for one try.
	Timeout time.Duration `yaml:"timeout" default:"15s" range:"1s..1m"`

	// Schedule is how long after each try that failed the next one is made, ±10 %;
	// after the last of them a delivery is given up. 1 to 20 waits of 1s to 3d.
	Schedule []time.Duration `yaml:"schedule" default:"5s,5m,30m,2h,5h,10h,14h,20h,24h"`

	// Rotation is how long two secrets of an endpoint sign after a new one was made.
	Rotation time.Duration `yaml:"rotation" default:"24h" range:"1m..30d"`

	// History is how long a delivery is shown after its end.
	History time.Duration `yaml:"history" default:"7d" range:"1h..90d"`

	// Endpoints is how many endpoints one tenant may have.
	Endpoints int `yaml:"endpoints" default:"16" range:"1..1000"`
}

// The bounds of webhooks.schedule.
const (
	mostTries = 20
	leastWait = time.Second
	mostWait  = 72 * time.Hour
)

func (l *loader) checkWebhooks() {
	w := l.cfg.Webhooks
	const form = "must be \"whsec_\" and 24 to 64 bytes in base64; `echo whsec_$(openssl rand -base64 32)` makes one"
	if !w.Secret.IsZero() && webhook.CheckSecret(w.Secret) != nil {
		l.report("webhooks.secret", form)
	}
	if w.Secret.IsZero() && len(w.OldSecrets) > 0 {
		l.report("webhooks.old_secrets", "only sign beside webhooks.secret, which is empty")
	}
	if len(w.OldSecrets) > 2 {
		l.report("webhooks.old_secrets", "must be two at most: each adds a signature")
	}
	for i, s := range w.OldSecrets {
		if webhook.CheckSecret(s) != nil {
			l.report(index("webhooks.old_secrets", i), form)
		}
	}
	if n := len(w.Schedule); n < 1 || n > mostTries {
		l.report("webhooks.schedule", "must have 1 to %d waits; has %d", mostTries, n)
	}
	for i, wait := range w.Schedule {
		if wait < leastWait || wait > mostWait {
			l.report(index("webhooks.schedule", i), "must be between %s and %s, is %s", formatDuration(leastWait), formatDuration(mostWait), formatDuration(wait))
		}
	}
}
