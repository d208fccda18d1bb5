package s3blob

import (
	"context"
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5; nothing secret depends on it
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tintypehq/tintype/internal/blob"
)

// sums are length and checksums of the bytes that were sent.
type sums struct {
	mu      sync.Mutex
	stopped bool
	began   time.Time
	size    int64
	crc32   hash.Hash32
	md5     hash.Hash // nil unless asked for
}

func newSums(withMD5 bool) *sums {
	s := &sums{began: time.Now(), crc32: crc32.NewIEEE()}
	if withMD5 {
		s.md5 = md5.New() //nolint:gosec // see the import
	}
	return s
}

// sumsOf gives the sums of bytes in memory, without the MD5.
func sumsOf(b []byte) *sums {
	s := newSums(false)
	_, _ = s.Write(b)
	return s
}

// addMD5 adds the MD5 of bytes in memory, for stores that show no CRC-32.
func (s *sums) addMD5(b []byte) {
	s.md5 = md5.New() //nolint:gosec // see the import
	_, _ = s.md5.Write(b)
}

// Write implements io.Writer.
func (s *sums) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped { // the transport reads on while Put returns
		return len(p), nil
	}
	s.size += int64(len(p))
	_, _ = s.crc32.Write(p)
	if s.md5 != nil {
		_, _ = s.md5.Write(p)
	}
	return len(p), nil
}

// stop leaves the sums as they are.
func (s *sums) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// crc gives the checksum as S3 writes it.
func (s *sums) crc() *string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return aws.String(base64.StdEncoding.EncodeToString(s.crc32.Sum(nil)))
}

// isMD5 reports whether an ETag is the MD5 of the sent bytes. known is false
// if it cannot be one, or we have none.
func (s *sums) isMD5(etag *string) (same, known bool) {
	plain := strings.Trim(text(etag), `"`)
	if s.md5 == nil || len(plain) != 2*md5.Size || strings.Trim(plain, "0123456789abcdef") != "" {
		return false, false
	}
	return plain == hex.EncodeToString(s.md5.Sum(nil)), true
}

// confirm believes a PutObject whose answer shows the checksum of what was
// sent. Only if it shows none it looks at the object: an answer belongs to
// this Put alone, the object may be another Put's by now.
func (s *Store) confirm(ctx context.Context, key string, out *s3.PutObjectOutput, sent *sums) (blob.Object, error) {
	obj := blob.Object{SizeBytes: sent.size, ETag: text(out.ETag), ModTime: time.Now().UTC()}
	if at, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
		obj.ModTime = at.UTC()
	}
	encrypted := out.SSECustomerAlgorithm != nil ||
		out.ServerSideEncryption == types.ServerSideEncryptionAwsKms ||
		out.ServerSideEncryption == types.ServerSideEncryptionAwsKmsDsse
	same, known := sent.isMD5(out.ETag)
	switch {
	case out.ChecksumCRC32 != nil:
		same = text(out.ChecksumCRC32) == *sent.crc()
	case known && !encrypted: // an encrypted object's ETag is no MD5 though it looks like one
	default:
		return obj, s.inspect(ctx, key, obj, sent)
	}
	if !same {
		return obj, s.discard(ctx, key, text(out.ETag))
	}
	return obj, nil
}

// inspect compares the stored object with what was sent, by its length and by
// its checksum if the store tells one.
func (s *Store) inspect(ctx context.Context, key string, put blob.Object, sent *sums) error {
	held, head, err := s.head(ctx, key)
	switch {
	case err != nil:
		return fmt.Errorf("look at what was written: %w", err)
	case held.ETag != put.ETag:
		return errors.New("s3blob: the object was replaced before it could be compared")
	case held.SizeBytes != sent.size, head.ChecksumCRC32 != nil && text(head.ChecksumCRC32) != *sent.crc():
		return s.discard(ctx, key, put.ETag)
	}
	return nil
}
