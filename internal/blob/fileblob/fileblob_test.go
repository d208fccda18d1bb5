package fileblob_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/blobtest"
	"github.com/tintypehq/tintype/internal/blob/fileblob"
)

func open(t *testing.T, dir string) *fileblob.Store {
	t.Helper()
	s, err := fileblob.Open(fileblob.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, filepath.Join(t.TempDir(), "new", "folder")) }, blobtest.Traits{})
}

func put(t *testing.T, s blob.Store, key, content, contentType string) {
	t.Helper()
	_, err := s.Put(t.Context(), blob.PutRequest{
		Key: key, Body: strings.NewReader(content), SizeBytes: int64(len(content)), ContentType: contentType,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSurvivesReopening(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, open(t, dir), "a/b.mp4", "hello", "video/mp4")
	obj, err := open(t, dir).Stat(t.Context(), "a/b.mp4")
	if err != nil || obj.ContentType != "video/mp4" || obj.SizeBytes != 5 {
		t.Errorf("%+v, %v", obj, err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "a", "b.mp4")); err != nil || string(b) != "hello" {
		t.Errorf("the file itself: %q, %v", b, err)
	}
}

func TestFilesFromOutside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "copied"), []byte("\x89PNG\r\n\x1a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if obj, err := s.Stat(t.Context(), "copied"); err != nil || obj.ContentType != "image/png" {
		t.Errorf("a copied file: %+v, %v", obj, err)
	}
	put(t, s, "changed", "before", "video/mp4")
	if err := os.WriteFile(filepath.Join(dir, "changed"), []byte("<!DOCTYPE html><html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if obj, err := s.Stat(t.Context(), "changed"); err != nil || !strings.HasPrefix(obj.ContentType, "text/html") {
		t.Errorf("a changed file keeps another's type: %+v, %v", obj, err)
	}
}

func TestNoWayOut(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	s := open(t, dir)
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Open(t.Context(), "link/secret", 0, -1); err == nil {
		t.Errorf("read through a symbolic link: %+v", r.Object)
	}
	_, err := s.Put(t.Context(), blob.PutRequest{Key: "link/new", Body: bytes.NewReader(nil), SizeBytes: 0})
	if err == nil {
		t.Error("wrote through a symbolic link")
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for range 3 {
		put(t, s, "a/b/c", "x", "text/plain")
	}
	for _, want := range []error{nil, blob.ErrExists} {
		if err := s.PutNew(t.Context(), "a/b/new", []byte("x")); !errors.Is(err, want) {
			t.Fatalf("PutNew: %v, want %v", err, want)
		}
	}
	if known, err := os.ReadDir(filepath.Join(dir, "+meta", "a", "b", "new")); err != nil || len(known) != 1 {
		t.Errorf("of one object this is known: %v, %v", known, err)
	}
	for _, key := range []string{"a/b/c", "a/b/new"} {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Put(t.Context(), blob.PutRequest{Key: "a/b/c", Body: strings.NewReader("x"), SizeBytes: 2})
	if !errors.Is(err, blob.ErrSize) {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if path != dir && path != filepath.Join(dir, "+tmp") && path != filepath.Join(dir, "+meta") {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSweepOfADeadProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	left := filepath.Join(dir, "+tmp", "LEFT")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(left, old, old); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), 3*time.Hour); n != 0 || err != nil {
		t.Errorf("too young: swept %d, %v", n, err)
	}
	if n, err := s.Sweep(t.Context(), time.Hour); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
}

func TestErrorsNameTheSetting(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fileblob.Open(fileblob.Config{Dir: file}); err == nil || !strings.Contains(err.Error(), "storage.file.dir") {
		t.Errorf("a file in the folder's place: %v", err)
	}
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.RemoveAll(filepath.Join(dir, "+tmp")); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "storage.file.dir") {
		t.Errorf("without its folders: %v", err)
	}
}
