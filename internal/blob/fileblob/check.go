package fileblob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/tintypehq/tintype/internal/blob"
)

// Check implements blob.Store.
func (s *Store) Check(ctx context.Context) error {
	if err := s.probe(ctx); err != nil {
		return fmt.Errorf("storage.file.dir %s cannot be used: %w", s.root.Name(), err)
	}
	return nil
}

func (s *Store) probe(ctx context.Context) error {
	key, want := ".check/"+rand.Text(), []byte("tintype")
	_, err := s.Put(ctx, blob.PutRequest{Key: key, Body: bytes.NewReader(want), SizeBytes: int64(len(want))})
	if err != nil {
		return err
	}
	r, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r)
	if err == nil && !bytes.Equal(got, want) {
		err = blob.ErrCorrupt
	}
	return errors.Join(err, r.Close(), s.Delete(ctx, key))
}
