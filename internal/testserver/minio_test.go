//go:build minio

package testserver_test

import (
	"testing"

	"github.com/tintypehq/tintype/internal/testserver"
)

func TestMinIO(t *testing.T) {
	t.Parallel()
	exerciseS3(t, testserver.MinIO(t))
}
