//go:build minio

package s3blob_test

import (
	"testing"

	"github.com/tintypehq/tintype/internal/blob/blobtest"
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
