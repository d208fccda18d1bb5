package tintype

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Download copies the file at a link of an answer to w and returns its SHA-256,
// in lower-case hex, and its size, to be compared with [Media.SHA256] and
// [Media.Bytes]. A link without a host is one on the server. The key is sent
// only to the server's own origin.
//
// With an error, n says how much was written. A file that is gone is an
// *APIError (404, or 410 after its expiry); one that breaks off is an error
// that wraps io.ErrUnexpectedEOF or the network's.
func (c *Client) Download(ctx context.Context, link string, w io.Writer) (sha256hex string, n int64, err error) {
	u, err := c.base.Parse(link)
	if err != nil || link == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", 0, fmt.Errorf("tintype: %q is no link to a file", link)
	}
	resp, err := c.fetch(ctx, u)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	hash := sha256.New()
	n, err = io.Copy(io.MultiWriter(w, hash), resp.Body)
	if err != nil {
		return "", n, fmt.Errorf("tintype: download: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), n, nil
}

func (c *Client) fetch(ctx context.Context, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("tintype: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity") // else the size would be that of another form
	c.sign(req)
	resp, err := c.do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, newAPIError(resp, nil)
	}
	return resp, nil
}
