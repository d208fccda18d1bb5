package s3blob

import (
	"context"
	"fmt"
	"mime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tintypehq/tintype/internal/blob"
)

// maxTTL is the longest life that S3 gives a signed link.
const maxTTL = 7 * 24 * time.Hour

// Presign implements blob.Presigner. Times are cut to whole seconds. A link
// that is signed with temporary credentials ends with them.
func (s *Store) Presign(ctx context.Context, key, filename string, ttl time.Duration) (string, error) {
	if err := blob.CheckKey(key); err != nil {
		return "", err
	}
	if ttl < time.Second || ttl > maxTTL {
		return "", fmt.Errorf("s3blob: a link for %v; allowed are 1 second to 7 days", ttl)
	}
	in := &s3.GetObjectInput{Bucket: &s.cfg.Bucket, Key: s.name(key)}
	if filename != "" {
		in.ResponseContentDisposition = aws.String(mime.FormatMediaType("inline", map[string]string{"filename": filename}))
	}
	signed, err := s.links.PresignGetObject(ctx, in, s3.WithPresignExpires(ttl.Truncate(time.Second)))
	if err != nil {
		return "", explain(ctx, "presign", err)
	}
	return signed.URL, nil
}
