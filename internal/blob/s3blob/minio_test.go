//go:build minio

package s3blob_test

import (
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob/blobtest"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/testserver"
)

// MinIO lists an upload under way only to who asks for its very key. It clears
// them away by itself after a day.
var minio = blobtest.Traits{HidesUploads: true}

func TestMinIO(t *testing.T) {
	t.Parallel()
	run(t, testserver.MinIO(t), nil, minio)
}

func TestMinIOPlainUploads(t *testing.T) {
	t.Parallel()
	run(t, testserver.MinIO(t), plainUploads, minio)
}

func TestMinIOMistakes(t *testing.T) {
	t.Parallel()
	testMistakes(t, testserver.MinIO(t))
}

func TestMinIONoFramingIsKept(t *testing.T) {
	t.Parallel()
	testNoFramingIsKept(t, testserver.MinIO(t))
}

// MinIO has lifecycle rules, and takes none for unfinished uploads; it has no CORS
// rules of a bucket.
func TestMinIOInit(t *testing.T) {
	t.Parallel()
	s := open(t, testserver.MinIO(t), func(cfg *s3blob.Config) { cfg.Bucket = "a-new-bucket" })
	setUp(t, s, week, s3blob.Setup{Bucket: s3blob.DoneNow, Expiry: s3blob.DonePart, Pages: s3blob.Unsupported})
	setUp(t, s, week, s3blob.Setup{Bucket: s3blob.DoneBefore, Expiry: s3blob.DonePart, Pages: s3blob.Unsupported})
	if soon, err := s.TooSoon(t.Context(), week.Folders); err != nil || len(soon) > 0 {
		t.Errorf("what is as it was set is too soon: %v, %v", soon, err)
	}
	if soon, err := s.TooSoon(t.Context(), wishes(8*24*time.Hour+time.Second).Folders); err != nil || len(soon) != 2 || !soon[0].Ours || soon[0].Days != 8 {
		t.Errorf("rules of before: %+v, %v", soon, err)
	}
}
