// Package fetch makes the HTTP requests whose address somebody else chose: a
// caller's input image, the media link in an upstream's answer, a webhook's
// host. It assumes that the address is hostile and that the server is slow,
// endless or lying.
//
//   - Only http (if allowed) and https, no credentials in the URL, no proxy, no
//     cookies, no referrer, no compression.
//   - The address is checked when the connection is made, after the name was
//     resolved, so that a name cannot change its answer in between. Private,
//     loopback, link-local, shared, multicast and reserved space is refused,
//     and so are the IPv6 forms that lead there. Of the ports below 1024 only
//     80 and 443 are open. Each redirect is checked again.
//   - Bytes, redirects, the time of each phase, and the time without a byte
//     are bounded.
//
// Every failure is an [*Error], except that of the caller's own context.
package fetch

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Config says how a Client fetches. The zero value is usable and strict.
type Config struct {
	// AllowPrivate lists address ranges that may be reached although they are
	// not public, on any port. A NAT64 prefix (64:ff9b::/96) in it opens the
	// public IPv4 addresses behind it, not the private ones.
	AllowPrivate []netip.Prefix

	// AllowHTTP permits http beside https.
	AllowHTTP bool

	// OnlyAllowed refuses public addresses, too: what AllowPrivate does not list.
	OnlyAllowed bool

	MaxBytes        int64         // largest file; default 1 GiB
	ConnectTimeout  time.Duration // name, connection and TLS, each; default 10 s
	HeaderTimeout   time.Duration // from the request to the answer's header; default 30 s
	IdleReadTimeout time.Duration // longest time without a byte of the body; default 30 s
	Timeout         time.Duration // all together, redirects and body too; zero is no limit
	MaxRedirects    int           // default 5; negative for none
	UserAgent       string        // default "tintype"

	// Resolver looks up names; default is the system's.
	Resolver *net.Resolver
}

// Client fetches. Make one with [New]; it is safe for concurrent use.
type Client struct {
	cfg       Config
	guard     guard
	transport *http.Transport
}

// New makes a Client. It keeps connections open for a while: Close it.
func New(cfg Config) *Client {
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 1<<30)
	cfg.ConnectTimeout = cmp.Or(cfg.ConnectTimeout, 10*time.Second)
	cfg.HeaderTimeout = cmp.Or(cfg.HeaderTimeout, 30*time.Second)
	cfg.IdleReadTimeout = cmp.Or(cfg.IdleReadTimeout, 30*time.Second)
	cfg.MaxRedirects = cmp.Or(cfg.MaxRedirects, 5)
	cfg.UserAgent = cmp.Or(cfg.UserAgent, "tintype")
	cfg.Resolver = cmp.Or(cfg.Resolver, net.DefaultResolver)
	g := newGuard(cfg.AllowPrivate)
	g.only = cfg.OnlyAllowed
	dialer := &net.Dialer{Timeout: cfg.ConnectTimeout, Resolver: cfg.Resolver, Control: g.control}
	return &Client{cfg: cfg, guard: g, transport: &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    cfg.ConnectTimeout,
		ResponseHeaderTimeout:  cfg.HeaderTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    8,
		MaxIdleConns:           64,
		IdleConnTimeout:        30 * time.Second,
	}}
}

// Close closes idle connections. Responses that are still open go on.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Options are what one Get asks for. The zero value asks for the whole file.
type Options struct {
	// Offset is the first byte wanted. The server may ignore it: look at
	// Response.Offset.
	Offset int64

	// IfRange is a Response.Validator from an earlier answer. If the file is
	// another one by now, it comes whole, from offset 0.
	IfRange string

	// MaxBytes is the largest file, in place of Config.MaxBytes if not zero.
	MaxBytes int64

	// Authorize puts a credential onto the requests to the URL's own origin: its
	// scheme, host and port. A redirect elsewhere goes without it. May be nil.
	Authorize func(http.Header)
}

// Response is an answer with status 200 or 206.
type Response struct {
	// Body ends with io.EOF only if as many bytes came as the server had
	// announced, where it had. It is to be closed.
	Body io.ReadCloser

	Status      int
	SizeBytes   int64  // of Body, or -1 if not announced
	TotalBytes  int64  // of the whole file, or -1 if not announced
	Offset      int64  // of Body's first byte in the file: Options.Offset, or 0
	ETag        string // as sent
	Validator   string // for Options.IfRange; empty if the server sent nothing fit
	ContentType string // what the server claims
}

// Get asks for a file. Its errors have been told apart: see [Error].
func (c *Client) Get(ctx context.Context, rawURL string, opts Options) (*Response, error) {
	u, err := c.parse(rawURL)
	if err != nil {
		return nil, err
	}
	opts.MaxBytes = cmp.Or(opts.MaxBytes, c.cfg.MaxBytes)
	reqCtx, w := watch(ctx, c.cfg)
	resp, err := c.follow(reqCtx, u, opts)
	if err != nil {
		err = w.explain(err, 0)
		w.stop()
		return nil, err
	}
	out, err := response(resp, opts)
	if err != nil {
		_ = resp.Body.Close()
		w.stop()
		return nil, err
	}
	out.Body = &body{from: resp.Body, watch: w, at: out.Offset, limit: opts.MaxBytes}
	return out, nil
}

// CheckHost checks a URL as Get would, up to the connection: it resolves the
// name and refuses if any of its addresses is not allowed. It proves nothing
// about later, since names change; Get checks by itself.
func (c *Client) CheckHost(ctx context.Context, rawURL string) error {
	u, err := c.parse(rawURL)
	if err != nil {
		return err
	}
	port, err := portOf(u)
	if err != nil {
		return err
	}
	lookup, cancel := context.WithTimeout(ctx, c.cfg.ConnectTimeout)
	defer cancel()
	addrs, err := c.cfg.Resolver.LookupNetIP(lookup, "ip", u.Hostname())
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &Error{Kind: ErrUnreachable, Cause: err}
	}
	for _, addr := range addrs {
		if err := c.guard.check(netip.AddrPortFrom(addr, port)); err != nil {
			return err
		}
	}
	return nil
}

// parse reads a URL and refuses what can be refused without the network.
func (c *Client) parse(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil { // its text quotes the URL
		return nil, forbidden("not a URL")
	}
	return u, c.vet(u)
}

// vet refuses a URL by its form.
func (c *Client) vet(u *url.URL) error {
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !c.cfg.AllowHTTP):
		return forbidden("the scheme is not allowed")
	case u.User != nil:
		return forbidden("the URL has credentials in it")
	case u.Hostname() == "" || u.Opaque != "":
		return forbidden("the URL has no host")
	}
	return nil
}
