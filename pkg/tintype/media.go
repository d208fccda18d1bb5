package tintype

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrWrongFile is returned for a file that is not the one which was stored: its
// bytes have another SHA-256, or it changed while it was fetched.
var ErrWrongFile = errors.New("tintype: the file is not the one that was stored")

// MediaService fetches what was made.
type MediaService struct{ client *Client }

// Download copies a file of a job to w and checks it against m.SHA256. Of m only
// the URL is needed, which may be any link of an answer; without a host it is one
// on the server. If m has no SHA256, that is what counts which the server says by
// the file's ETag, if any. The key is sent only to the server's own origin.
//
// A connection that breaks, or brings nothing for a minute, is made anew, and goes
// on where it broke, until ten in a row have brought nothing. n says how much was
// written, also beside an error, which is an *APIError if the file is gone (404, or
// 410 after its expiry), [ErrWrongFile], w's own, or the network's.
func (s *MediaService) Download(ctx context.Context, m Media, w io.Writer) (n int64, err error) {
	u, err := s.client.base.Parse(m.URL)
	if err != nil || m.URL == "" || u.Scheme != "http" && u.Scheme != "https" {
		return 0, fmt.Errorf("tintype: %q is no link to a file", m.URL)
	}
	d := &download{client: s.client, url: u, want: m.SHA256, to: w, sum: sha256.New()}
	if err := d.run(ctx); err != nil {
		return d.n, err
	}
	if got := hex.EncodeToString(d.sum.Sum(nil)); d.want != "" && !strings.EqualFold(got, d.want) {
		return d.n, fmt.Errorf("%w: SHA-256 is %s, want %s", ErrWrongFile, got, d.want)
	}
	return d.n, nil
}

// download is a file that is fetched over as many connections as it takes.
type download struct {
	client *Client
	url    *url.URL
	want   string // SHA-256; empty: not known
	to     io.Writer
	sum    hash.Hash // of what was written

	n   int64  // what was written
	tag string // the file's strong ETag; empty: it has none
}

// writeError is the receiver's: another connection would not help.
type writeError struct{ error }

// Unwrap gives the cause.
func (e writeError) Unwrap() error { return e.error }

func (d *download) run(ctx context.Context) error {
	t := tries{left: d.client.retries}
	for {
		before := d.n
		err := d.connect(ctx)
		if err == nil {
			return nil
		}
		if d.n > before {
			t = tries{left: maxFailures - 1}
		}
		if e, ok := errors.AsType[writeError](err); ok {
			return fmt.Errorf("tintype: download: %w", e.error)
		}
		delay, again := t.after(err)
		if ctx.Err() != nil || !again || !t.fits(ctx, delay, err) {
			return err
		}
		if ended := pause(ctx, delay); ended != nil {
			return fmt.Errorf("tintype: download: %w; before that: %w", ended, err)
		}
	}
}

// connect fetches what is missing by one connection.
func (d *download) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(maxSilence, func() { cancel(errSilent) })
	defer alarm.Stop()
	resp, err := d.ask(ctx)
	if err != nil {
		return silenced(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body := guardedReader{resp.Body, alarm}
	if err := d.resume(resp, body); err != nil {
		return silenced(ctx, err)
	}
	return silenced(ctx, d.copy(body))
}

// silenced gives the true cause of an error after a silence.
func silenced(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		return &lostError{err: errSilent, sent: true}
	}
	return err
}

// ask asks for the file from n on.
func (d *download) ask(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("tintype: %w", err)
	}
	req.Header.Set("Accept-Encoding", "identity") // else the bytes would be those of another form
	if d.n > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.n))
		if d.tag != "" {
			req.Header.Set("If-Range", d.tag)
		}
	}
	d.client.sign(req)
	resp, err := d.client.do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent && d.n > 0 {
		return resp, nil
	}
	_ = resp.Body.Close()
	return nil, newAPIError(resp, nil)
}

// resume sees to it that what comes next is what is missing.
func (d *download) resume(resp *http.Response, body io.Reader) error {
	tag := resp.Header.Get("ETag")
	if strings.HasPrefix(tag, "W/") {
		tag = ""
	}
	if d.tag != "" && tag != d.tag {
		return fmt.Errorf("%w: it has changed meanwhile", ErrWrongFile)
	}
	d.tag = tag
	if d.want == "" && d.client.own(resp.Request.URL) {
		d.want = sumIn(tag)
	}
	if d.n == 0 {
		return nil
	}
	if resp.StatusCode == http.StatusPartialContent {
		if first := strings.TrimPrefix(resp.Header.Get("Content-Range"), "bytes "); !strings.HasPrefix(first, strconv.FormatInt(d.n, 10)+"-") {
			return fmt.Errorf("tintype: download: asked for the bytes from %d on and got %q", d.n, first)
		}
		return nil
	}
	again := sha256.New() // the whole file comes once more
	if _, err := io.CopyN(again, body, d.n); err != nil {
		return brokenDownload(err)
	}
	if !bytes.Equal(again.Sum(nil), d.sum.Sum(nil)) {
		return fmt.Errorf("%w: it has changed meanwhile", ErrWrongFile)
	}
	return nil
}

// sumIn is the SHA-256 that an ETag of our server is; empty if it is something
// else.
func sumIn(tag string) string {
	text := strings.Trim(tag, `"`)
	if b, err := hex.DecodeString(text); err != nil || len(b) != sha256.Size {
		return ""
	}
	return text
}

func (d *download) copy(body io.Reader) error {
	n, err := io.Copy(countedWriter{io.MultiWriter(d.to, d.sum)}, body)
	d.n += n
	if _, ours := errors.AsType[writeError](err); ours || err == nil {
		return err
	}
	return brokenDownload(err)
}

func brokenDownload(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &lostError{err: fmt.Errorf("download: %w", err), sent: true}
}

// countedWriter tells its own errors from those of the other side.
type countedWriter struct{ io.Writer }

func (w countedWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil {
		err = writeError{err}
	}
	return n, err
}

// encode puts the images themselves into an answer in place of their links.
func (c *Client) encode(ctx context.Context, answer *MediaResponse) error {
	for i, item := range answer.Data {
		m := Media{URL: item.URL}
		for _, known := range answer.Media {
			if known.URL == item.URL {
				m = known
			}
		}
		file := &bounded{most: MaxAnswerBytes}
		if _, err := c.Media.Download(ctx, m, file); err != nil {
			return err
		}
		answer.Data[i] = DataItem{B64JSON: base64.StdEncoding.EncodeToString(file.Bytes())}
	}
	return nil
}

// bounded is a buffer that does not grow over a limit.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, ErrTooLarge
	}
	return b.Buffer.Write(p)
}
