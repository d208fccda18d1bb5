// Package fileblob keeps objects as files in a folder, for one machine: a
// laptop, the demo, a test. Several processes may use the folder at once.
//
//	DIR/{key}                 the bytes, as any program can open them
//	DIR/+meta/{key}/+{ident}  the content type of those very bytes
//	DIR/+tmp/…                uploads under way
//
// '+' is in no key, so nothing collides. A file becomes an object by a rename,
// after its bytes were synced to disk. Its content type is written before
// that, under a name made of the file's time and length: whatever the moment
// of a crash, a reader finds the type that belongs to the bytes, or none and
// then goes by the bytes. A file that somebody copied into DIR is an object
// too. No path leads out of DIR, symbolic links included.
//
// What must be new (PutNew) gets its name by a hard link, which the system
// refuses for a name that is taken; file systems without links cannot do it.
package fileblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"github.com/tintypehq/tintype/internal/blob"
)

const (
	tmpDir  = "+tmp"
	metaDir = "+meta"
)

// Config says where the objects are.
type Config struct {
	// Dir is the folder. It is made if it is missing, with access for the
	// owner alone.
	Dir string
}

// Store is a blob.Store in a folder. Make one with [Open].
type Store struct {
	root *os.Root
	last atomic.Int64 // time stamp of the last object, in ns since 1970
}

var _ blob.Store = (*Store)(nil)

// Open opens the folder. The caller closes the Store.
func Open(cfg Config) (*Store, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("storage.file.dir: %w", err)
	}
	root, err := os.OpenRoot(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("storage.file.dir: %w", err)
	}
	s := &Store{root: root}
	for _, dir := range []string{tmpDir, metaDir} {
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("storage.file.dir: %w", err), root.Close())
		}
	}
	return s, nil
}

// Close gives the folder back. Objects that are open stay readable.
func (s *Store) Close() error { return s.root.Close() }

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, key string, offset, length int64) (*blob.Reader, error) {
	f, obj, err := s.open(ctx, key)
	if err != nil {
		return nil, err
	}
	offset = max(offset, 0)
	rest := max(obj.SizeBytes-offset, 0)
	if length < 0 || length > rest {
		length = rest
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &blob.Reader{
		ReadCloser: struct {
			io.Reader
			io.Closer
		}{&reader{err: ctx.Err, from: io.LimitReader(f, length)}, f},
		Object: obj,
		File:   f,
	}, nil
}

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, key string) (blob.Object, error) {
	f, obj, err := s.open(ctx, key)
	if err != nil {
		return blob.Object{}, err
	}
	return obj, f.Close()
}

// open opens an object's file and reads what is known of it.
func (s *Store) open(ctx context.Context, key string) (*os.File, blob.Object, error) {
	if err := errors.Join(blob.CheckKey(key), ctx.Err()); err != nil {
		return nil, blob.Object{}, err
	}
	f, err := s.root.Open(key)
	if isMissing(err) {
		return nil, blob.Object{}, blob.ErrNotFound
	}
	if err != nil {
		return nil, blob.Object{}, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = blob.ErrNotFound // a folder on the way to other objects
	}
	if err != nil {
		return nil, blob.Object{}, errors.Join(err, f.Close())
	}
	return f, s.object(key, f, info), nil
}

func (s *Store) object(key string, f io.ReaderAt, info fs.FileInfo) blob.Object {
	obj := blob.Object{Key: key, SizeBytes: info.Size(), ETag: ident(info), ModTime: info.ModTime().UTC()}
	contentType, err := s.root.ReadFile(metaPath(key, obj.ETag))
	if err != nil { // copied here by hand, or replaced just now
		head := make([]byte, min(info.Size(), 3072))
		n, _ := f.ReadAt(head, 0)
		contentType = []byte(mimetype.Detect(head[:n]).String())
	}
	obj.ContentType = string(contentType)
	return obj
}

// ident tells one version of an object from another. Put takes care that no
// two files get the same time.
func ident(info fs.FileInfo) string {
	return strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36)
}

func metaPath(key, ident string) string { return path.Join(metaDir, key, "+"+ident) }

// isMissing reports that a path leads to nothing, be it that one of its
// folders is a file.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := errors.Join(blob.CheckKey(key), ctx.Err()); err != nil {
		return err
	}
	if info, err := s.root.Lstat(key); err == nil && info.IsDir() {
		return nil // not an object
	}
	if err := s.root.Remove(key); err != nil && !isMissing(err) {
		return err
	}
	if err := s.root.RemoveAll(path.Join(metaDir, key)); err != nil {
		return err
	}
	s.prune(key)
	s.prune(path.Join(metaDir, key))
	return nil
}

// prune removes the folders above a removed file that are empty now. It stops
// at the first that is not, and a Put that lost its folder makes it again.
func (s *Store) prune(name string) {
	for dir := path.Dir(name); dir != "." && dir != metaDir; dir = path.Dir(dir) {
		if s.root.Remove(dir) != nil {
			return
		}
	}
}

// Keys implements blob.Store.
func (s *Store) Keys(ctx context.Context, dir string) ([]string, error) {
	if err := errors.Join(blob.CheckDir(dir), ctx.Err()); err != nil {
		return nil, err
	}
	var keys []string
	top := path.Clean(dir)
	err := fs.WalkDir(s.root.FS(), top, func(name string, e fs.DirEntry, err error) error {
		switch {
		case isMissing(err):
			return nil // it has just gone
		case err != nil:
			return err
		case e.Type().IsRegular() && name != top: // an object is no folder
			keys = append(keys, name)
		}
		return ctx.Err()
	})
	return keys, err
}

// Sweep implements blob.Store. An upload counts from its last byte.
func (s *Store) Sweep(ctx context.Context, age time.Duration) (int, error) {
	entries, err := fs.ReadDir(s.root.FS(), tmpDir)
	if err != nil {
		return 0, err
	}
	removed := 0
	before := time.Now().Add(-age)
	for _, e := range entries {
		if ctx.Err() != nil {
			return removed, ctx.Err()
		}
		info, err := e.Info()
		if err != nil || info.ModTime().After(before) {
			continue // gone, or young
		}
		if s.root.Remove(path.Join(tmpDir, e.Name())) == nil {
			removed++
		}
	}
	return removed, nil
}

// reader ends when its context does.
type reader struct {
	err  func() error
	from io.Reader
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}
