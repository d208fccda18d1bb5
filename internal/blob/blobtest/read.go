package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
)

func testRoundTrip(t *testing.T, s blob.Store) {
	for _, known := range []bool{true, false} {
		for _, size := range []int{0, 1, 100_000, aPart - 1, aPart, aPart + 1, 2*aPart + 12345} {
			t.Run(fmt.Sprintf("%d bytes, known %v", size, known), func(t *testing.T) {
				key := fmt.Sprintf("round/trip-%v/%d.bin", known, size)
				content := data(size, 1)
				announced := blob.UnknownSize
				if known {
					announced = int64(size)
				}
				obj, err := s.Put(t.Context(), blob.PutRequest{
					Key: key, Body: onlyReader{bytes.NewReader(content)}, SizeBytes: announced, ContentType: "video/mp4",
				})
				if err != nil {
					t.Fatal(err)
				}
				b, opened := get(t, s, key, 0, -1)
				if !bytes.Equal(b, content) {
					t.Errorf("read %d bytes that are not the %d written", len(b), size)
				}
				stat, err := s.Stat(t.Context(), key)
				if err != nil {
					t.Fatal(err)
				}
				for name, o := range map[string]blob.Object{"Put": obj, "Open": opened, "Stat": stat} {
					if o.Key != key || o.SizeBytes != int64(size) || o.ContentType != "video/mp4" || o.ETag == "" || o.ETag != stat.ETag {
						t.Errorf("%s tells %+v", name, o)
					}
				}
				if age := time.Since(stat.ModTime); age < -time.Minute || age > time.Minute || stat.ModTime.Location() != time.UTC {
					t.Errorf("ModTime %v", stat.ModTime)
				}
			})
		}
	}
}

func testContentType(t *testing.T, s blob.Store) {
	for i, want := range []string{"image/png", "text/html; charset=utf-8", "application/x-tintype+json"} {
		key := fmt.Sprintf("types/%d", i)
		put(t, s, key, []byte("<html>"), want)
		if _, obj := get(t, s, key, 0, -1); obj.ContentType != want {
			t.Errorf("got %q, want %q", obj.ContentType, want)
		}
	}
}

func testRanges(t *testing.T, s blob.Store) {
	content := data(10_000, 2)
	put(t, s, "ranges", content, "image/png")
	put(t, s, "empty", nil, "image/png")
	tests := []struct {
		key            string
		offset, length int64
		want           []byte
	}{
		{"ranges", 0, -1, content},
		{"ranges", 0, 10, content[:10]},
		{"ranges", 5000, 1, content[5000:5001]},
		{"ranges", 5000, 100, content[5000:5100]},
		{"ranges", 5000, -1, content[5000:]},
		{"ranges", 9999, -1, content[9999:]},
		{"ranges", 9990, 100, content[9990:]},
		{"ranges", 0, 1 << 40, content},
		{"ranges", 0, 0, nil},
		{"ranges", 5000, 0, nil},
		{"ranges", 10_000, -1, nil},
		{"ranges", 10_000, 5, nil},
		{"ranges", 20_000, -1, nil},
		{"empty", 0, -1, nil},
		{"empty", 0, 5, nil},
		{"empty", 1, -1, nil},
	}
	for _, tt := range tests {
		b, obj := get(t, s, tt.key, tt.offset, tt.length)
		if !bytes.Equal(b, tt.want) {
			t.Errorf("%s from %d, %d bytes: got %d bytes, want %d", tt.key, tt.offset, tt.length, len(b), len(tt.want))
		}
		whole := int64(len(content))
		if tt.key == "empty" {
			whole = 0
		}
		if obj.SizeBytes != whole || obj.ContentType != "image/png" || obj.ETag == "" || obj.Key != tt.key {
			t.Errorf("%s from %d, %d bytes: the object is told as %+v", tt.key, tt.offset, tt.length, obj)
		}
	}
}

func testMissing(t *testing.T, s blob.Store) {
	put(t, s, "folder/object", []byte("x"), "text/plain")
	for _, key := range []string{"missing", "missing/too", "folder", "folder/object2", "folder/objec"} {
		for _, offset := range []int64{0, 5} {
			if r, err := s.Open(t.Context(), key, offset, -1); !errors.Is(err, blob.ErrNotFound) {
				t.Errorf("open %s: %v, %v", key, r, err)
			}
		}
		if obj, err := s.Stat(t.Context(), key); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("stat %s: %+v, %v", key, obj, err)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Errorf("delete %s: %v", key, err)
		}
	}
	if b, _ := get(t, s, "folder/object", 0, -1); string(b) != "x" {
		t.Errorf("the object beside holds %q", b)
	}
}

func testDeleteTwice(t *testing.T, s blob.Store) {
	put(t, s, "a/b/c", []byte("x"), "text/plain")
	put(t, s, "a/b/d", []byte("y"), "text/plain")
	for range 2 {
		if err := s.Delete(t.Context(), "a/b/c"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Stat(t.Context(), "a/b/c"); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("after Delete: %v", err)
		}
	}
	if b, _ := get(t, s, "a/b/d", 0, -1); string(b) != "y" {
		t.Errorf("the object beside holds %q", b)
	}
	put(t, s, "a/b/c", []byte("again"), "text/plain")
	if b, _ := get(t, s, "a/b/c", 0, -1); string(b) != "again" {
		t.Errorf("written again it holds %q", b)
	}
}

func testBadKeys(t *testing.T, s blob.Store) {
	for _, key := range []string{"", "/a", "a/", "a//b", "..", "../a", "a/../../b", "a/./b", "a b", "a\\b", "a\x00b", "ä", "a%2e", "~a"} {
		_, err := s.Put(t.Context(), blob.PutRequest{Key: key, Body: bytes.NewReader([]byte("x")), SizeBytes: 1})
		if !errors.Is(err, blob.ErrBadKey) {
			t.Errorf("put %q: %v", key, err)
		}
		if err := s.PutNew(t.Context(), key, []byte("x")); !errors.Is(err, blob.ErrBadKey) {
			t.Errorf("put new %q: %v", key, err)
		}
		if _, err := s.Open(t.Context(), key, 0, -1); !errors.Is(err, blob.ErrBadKey) {
			t.Errorf("open %q: %v", key, err)
		}
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, blob.ErrBadKey) {
			t.Errorf("stat %q: %v", key, err)
		}
		if err := s.Delete(t.Context(), key); !errors.Is(err, blob.ErrBadKey) {
			t.Errorf("delete %q: %v", key, err)
		}
		if p, ok := s.(blob.Presigner); ok {
			if _, err := p.Presign(t.Context(), key, "", time.Minute); !errors.Is(err, blob.ErrBadKey) {
				t.Errorf("presign %q: %v", key, err)
			}
		}
	}
}

func testCheck(t *testing.T, s blob.Store) {
	for range 2 {
		if err := s.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
