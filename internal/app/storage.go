package app

import (
	"context"

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
	store, err := s3blob.Open(ctx, s3blob.Config{
		Endpoint: s.Endpoint, PublicEndpoint: s.PublicEndpoint, Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region,
		PathStyle: s.PathStyle, AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken,
	})
	if err != nil {
		return nil, nil, err
	}
	return store, func() {}, nil
}
