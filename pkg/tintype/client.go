package tintype

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// KeyPooled is the key that asks a server for an account of its own pool, where
// its operator allows that.
const KeyPooled = "pooled"

const defaultUserAgent = "tintype-go"

// Client speaks to one server. Make one with [NewClient]; it is safe for
// concurrent use and never changes.
//
// It sets no time limit of its own: the context of each call rules. A context
// that ends while a job runs ends the wait, not the job.
type Client struct {
	Images *ImageService // makes images
	Videos *VideoService // makes videos
	Jobs   *JobService   // finds, follows and ends what was asked for
	Media  *MediaService // fetches what was made
	Models *ModelService // tells what the server can make
	Chat   *ChatService  // answers messages
	Admin  *AdminService // operates the server; needs a key with the scope "admin"

	Webhooks *WebhookService // has receivers told of jobs

	base      *url.URL // without a trailing slash and without /v1
	http      *http.Client
	key       string
	userAgent string
	retries   int
}

// defaultRetries is how often OpenAI's clients try again as well.
const defaultRetries = 2

// Option changes how a Client works.
type Option func(*Client)

// WithKey sets the credential: a key of the server's gateway, the caller's own
// credential at the upstream, or [KeyPooled]. Without it no credential is sent.
// It goes to the server's own origin only, never along with a redirect to
// another.
func WithKey(key string) Option {
	return func(c *Client) { c.key = key }
}

// WithHTTPClient sets the HTTP client whose transport, cookies and redirect
// rules are used. Its Timeout should be zero: it would cut streams and long
// waits short. The default is a client of Go's default transport. Nil changes
// nothing.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) {
		if h != nil {
			c.http = h
		}
	}
}

// WithUserAgent sets the User-Agent header. The default is "tintype-go".
func WithUserAgent(name string) Option {
	return func(c *Client) { c.userAgent = name }
}

// WithRetries sets how often a request is made again that did not reach the
// server, or that the server cannot serve at the moment (408, 429, 5xx): at
// growing intervals, or when its Retry-After says. The default is 2; zero turns it
// off. Requests that must not be made twice never are, and connections that break
// under a job are no matter of this number; see the package's comment.
func WithRetries(n int) Option {
	return func(c *Client) { c.retries = max(n, 0) }
}

// NewClient makes a client of the server at baseURL, like
// "http://127.0.0.1:8080" or "https://example.com/media"; a trailing "/v1", as
// OpenAI's clients want it, does no harm. It fails if baseURL is no absolute
// http or https address, and does not connect.
func NewClient(baseURL string, options ...Option) (*Client, error) {
	base, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	c := &Client{base: base, http: &http.Client{}, userAgent: defaultUserAgent, retries: defaultRetries}
	for _, set := range options {
		set(c)
	}
	c.http = c.guarded(c.http)
	c.Images, c.Videos, c.Jobs = &ImageService{c}, &VideoService{c}, &JobService{c}
	c.Media, c.Models, c.Chat, c.Admin = &MediaService{c}, &ModelService{c}, &ChatService{c}, &AdminService{c}
	c.Webhooks = &WebhookService{c}
	return c, nil
}

func parseBase(baseURL string) (*url.URL, error) {
	u, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("tintype: base URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("tintype: base URL %q: want http://host or https://host", baseURL)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("tintype: base URL: want no user, query or fragment; give the key by WithKey")
	}
	path := strings.TrimRight(u.Path, "/")
	u.Path, u.RawPath = strings.TrimRight(strings.TrimSuffix(path, "/v1"), "/"), ""
	return u, nil
}

// maxRedirects is how far a GET is led on. Net/http's own limit is the same.
const maxRedirects = 10

// guarded returns a copy of h that does not send a POST again after a redirect,
// since that could pay twice, and keeps the key from other origins: net/http
// would show it to another port of the same host, and a presigned link that
// comes with a key is refused by some object stores.
func (c *Client) guarded(h *http.Client) *http.Client {
	safe := *h
	theirs := h.CheckRedirect
	safe.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if via[0].Method != http.MethodGet {
			return http.ErrUseLastResponse
		}
		if !c.own(next.URL) {
			next.Header.Del("Authorization")
		}
		if theirs != nil {
			return theirs(next, via)
		}
		if len(via) >= maxRedirects {
			return fmt.Errorf("stopped after %d redirects", maxRedirects)
		}
		return nil
	}
	return &safe
}

// own tells whether u is on the server's own origin.
func (c *Client) own(u *url.URL) bool {
	return strings.EqualFold(u.Scheme, c.base.Scheme) && strings.EqualFold(u.Host, c.base.Host)
}
