package app

import (
	"context"
	"fmt"
	"os"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/fileblob"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/config"
)

// openStorage opens the object store.
func openStorage(ctx context.Context, c *config.Config) (blob.Store, func(), error) {
	switch c.Storage.Driver {
	case config.DiskStorage:
		store, err := fileblob.Open(fileblob.Config{Dir: c.Storage.File.Dir})
		if err != nil {
			return nil, nil, err
		}
		return store, func() { _ = store.Close() }, nil
	case config.S3Storage:
	}
	s := c.Storage.S3
	var ca []byte
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, nil, fmt.Errorf("storage.s3.ca_file: %w", err)
		}
		ca = pem
	}
	store, err := s3blob.New(ctx, s3blob.Config{
		Endpoint: s.Endpoint, PublicEndpoint: s.PublicEndpoint, Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region,
		PathStyle: s.PathStyle, AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey.Reveal(),
		SessionToken: s.SessionToken.Reveal(), CA: ca, PlainUploads: s.PlainUploads, StallTimeout: c.Media.StallTimeout,
	})
	if err != nil {
		return nil, nil, err
	}
	return store, store.Close, nil
}
