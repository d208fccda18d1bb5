package s3blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/testserver"
)

func data(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// ways are the ways of an object into the store.
var ways = []struct {
	name  string
	size  int
	known bool
}{
	{"small", 10_000, true},
	{"flowing", 3 << 20, true},
	{"in parts", 20 << 20, false},
}

func put(ctx context.Context, s *s3blob.Store, key string, content []byte, known bool) (blob.Object, error) {
	size := blob.UnknownSize
	if known {
		size = int64(len(content))
	}
	return s.Put(ctx, blob.PutRequest{
		Key: key, Body: struct{ io.Reader }{bytes.NewReader(content)}, SizeBytes: size, ContentType: "video/mp4",
	})
}

func read(t *testing.T, s *s3blob.Store, key string) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

// absent checks that a key holds nothing.
func absent(t *testing.T, s *s3blob.Store, key string) {
	t.Helper()
	if obj, err := s.Stat(t.Context(), key); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the key holds %+v, %v", obj, err)
	}
}

// each runs a test with every way of writing, with checksums and without.
func each(t *testing.T, test func(t *testing.T, server *testserver.S3Server, plain, known bool, content []byte)) {
	t.Helper()
	server := testserver.Versity(t)
	for _, plain := range []bool{false, true} {
		for _, way := range ways {
			t.Run(fmt.Sprintf("%s, plain %v", way.name, plain), func(t *testing.T) {
				test(t, server, plain, way.known, data(way.size))
			})
		}
	}
}

// TestDamageOnTheWay changes a bit of the body between us and the store.
func TestDamageOnTheWay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, server *testserver.S3Server, plain, known bool, content []byte) {
		endpoint := proxy{request: func(r *http.Request) {
			if r.Method == http.MethodPut {
				r.Body = flip(r.Body, int64(len(content)/5))
			}
		}}.start(t, server)
		s := open(t, server, func(cfg *s3blob.Config) { cfg.Endpoint, cfg.PlainUploads = endpoint, plain })
		if obj, err := put(t.Context(), s, "key", content, known); err == nil {
			t.Errorf("believed: %+v", obj)
		}
		absent(t, s, "key")
	})
}

// TestStoreWithoutChecksums has a store that shows no checksum, and no MD5 as
// its ETag: what is left is the length.
func TestStoreWithoutChecksums(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, server *testserver.S3Server, plain, known bool, content []byte) {
		endpoint := proxy{response: func(r *http.Response) {
			r.Header.Del("X-Amz-Checksum-Crc32")
			r.Header.Del("X-Amz-Checksum-Type")
			if etag := r.Header.Get("ETag"); etag != "" && r.Request.URL.Query().Get("partNumber") == "" {
				r.Header.Set("ETag", strings.Replace(etag, `"`, `"opaque-`, 1))
			}
		}}.start(t, server)
		s := open(t, server, func(cfg *s3blob.Config) { cfg.Endpoint, cfg.PlainUploads = endpoint, plain })
		if _, err := put(t.Context(), s, "key", content, known); err != nil {
			t.Fatal(err)
		}
		if obj, err := s.Stat(t.Context(), "key"); err != nil || obj.SizeBytes != int64(len(content)) {
			t.Errorf("%+v, %v", obj, err)
		}
	})
}

// TestStoreThatKeepsNothing has a store that takes bodies and forgets them.
func TestStoreThatKeepsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, server *testserver.S3Server, plain, known bool, content []byte) {
		forgetful := false
		endpoint := proxy{answer: func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPut || !forgetful {
				return false
			}
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("ETag", `"new"`)
			return true
		}}.start(t, server)
		s := open(t, server, func(cfg *s3blob.Config) { cfg.Endpoint, cfg.PlainUploads = endpoint, plain })
		if _, err := put(t.Context(), s, "replaced", content, known); err != nil {
			t.Fatal(err)
		}
		forgetful = true
		for _, key := range []string{"new", "replaced"} {
			if obj, err := put(t.Context(), s, key, content, known); err == nil {
				t.Errorf("%s: believed: %+v", key, obj)
			}
		}
		if obj, err := s.Stat(t.Context(), "replaced"); err != nil || obj.SizeBytes != int64(len(content)) {
			t.Errorf("the old object: %+v, %v", obj, err)
		}
	})
}

