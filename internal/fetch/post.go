package fetch

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"time"
)

// drainTime and drainBytes bound what is read of an answer to a Post that nobody
// looks at, so that its connection can be used again.
const (
	drainTime  = time.Second
	drainBytes = 4 << 10
)

// Reply is the head of an answer to a Post.
type Reply struct {
	Status     int
	RetryAfter time.Duration // zero: not said
}

// Post sends a body that may arrive twice: a connection that was closed meanwhile
// is replaced by a new one. Redirects are not followed, and of the answer's body
// no more is read than lets the connection be used again. Every status is a Reply;
// an [*Error] means that there was none.
func (c *Client) Post(ctx context.Context, rawURL string, header http.Header, content []byte) (Reply, error) {
	u, err := c.parse(rawURL)
	if err != nil {
		return Reply{}, err
	}
	reqCtx, w := watch(ctx, c.cfg)
	defer w.stop()
	sent := http.Header{"User-Agent": {c.cfg.UserAgent}, "Idempotency-Key": nil} // net/http may send it again, and sends no such header
	maps.Copy(sent, header)
	req := (&http.Request{
		Method: http.MethodPost, URL: u, Host: u.Host, Header: sent, ContentLength: int64(len(content)),
		Body:    io.NopCloser(bytes.NewReader(content)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
	}).WithContext(reqCtx)
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return Reply{}, w.explain(&Error{Kind: ErrUnreachable, Cause: err}, 0)
	}
	defer func() { _ = resp.Body.Close() }()
	slow := time.AfterFunc(drainTime, func() { w.cancel(errStalled) })
	defer slow.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, drainBytes) // whatever comes: the status has been read
	return Reply{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}, nil
}
