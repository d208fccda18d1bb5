package fileblob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"syscall"

	"github.com/tintypehq/tintype/internal/blob"
)

// PutNew implements blob.Store. It returns when the file and the folders above
// it are on the disk. That an object is there already is told no earlier
// either: it may be this caller's own, of a try that broke off before that.
func (s *Store) PutNew(ctx context.Context, key string, content []byte) error {
	if err := errors.Join(blob.CheckKey(key), ctx.Err()); err != nil {
		return err
	}
	tmp := path.Join(tmpDir, rand.Text())
	obj, err := s.write(ctx, tmp, blob.PutRequest{
		Key: key, Body: bytes.NewReader(content), SizeBytes: int64(len(content)), ContentType: "application/octet-stream",
	})
	if err == nil {
		err = s.publish(tmp, obj, s.root.Link)
	}
	_ = s.root.Remove(tmp) // a linked file has its other name now
	switch {
	case errors.Is(err, fs.ErrExist):
		return errors.Join(blob.ErrExists, s.syncPath(path.Dir(key)))
	case errors.Is(err, syscall.EPERM), errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%w: its file system has no hard links: %w", blob.ErrNoPutNew, err)
	case err != nil:
		return err
	}
	return s.syncPath(path.Dir(key))
}

// syncPath makes a folder and those above it last, which may be as new as what
// was put there.
func (s *Store) syncPath(dir string) error {
	for ; ; dir = path.Dir(dir) {
		if err := s.syncDir(dir); err != nil || dir == "." {
			return err
		}
	}
}
