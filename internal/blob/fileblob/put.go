package fileblob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
)

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, req blob.PutRequest) (blob.Object, error) {
	if err := errors.Join(blob.CheckKey(req.Key), ctx.Err()); err != nil {
		return blob.Object{}, err
	}
	tmp := path.Join(tmpDir, rand.Text())
	obj, err := s.write(ctx, tmp, req)
	if err == nil {
		err = s.publish(tmp, obj, s.root.Rename)
	}
	if err == nil {
		err = s.syncDir(path.Dir(obj.Key))
	}
	if err != nil {
		_ = s.root.Remove(tmp) // Sweep has another look
		return blob.Object{}, err
	}
	return obj, nil
}

// write puts the body into a temporary file and onto the disk.
func (s *Store) write(ctx context.Context, tmp string, req blob.PutRequest) (blob.Object, error) {
	f, err := s.root.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return blob.Object{}, err
	}
	n, err := io.Copy(f, &reader{err: ctx.Err, from: blob.Exact(req.Body, req.SizeBytes)})
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return blob.Object{}, err
	}
	stamp := s.stamp()
	if err := s.root.Chtimes(tmp, stamp, stamp); err != nil {
		return blob.Object{}, err
	}
	info, err := s.root.Stat(tmp)
	if err != nil {
		return blob.Object{}, err
	}
	if info.Size() != n {
		return blob.Object{}, blob.ErrCorrupt
	}
	return blob.Object{
		Key: req.Key, SizeBytes: n, ContentType: req.ContentType,
		ETag: ident(info), ModTime: info.ModTime().UTC(),
	}, nil
}

// stamp gives the time, later than that of every object before it.
func (s *Store) stamp() time.Time {
	for {
		last := s.last.Load()
		next := max(time.Now().UnixNano(), last+1)
		if s.last.CompareAndSwap(last, next) {
			return time.Unix(0, next)
		}
	}
}

// publish makes the temporary file the object: first what is known of it, then
// its name, all at once. A rename replaces what was there, a link does not.
func (s *Store) publish(tmp string, obj blob.Object, name func(from, to string) error) error {
	var err error
	for range 10 { // a Delete nearby may take an empty folder away again
		if err = s.tryPublish(tmp, obj, name); !isMissing(err) {
			break
		}
		if _, gone := s.root.Lstat(tmp); gone != nil {
			return fmt.Errorf("the upload was swept away: %w", gone)
		}
	}
	if err != nil {
		return err
	}
	s.forget(obj)
	return nil
}

func (s *Store) tryPublish(tmp string, obj blob.Object, name func(from, to string) error) error {
	meta := metaPath(obj.Key, obj.ETag)
	if err := s.root.MkdirAll(path.Dir(meta), 0o700); err != nil {
		return err
	}
	if err := s.root.WriteFile(meta, []byte(obj.ContentType), 0o600); err != nil {
		return err
	}
	if err := s.root.MkdirAll(path.Dir(obj.Key), 0o700); err != nil {
		return err
	}
	if err := name(tmp, obj.Key); err != nil {
		return errors.Join(err, s.root.Remove(meta))
	}
	return nil
}

// forget removes what was known of earlier versions, but not of one so young
// that another Put may be about to publish it. Nothing depends on it.
func (s *Store) forget(obj blob.Object) {
	dir, err := s.root.Open(path.Dir(metaPath(obj.Key, obj.ETag)))
	if err != nil {
		return
	}
	names, _ := dir.Readdirnames(-1)
	_ = dir.Close()
	for _, name := range names {
		if old, ok := strings.CutPrefix(name, "+"); ok && older(old, obj.ModTime.Add(-time.Minute)) {
			_ = s.root.Remove(metaPath(obj.Key, old))
		}
	}
}

// older reports whether an ident is of a time before.
func older(ident string, before time.Time) bool {
	stamp, _, _ := strings.Cut(ident, "-")
	ns, err := strconv.ParseInt(stamp, 36, 64)
	return err == nil && ns < before.UnixNano()
}

// syncDir makes a rename in a folder last.
func (s *Store) syncDir(name string) error {
	dir, err := s.root.Open(name)
	if isMissing(err) {
		return nil // the object was deleted again
	}
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
