package s3blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/tintypehq/tintype/internal/blob"
)

// conflictPauses are between the tries of a PutNew that S3 answered with 409:
// others wrote the same key at the same moment, and nobody may have won.
var conflictPauses = []time.Duration{
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond,
}

// PutNew implements blob.Store, by a PutObject with "If-None-Match: *".
func (s *Store) PutNew(ctx context.Context, key string, content []byte) error {
	if err := errors.Join(blob.CheckKey(key), ctx.Err()); err != nil {
		return err
	}
	err := s.putNew(ctx, key, content)
	for _, pause := range conflictPauses {
		if !isConflict(err) {
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		err = s.putNew(ctx, key, content)
	}
	switch {
	case code(err) == "PreconditionFailed", status(err) == http.StatusPreconditionFailed:
		return blob.ErrExists
	case code(err) == "NotImplemented", status(err) == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", blob.ErrNoPutNew, err)
	}
	return explain(ctx, "put new", err)
}

// isConflict is S3's answer to writers that met.
func isConflict(err error) bool {
	c := code(err)
	return c == "ConditionalRequestConflict" || c == "OperationAborted"
}

// putNew makes one request. The SDK may repeat it; the second one then meets
// what the first has written. An object that is damaged is left where it is: no
// Delete can be sure to meet this one and not the next.
func (s *Store) putNew(ctx context.Context, key string, content []byte) error {
	in := s.putInput(blob.PutRequest{Key: key, ContentType: "application/octet-stream"}, int64(len(content)))
	in.IfNoneMatch = aws.String("*")
	sum := sumsOf(content).crc()
	if !s.cfg.PlainUploads {
		in.ChecksumCRC32 = sum
	}
	sending, pulse := s.pulse(ctx)
	defer pulse.stop()
	in.Body = &heldBody{Reader: bytes.NewReader(content), pulse: pulse}
	out, err := s.client.PutObject(sending, in)
	if err != nil {
		return pulse.explain(err)
	}
	if out.ChecksumCRC32 != nil && *out.ChecksumCRC32 == *sum {
		return nil
	}
	same, err := blob.Holds(ctx, s, key, content) // the store shows no checksum
	if err == nil && !same {
		err = blob.ErrCorrupt
	}
	return err
}
