package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

// maxResumes is how often one download is taken up again where it broke,
// without a byte having come in between.
const maxResumes = 6

// source reads one file from its link, however often the connection breaks:
// it asks for the rest, or for a fresh link when the old one has expired.
type source struct {
	c     *copying
	ctx   context.Context //nolint:containedctx // io.Reader has no context; it lives as long as one copy
	index int

	body      io.ReadCloser
	at        int64 // bytes read so far
	total     int64 // or blob.UnknownSize
	validator string
	broken    int // resumes since the last byte
	err       error
}

// source is one of a job's sources. It is to be closed.
func (c *copying) source(ctx context.Context, i int) *source {
	return &source{c: c, ctx: ctx, index: i, total: blob.UnknownSize}
}

// open begins to read.
func (s *source) open() error {
	if key := s.c.job.Sources[s.index].Key; key != "" {
		r, err := s.c.Blobs.Open(s.ctx, key, 0, -1)
		if err != nil {
			return fmt.Errorf("worker: staged media: %w", err)
		}
		s.body, s.total = r, r.Object.SizeBytes
		return nil
	}
	err := s.connect()
	if errors.Is(err, errSource) {
		err = s.resume(err)
	}
	return err
}

// size is the file's length, if it is known.
func (s *source) size() int64 { return s.total }

// Close ends the download.
func (s *source) Close() {
	if s.body != nil {
		_ = s.body.Close()
	}
}

// Read reads on, over broken connections.
func (s *source) Read(p []byte) (int, error) {
	for {
		n, err := s.body.Read(p)
		s.at += int64(n)
		if n > 0 {
			s.broken = 0
		}
		if err == nil || errors.Is(err, io.EOF) {
			return n, err
		}
		if errors.Is(err, fetch.ErrTooLarge) {
			s.err = fmt.Errorf("%w: %w", errGone, err)
			return n, s.err
		}
		if resumed := s.resume(err); resumed != nil {
			s.err = resumed
			return n, resumed
		}
		if n > 0 {
			return n, nil
		}
	}
}

// resume takes a broken download up again, or begins one, after a pause that
// grows. A file that tells no version of itself cannot be taken up: what came
// later might be of another one.
func (s *source) resume(why error) error {
	for s.resumable() && s.broken < maxResumes {
		s.broken++
		s.c.metrics.resumed.Inc()
		_ = s.body.Close()
		if err := sleep(s.ctx, s.c.ResumePause<<(s.broken-1)); err != nil {
			return err
		}
		if why = s.connect(); !errors.Is(why, errSource) {
			return why
		}
	}
	switch {
	case !s.resumable():
		return fmt.Errorf("%w: it broke off and cannot be taken up again: %w", errRubbish, why)
	case errors.Is(why, errSource):
		return why
	}
	return fmt.Errorf("%w: %w", errSource, why)
}

func (s *source) resumable() bool {
	return s.c.job.Sources[s.index].Key == "" && (s.at == 0 || s.validator != "")
}

// connect asks for the file from where we are; with a fresh link if the old
// one is no longer honored.
func (s *source) connect() error {
	err := s.request()
	if !expired(err) {
		return err
	}
	if err := s.c.refresh(s.ctx); err != nil {
		return err
	}
	if err = s.request(); expired(err) {
		return fmt.Errorf("%w: %w", errRubbish, err)
	}
	return err
}

// expired tells whether a link is refused for good.
func expired(err error) bool {
	e, ok := errors.AsType[*fetch.Error](err)
	if !ok {
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

// request makes one HTTP request for the rest of the file.
func (s *source) request() error {
	up, src := s.c.Upstreams[s.c.job.Spec.Upstream], s.c.job.Sources[s.index]
	authorize, err := s.c.authorize(s.ctx, up.Driver, src)
	if err != nil {
		return s.without(err)
	}
	resp, err := up.Media.Get(s.ctx, src.URL, fetch.Options{
		Offset: s.at, IfRange: s.validator, MaxBytes: s.c.Kinds[s.c.job.Spec.Kind].MaxBytes, Authorize: authorize,
	})
	switch {
	case errors.Is(err, fetch.ErrTooLarge), errors.Is(err, fetch.ErrForbidden):
		return s.without(fmt.Errorf("%w: %w", errGone, err))
	case err != nil:
		return s.without(fmt.Errorf("%w: %w", errSource, err))
	}
	s.body = resp.Body
	if s.at > 0 {
		return s.continues(resp)
	}
	s.total, s.validator = resp.TotalBytes, resp.Validator
	return nil
}

// authorize gives what puts the job's credential onto a request for a link, where
// the upstream gives out its media for that alone; nil for every other link.
func (c *copying) authorize(ctx context.Context, d upstream.Driver, src job.Source) (func(http.Header), error) {
	opener, ok := d.(upstream.Opener)
	if !ok || !opener.Guards(src) {
		return nil, nil //nolint:nilnil // no credential is an answer
	}
	acct, err := c.account(ctx, c.job.ID, c.job.Account, c.job.Spec.Upstream)
	if err != nil {
		return nil, err
	}
	return func(h http.Header) { opener.Authorize(acct, h) }, nil
}

// without leaves the source with nothing to read.
func (s *source) without(err error) error {
	s.body = io.NopCloser(bytes.NewReader(nil))
	return err
}

// continues checks that an answer is the rest of the same file, whatever the
// server made of our wish for that. One that ignores ranges sends it whole: what
// we have is then read past.
func (s *source) continues(resp *fetch.Response) error {
	switch {
	case resp.Validator != s.validator:
		return fmt.Errorf("%w: the file changed while it was fetched", errRubbish)
	case s.total >= 0 && resp.TotalBytes >= 0 && resp.TotalBytes != s.total:
		return fmt.Errorf("%w: the file had %d bytes and now has %d", errRubbish, s.total, resp.TotalBytes)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, s.at-resp.Offset); err != nil {
		return fmt.Errorf("%w: %w", errSource, err)
	}
	return nil
}

// refresh asks the upstream for the job's links again. Its error is errRubbish
// if there will never be others: the upstream gave them once, or no longer knows
// the job. Anything else may be tried again.
func (c *copying) refresh(ctx context.Context) error {
	if c.job.UpstreamID == "" {
		return fmt.Errorf("%w: the link is no longer honored and the upstream gives it once", errRubbish)
	}
	acct, err := c.account(ctx, c.job.ID, c.job.Account, c.job.Spec.Upstream)
	if err != nil {
		return err
	}
	status, err := c.Upstreams[c.job.Spec.Upstream].Driver.Status(ctx, acct, c.job.UpstreamID)
	switch {
	case err != nil && upstream.AsError(err).Class == upstream.Lost:
		return fmt.Errorf("%w: %w", errRubbish, err)
	case err != nil:
		return err
	case status.State != upstream.Ready || !sameRoles(status.Sources, c.job.Sources):
		return fmt.Errorf("%w: the upstream now says %q with %d files", errRubbish, status.State, len(status.Sources))
	}
	c.job.Sources = status.Sources
	return nil
}

// sameRoles tells whether fresh links stand for the same files.
func sameRoles(a, b []job.Source) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Role != b[i].Role {
			return false
		}
	}
	return true
}

// sleep pauses, or ends with the context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// putBytes writes a small object.
func putBytes(ctx context.Context, store blob.Store, key string, b []byte) error {
	_, err := store.Put(ctx, blob.PutRequest{
		Key: key, Body: bytes.NewReader(b), SizeBytes: int64(len(b)), ContentType: "application/octet-stream",
	})
	return err
}
