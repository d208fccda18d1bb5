package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// follow sends the request and goes after redirects, each of which is vetted
// like the first URL. It returns an answer that is no redirect.
func (c *Client) follow(ctx context.Context, u *url.URL, opts Options) (*http.Response, error) {
	first := u
	for redirects := 0; ; redirects++ {
		if opts.Authorize != nil && !sameOrigin(first, u) {
			opts.Authorize = nil // for good: who redirected us may lead us back
		}
		resp, err := c.send(ctx, u, opts)
		if err != nil {
			return nil, &Error{Kind: ErrUnreachable, Cause: discreet(err, opts)}
		}
		location := redirect(resp)
		if location == "" {
			return resp, nil
		}
		_ = resp.Body.Close()
		if redirects >= c.cfg.MaxRedirects {
			return nil, forbidden("too many redirects")
		}
		if u, err = u.Parse(location); err != nil { // its text quotes the URL
			return nil, forbidden("a redirect to no URL")
		}
		if err := c.vet(u); err != nil {
			return nil, err
		}
	}
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

// discreet keeps an error unless its text quotes the credential: an answer that is
// not HTTP stands in the error about it.
func discreet(err error, opts Options) error {
	if opts.Authorize == nil {
		return err
	}
	secrets := http.Header{}
	opts.Authorize(secrets)
	for _, values := range secrets {
		for _, value := range values {
			word := value[strings.LastIndexByte(value, ' ')+1:] // without "Bearer"
			if strings.Contains(err.Error(), word) || strings.Contains(err.Error(), strings.Trim(strconv.Quote(word), `"`)) {
				return errors.New("an answer that is not HTTP")
			}
		}
	}
	return err
}

// redirect gives the Location of an answer that is a redirect.
func redirect(resp *http.Response) string {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location")
	}
	return ""
}

// send sends one request. It goes to the transport, below the http.Client that
// would add a referrer and quote the URL in its errors.
func (c *Client) send(ctx context.Context, u *url.URL, opts Options) (*http.Response, error) {
	req := (&http.Request{
		Method: http.MethodGet,
		URL:    u,
		Host:   u.Host,
		Header: http.Header{
			"Accept":          {"*/*"},
			"Accept-Encoding": {"identity"}, // else lengths and ranges are of other bytes
			"User-Agent":      {c.cfg.UserAgent},
		},
	}).WithContext(ctx)
	if opts.Authorize != nil {
		opts.Authorize(req.Header)
	}
	if opts.Offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", opts.Offset))
		if opts.IfRange != "" {
			req.Header.Set("If-Range", opts.IfRange)
		}
	}
	return c.transport.RoundTrip(req)
}

// response reads the header of an answer, without the body.
func response(resp *http.Response, opts Options) (*Response, error) {
	out := &Response{
		Status:      resp.StatusCode,
		SizeBytes:   resp.ContentLength,
		TotalBytes:  resp.ContentLength,
		ETag:        resp.Header.Get("ETag"),
		Validator:   validator(resp.Header),
		ContentType: resp.Header.Get("Content-Type"),
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusPartialContent:
		first, total, ok := contentRange(resp.Header.Get("Content-Range"))
		if opts.Offset == 0 || !ok || first != opts.Offset {
			return nil, &Error{Kind: ErrUnreachable, Cause: errors.New("the answer is another range than asked for")}
		}
		out.Offset, out.TotalBytes = first, total
	default:
		return nil, &Error{
			Kind: ErrStatus, Status: resp.StatusCode,
			RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
		}
	}
	if out.TotalBytes > opts.MaxBytes {
		return nil, &Error{Kind: ErrTooLarge, Limit: opts.MaxBytes}
	}
	return out, nil
}

// validator gives what If-Range takes: a strong ETag, or a date.
func validator(h http.Header) string {
	if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
		return tag
	}
	return h.Get("Last-Modified")
}

// contentRange reads "bytes first-last/total"; total is -1 for "*".
func contentRange(s string) (first, total int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	span, all, ok2 := strings.Cut(s, "/")
	from, _, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, false
	}
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if all == "*" {
		return first, -1, true
	}
	total, err = strconv.ParseInt(all, 10, 64)
	return first, total, err == nil && total > first
}

// retryAfter reads a Retry-After header in either form. Zero means none.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil {
		return time.Duration(min(max(n, 0), 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(at.Sub(now), 0), 24*time.Hour)
	}
	return 0
}