// TestCutConnection cuts each connection in the middle of a body. Parts are in
// memory, so that they can be sent again.
func TestCutConnection(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, server *testserver.S3Server, plain, known bool, content []byte) {
		endpoint := wire(t, server, int64(len(content)/2), func(client net.Conn) { _ = client.Close() })
		broken := open(t, server, func(cfg *s3blob.Config) { cfg.Endpoint, cfg.PlainUploads = endpoint, plain })
		s := open(t, server, nil)
		if _, err := put(t.Context(), broken, "key", content, known); err != nil {
			absent(t, s, "key")
			return
		}
		if known {
			t.Error("believed though the body never arrived")
		}
		if got := read(t, s, "key"); !bytes.Equal(got, content) {
			t.Errorf("%d bytes, want %d", len(got), len(content))
		}
	})
}

// TestStall has a store that takes no more bytes. The body waits for the
// store, so the Put must end by itself.
func TestStall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, server *testserver.S3Server, plain, known bool, content []byte) {
		gone := make(chan struct{})
		t.Cleanup(func() { close(gone) })
		endpoint := wire(t, server, int64(len(content)/2), func(net.Conn) { <-gone })
		s := open(t, server, func(cfg *s3blob.Config) {
			cfg.Endpoint, cfg.PlainUploads = endpoint, plain
			cfg.StallTimeout, cfg.AnswerTimeout = 200*time.Millisecond, 400*time.Millisecond
		})
		if obj, err := put(t.Context(), s, "key", content, known); err == nil {
			t.Errorf("believed: %+v", obj)
		}
	})
}

// TestSlowSourceIsNoStall has a body that takes longer than the store may.
func TestSlowSourceIsNoStall(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	for _, known := range []bool{true, false} {
		s := open(t, server, func(cfg *s3blob.Config) { cfg.StallTimeout = 3 * time.Second }) // a busy store is no stall either
		content := data(9 << 20)
		half := len(content) - 1000
		size := int64(len(content))
		if !known {
			size = blob.UnknownSize
		}
		body := io.MultiReader(bytes.NewReader(content[:half]), &pause{6 * time.Second}, bytes.NewReader(content[half:]))
		if _, err := s.Put(t.Context(), blob.PutRequest{Key: "slow", Body: body, SizeBytes: size}); err != nil {
			t.Errorf("known %v: %v", known, err)
		}
	}
}

// pause is a reader that gives nothing, after a while.
type pause struct{ d time.Duration }

func (p *pause) Read([]byte) (int, error) {
	<-time.After(p.d)
	return 0, io.EOF
}

// TestDownloadStall has a store that stops in the middle of an object.
func TestDownloadStall(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	content := data(1 << 20)
	if _, err := put(t.Context(), open(t, server, nil), "key", content, true); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	endpoint := proxy{response: func(r *http.Response) {
		if r.Request.Method == http.MethodGet {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(r.Body, 1000), &hold{over}), r.Body}
		}
	}}.start(t, server)
	t.Cleanup(func() { close(over) })
	s := open(t, server, func(cfg *s3blob.Config) { cfg.Endpoint, cfg.StallTimeout = endpoint, 2*time.Second })
	r, err := s.Open(t.Context(), "key", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	_ = r.Close()
	if err == nil || !strings.Contains(err.Error(), "no progress") || n != 1000 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// hold is a reader that gives nothing until the test is over.
type hold struct{ over <-chan struct{} }

func (h *hold) Read([]byte) (int, error) {
	<-h.over
	return 0, io.EOF
}
