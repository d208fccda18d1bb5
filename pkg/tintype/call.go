package tintype

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
)

// MaxAnswerBytes is the longest answer that is taken into memory. It leaves
// room for some images in base64.
const MaxAnswerBytes = 64 << 20

// ErrTooLarge is returned for an answer over [MaxAnswerBytes], or an event of a
// stream over 4 MiB.
var ErrTooLarge = errors.New("tintype: the answer is too large")

// errForeign is returned for JSON that is not what was asked for.
var errForeign = errors.New("tintype: the answer is not the API's; is the base URL right?")

// The media types of answers.
const (
	typeJSON   = "application/json"
	typeStream = "text/event-stream"
)

// request makes a request to a path of the API, which may have escapes.
func (c *Client) request(ctx context.Context, method, path, accept string, body any) (*http.Request, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("tintype: encode the request: %w", err)
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, content)
	if err != nil {
		return nil, fmt.Errorf("tintype: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", typeJSON)
	}
	req.Header.Set("Accept", accept)
	if r, ok := body.(onceOnly); ok && r.key() != "" {
		req.Header.Set("Idempotency-Key", r.key())
	}
	c.sign(req)
	return req, nil
}

// onceOnly is a request that may name itself, so that the server can tell a
// repeat from a new one.
type onceOnly interface{ key() string }

// sign says who asks; the key is for the server's own origin.
func (c *Client) sign(req *http.Request) {
	req.Header.Set("User-Agent", c.userAgent)
	if c.key != "" && c.own(req.URL) {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
}

// do sends a request, once. An answer other than 2xx is an *APIError, a
// connection that failed before the answer's head a *lostError. The caller closes
// the body of the answer.
func (c *Client) do(req *http.Request) (*http.Response, error) {
	var sent atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) },
	}))
	resp, err := c.http.Do(req)
	if err != nil && (resp != nil || isHopeless(err)) { // with an answer: a redirect that is not followed
		return nil, fmt.Errorf("tintype: %w", shorten(err))
	}
	if err != nil {
		return nil, &lostError{err: shorten(err), sent: sent.Load()}
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)) // what there is of it
	return nil, newAPIError(resp, body)
}

// shorten cuts the query off the address in an error of net/http: it may hold
// a signature.
func shorten(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		if u, parseErr := url.Parse(e.URL); parseErr == nil {
			u.RawQuery = ""
			e.URL = u.Redacted()
		}
	}
	return err
}

// exchange sends a request and reads its JSON answer into out.
func (c *Client) exchange(req *http.Request, out any) error {
	resp, err := c.do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := readAnswer(resp)
	if err != nil {
		return err
	}
	return decodeAnswer(resp, body, out)
}

// call sends a request, without a body if that is nil, and reads its JSON answer
// into out. A GET is made again if it did not come through.
func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	t := tries{}
	if method == http.MethodGet {
		t.left = c.retries
	}
	return t.persist(ctx, func() error {
		req, err := c.request(ctx, method, path, typeJSON, body)
		if err != nil {
			return err
		}
		return c.exchange(req, out)
	})
}

// fetch is [Client.call] for an answer that is one object.
func fetch[T any](ctx context.Context, c *Client, method, path string, body any) (*T, error) {
	out := new(T)
	if err := c.call(ctx, method, path, body, out); err != nil {
		return nil, err
	}
	return out, nil
}

// fetchList gets what is in the "data" of a list that has one page.
func fetchList[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	list, err := fetch[struct {
		Data []T `json:"data"`
	}](ctx, c, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return list.Data, nil
}

// readAnswer reads a whole body, which may begin with the spaces that keep the
// connection alive.
func readAnswer(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswerBytes+1))
	if err != nil {
		return nil, incomplete(resp, err)
	}
	if len(body) > MaxAnswerBytes {
		return nil, ErrTooLarge
	}
	return bytes.TrimSpace(body), nil
}

// decodeAnswer reads the body of a 2xx answer, which may tell of a failure all
// the same: the status was sent while the outcome was still open.
func decodeAnswer(resp *http.Response, body []byte, out any) error {
	if detail := failureIn(body); detail != nil {
		return apiErrorFrom(resp, *detail)
	}
	err := json.Unmarshal(body, out)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok && e.Offset >= int64(len(body)) {
		return incomplete(resp, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("tintype: the answer (%s) is not the API's: %w", contentType(resp), err)
}
