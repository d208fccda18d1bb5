package s3blob

import (
	"context"
	"errors"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"

	"github.com/tintypehq/tintype/internal/blob"
)

// cleanUp is how long a failed Put may go on to leave nothing behind, though
// its caller has left.
const cleanUp = 15 * time.Second

// discard removes an object that is not what was sent, and returns ErrCorrupt.
func (s *Store) discard(ctx context.Context, key, etag string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	held, err := s.Stat(ctx, key)
	if err == nil && held.ETag == etag { // else it is another Put's by now
		err = s.Delete(ctx, key)
	}
	if errors.Is(err, blob.ErrNotFound) {
		err = nil
	}
	return errors.Join(blob.ErrCorrupt, err)
}

// clear removes what a plain upload that broke off may have left: some servers
// make an object of the bytes that came. It shows only when the server has
// noticed that the connection is gone, so clear looks more than once.
func (s *Store) clear(ctx context.Context, req blob.PutRequest, sent *sums) {
	sent.stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	for _, wait := range []time.Duration{0, 50 * time.Millisecond, 200 * time.Millisecond, time.Second} {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		if broken, err := s.isBroken(ctx, req, sent); err == nil && broken {
			_ = s.Delete(ctx, req.Key)
			return
		}
	}
}

// isBroken reports whether the key holds a part of what was sent. An object of
// the full length is none, nor is one from before: by the store's own clock,
// since its dates and ours may differ.
func (s *Store) isBroken(ctx context.Context, req blob.PutRequest, sent *sums) (bool, error) {
	held, head, err := s.head(ctx, req.Key)
	if err != nil {
		return false, err
	}
	now, ok := awsmiddleware.GetServerTime(head.ResultMetadata)
	if !ok {
		return false, errors.New("s3blob: the store tells no time")
	}
	young := now.Sub(held.ModTime) <= time.Since(sent.began)+2*time.Second
	return young && held.SizeBytes < req.SizeBytes && held.SizeBytes <= sent.size && held.ContentType == req.ContentType, nil
}
