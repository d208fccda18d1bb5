package s3blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
)

// Check implements blob.Store. It takes the way of a body that flows, and asks
// for everything that the credentials must allow.
func (s *Store) Check(ctx context.Context) error {
	s = s.impatient
	key := ".check/" + rand.Text()
	steps := []func(context.Context, string) error{
		s.checkMissing, s.checkWrite, s.checkRead, s.checkLink, s.checkSweep, s.Delete, s.checkMissing,
	}
	var unproven error
	for i, step := range steps {
		err := step(ctx, key)
		if errors.Is(err, blob.ErrUnproven) && ctx.Err() == nil {
			unproven = err
			continue
		}
		if err == nil {
			continue
		}
		if i > 0 { // before that nothing was written
			s.removeProbe(ctx, key)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, told := errors.AsType[*settingError](err); told {
			return err
		}
		return s.cfg.advise(err)
	}
	return unproven
}

// removeProbe leaves nothing behind, also where the time for the check is over: no
// expiry rule is for probes.
func (s *Store) removeProbe(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.Delete(ctx, key)
}

// settingError is an error that already names its setting.
type settingError struct{ text string }

func (e *settingError) Error() string { return e.text }

// unprovenError is blob.ErrUnproven with the setting.
type unprovenError struct{ text string }

func (e *unprovenError) Error() string        { return e.text }
func (e *unprovenError) Is(target error) bool { return target == blob.ErrUnproven }

var probe = []byte("tintype writes, reads and deletes this object when it starts")

// checkMissing asks for an object that is not there. Without the right to list
// the bucket S3 answers 403, and a missing object could not be told from a
// forbidden one.
func (s *Store) checkMissing(ctx context.Context, key string) error {
	r, err := s.Open(ctx, key, 0, -1)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	_ = r.Close()
	return &settingError{fmt.Sprintf("storage.s3.endpoint: %s is no S3 store: it has an object that nobody wrote", s.cfg.Endpoint)}
}

func (s *Store) checkWrite(ctx context.Context, key string) error {
	req := blob.PutRequest{Key: key, SizeBytes: int64(len(probe)), ContentType: "text/plain"}
	_, err := s.putStream(ctx, req, bytes.NewReader(probe))
	return err
}

func (s *Store) checkRead(ctx context.Context, key string) error {
	r, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(got, probe) {
		err = blob.ErrCorrupt
	}
	return errors.Join(err, r.Close())
}

// checkLink opens a link as a caller would, if callers have an endpoint of
// their own.
func (s *Store) checkLink(ctx context.Context, key string) error {
	if s.cfg.PublicEndpoint == s.cfg.Endpoint {
		return nil
	}
	link, err := s.Presign(ctx, key, "", time.Minute)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, linkPatience(ctx))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return &settingError{"storage.s3.public_endpoint: is not a URL"}
	}
	resp, err := (&http.Client{Transport: s.transport}).Do(req)
	if err != nil { // its text has the link in it
		return &unprovenError{fmt.Sprintf("storage.s3.public_endpoint: %s cannot be reached from here, so it is not known whether callers can open signed links there; with media.delivery proxy they need not", s.cfg.PublicEndpoint)}
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(resp.Body, int64(len(probe))+1))
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(got, probe) {
		return &settingError{fmt.Sprintf("storage.s3.public_endpoint: %s is not the same store, or a proxy there changes the host name: a signed link was answered with status %d",
			s.cfg.PublicEndpoint, resp.StatusCode)}
	}
	return nil
}

// linkPatience leaves half of the time to what comes after the link: an endpoint that
// swallows packets, as where a network policy is in the way, proves nothing, and must
// not look like a bucket that is away.
func linkPatience(ctx context.Context) time.Duration {
	const most = 5 * time.Second
	if end, ok := ctx.Deadline(); ok {
		return min(most, time.Until(end)/2)
	}
	return most
}

// checkSweep asks for uploads of an age that none has.
func (s *Store) checkSweep(ctx context.Context, _ string) error {
	_, err := s.Sweep(ctx, 365*24*time.Hour)
	return err
}
