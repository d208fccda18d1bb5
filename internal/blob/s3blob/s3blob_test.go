package s3blob_test

import (
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/blobtest"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/testserver"
)

func run(t *testing.T, server *testserver.S3Server, change func(*s3blob.Config), traits blobtest.Traits) {
	t.Helper()
	blobtest.Run(t, func(t *testing.T) blob.Store {
		t.Helper()
		return open(t, server, func(cfg *s3blob.Config) {
			cfg.Prefix = "suite/" + strings.ReplaceAll(t.Name(), " ", "-")
			if change != nil {
				change(cfg)
			}
		})
	}, traits)
}

func TestVersity(t *testing.T) {
	t.Parallel()
	run(t, testserver.Versity(t), nil, blobtest.Traits{})
}

func TestVersityPlainUploads(t *testing.T) {
	t.Parallel()
	run(t, testserver.Versity(t), func(cfg *s3blob.Config) { cfg.PlainUploads = true }, blobtest.Traits{})
}
