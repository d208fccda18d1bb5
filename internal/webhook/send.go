package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/job"
)

// MaxURLBytes bounds a receiver's address.
const MaxURLBytes = 2048

// checkTime bounds the look at a receiver's name before anything is sent there.
const checkTime = 2 * time.Second

// Config says how a Sender sends.
type Config struct {
	// AllowPrivate lists networks that may be reached although they are not
	// public, there also by http. Everything else is https and public.
	AllowPrivate []netip.Prefix

	// Timeout is the time for one try. Zero: 15 s.
	Timeout time.Duration
}

// Sender sends. Make one with [New]; it is safe for concurrent use.
type Sender struct {
	timeout time.Duration
	https   *fetch.Client
	http    *fetch.Client // nil: never
}

// New makes a Sender. It keeps connections open for a while: Close it.
func New(c Config) *Sender {
	s := &Sender{timeout: cmp.Or(c.Timeout, 15*time.Second)}
	fc := fetch.Config{
		AllowPrivate: c.AllowPrivate, ConnectTimeout: s.timeout, HeaderTimeout: s.timeout, Timeout: s.timeout,
		UserAgent: "tintype-webhooks",
	}
	s.https = fetch.New(fc)
	if len(c.AllowPrivate) > 0 {
		fc.AllowHTTP, fc.OnlyAllowed = true, true
		s.http = fetch.New(fc)
	}
	return s
}

// Close closes idle connections.
func (s *Sender) Close() {
	s.https.Close()
	if s.http != nil {
		s.http.Close()
	}
}

// client gives the client for an address.
func (s *Sender) client(rawURL string) *fetch.Client {
	if u, err := url.Parse(rawURL); err == nil && u.Scheme == "http" && s.http != nil {
		return s.http
	}
	return s.https
}

// Check refuses an address to which nothing would ever be sent; param is the
// field that it stood in. A name that cannot be looked up now is let through.
func (s *Sender) Check(ctx context.Context, param, rawURL string) error {
	refuse := func(format string, args ...any) error {
		return fault.Newf(fault.Invalid, param+": "+format, args...).WithParam(param)
	}
	u, err := url.Parse(rawURL)
	switch {
	case len(rawURL) > MaxURLBytes:
		return refuse("has %d bytes; the limit is %d.", len(rawURL), MaxURLBytes)
	case err != nil || u.Hostname() == "" || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http":
		return refuse("must be an absolute URL that begins with https://.")
	case u.User != nil:
		return refuse("must not hold a user or password; the signature tells who sends.")
	case u.Fragment != "":
		return refuse("must not have a fragment (#).")
	case u.Scheme == "http" && s.http == nil:
		return refuse("must begin with https://. Plain http is for networks that the operator has opened (setting webhooks.allow_private).")
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := s.client(rawURL).CheckHost(ctx, rawURL); errors.Is(err, fetch.ErrForbidden) {
		if errors.Is(err, fetch.ErrPort) {
			return refuse("has a port that belongs to another service. The ports are 80, 443 and those from 1024 on.")
		}
		if u.Scheme == "http" {
			return refuse("plain http goes only to the networks that the operator has opened (setting webhooks.allow_private). Use https.")
		}
		return refuse("is not a public address. The operator may open private networks (setting webhooks.allow_private).")
	}
	return nil
}

// Try is what came of one try. It was taken if its Error is empty.
type Try struct {
	job.WebhookTry

	Gone       bool          // the receiver wants no more: 410
	RetryAfter time.Duration // the receiver wants to be left alone as long; zero: it said nothing
}

// Taken tells whether the receiver has it.
func (t Try) Taken() bool { return t.Error == "" }

// Send makes one try.
func (s *Sender) Send(ctx context.Context, m Message) Try {
	began := time.Now()
	t := Try{WebhookTry: job.WebhookTry{At: m.At}}
	reply, err := s.post(ctx, m)
	t.Took, t.Status, t.RetryAfter = time.Since(began), reply.Status, reply.RetryAfter
	switch {
	case err != nil:
		t.Error = s.explain(err, t.Took)
	case reply.Status >= http.StatusOK && reply.Status < http.StatusMultipleChoices:
		t.RetryAfter = 0
	case reply.Status == http.StatusGone:
		t.Gone, t.Error = true, "The receiver answered with status 410: it wants no more."
	case reply.Status >= 300 && reply.Status < 400:
		t.Error = fmt.Sprintf("The receiver answered with status %d. Redirects are not followed: give the address that they lead to.", reply.Status)
	default:
		t.Error = fmt.Sprintf("The receiver answered with status %d.", reply.Status)
	}
	return t
}

func (s *Sender) post(ctx context.Context, m Message) (fetch.Reply, error) {
	if len(m.Secrets) == 0 {
		return fetch.Reply{}, errNoSecret
	}
	signatures, err := m.signatures()
	if err != nil {
		return fetch.Reply{}, err
	}
	return s.client(m.URL).Post(ctx, m.URL, http.Header{
		"Content-Type":      {"application/json"},
		"Webhook-Id":        {m.ID},
		"Webhook-Timestamp": {m.timestamp()},
		"Webhook-Signature": {signatures},
	}, m.Body)
}

var errNoSecret = errors.New("webhook: there is no secret to sign with")

// explain says why there was no answer, in words for the receiver's owner.
func (s *Sender) explain(err error, took time.Duration) string {
	switch {
	case errors.Is(err, errNoSecret), errors.Is(err, errSecret):
		return "There is no secret to sign with. Rotate the endpoint's secret; for webhook_url the operator sets webhooks.secret."
	case errors.Is(err, fetch.ErrPort):
		return "The port is not allowed: it must be 80, 443 or from 1024 on, unless the operator has opened its network (setting webhooks.allow_private)."
	case errors.Is(err, fetch.ErrForbidden):
		return "The address is not allowed: it must be public and https, unless the operator has opened its network (setting webhooks.allow_private)."
	case took >= s.timeout:
		return fmt.Sprintf("The receiver did not answer within %s.", s.timeout)
	}
	return "The receiver could not be reached, or did not answer in HTTP."
}
