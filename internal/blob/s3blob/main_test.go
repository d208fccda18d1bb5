package s3blob_test

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a store in the server's bucket, below a prefix of its own.
func open(t *testing.T, server *testserver.S3Server, change func(*s3blob.Config)) *s3blob.Store {
	t.Helper()
	cfg := s3blob.Config{
		Endpoint: server.Endpoint, Bucket: server.Bucket, Region: server.Region, PathStyle: true,
		AccessKeyID: server.AccessKey, SecretAccessKey: server.SecretKey, CA: server.CA,
		Prefix: "tests/" + strings.NewReplacer(" ", "-", ",", "").Replace(t.Name()),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := s3blob.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}
