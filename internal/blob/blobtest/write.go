package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
)

func testReplace(t *testing.T, s blob.Store) {
	first := put(t, s, "key", []byte("first"), "text/plain")
	second := put(t, s, "key", []byte("other"), "image/png") // of the same length
	b, obj := get(t, s, "key", 0, -1)
	if string(b) != "other" || obj.ContentType != "image/png" || obj.ETag != second.ETag || first.ETag == second.ETag {
		t.Errorf("%q, %+v after %+v", b, obj, first)
	}
	put(t, s, "key", data(100_000, 3), "image/png")
	put(t, s, "key", []byte("short"), "text/plain")
	if b, _ := get(t, s, "key", 0, -1); string(b) != "short" {
		t.Errorf("%d bytes", len(b))
	}
}

// failure is a Put that must fail.
type failure struct {
	name      string
	body      func() io.Reader
	announced int64
	want      error
}

// testFailures runs Puts that fail, each on a new key and over an object.
func testFailures(t *testing.T, s blob.Store, failures []failure) {
	t.Helper()
	before := map[string][]byte{}
	for i, tt := range failures {
		for _, old := range [][]byte{nil, data(70_000, 9)} {
			key := fmt.Sprintf("fails/%d/%d", i, len(old))
			before[key] = old
			if old != nil {
				put(t, s, key, old, "image/png")
			}
			obj, err := s.Put(t.Context(), blob.PutRequest{
				Key: key, Body: tt.body(), SizeBytes: tt.announced, ContentType: "video/mp4",
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("%s, before %d bytes: got %+v, %v; want %v", tt.name, len(old), obj, err, tt.want)
			}
		}
	}
	holdOrNothing(t, s, before)
}

func testWrongLength(t *testing.T, s blob.Store) {
	body := func(n int) func() io.Reader {
		return func() io.Reader { return onlyReader{bytes.NewReader(data(n, 4))} }
	}
	testFailures(t, s, []failure{
		{"one byte short", body(99_999), 100_000, blob.ErrSize},
		{"one byte long", body(100_001), 100_000, blob.ErrSize},
		{"nothing", body(0), 100_000, blob.ErrSize},
		{"something for nothing", body(10), 0, blob.ErrSize},
		{"a small one short", body(9), 10, blob.ErrSize},
		{"half of a large one", body(aPart), 2 * aPart, blob.ErrSize},
		{"twice a large one", body(2 * aPart), aPart, blob.ErrSize},
	})
}

var (
	errBroken = errors.New("the source broke")
	errEnd    = fmt.Errorf("the connection: %w", io.EOF)
)

func testBodyFails(t *testing.T, s blob.Store) {
	body := func(n int) func() io.Reader {
		return func() io.Reader {
			return io.MultiReader(bytes.NewReader(data(n, 5)), &hook{err: errBroken})
		}
	}
	// What a broken download gives looks like an end.
	cutOff := func() io.Reader {
		return io.MultiReader(bytes.NewReader(data(50_000, 5)), &hook{err: io.ErrUnexpectedEOF})
	}
	wrapped := func() io.Reader {
		return io.MultiReader(bytes.NewReader(data(50_000, 5)), &hook{err: errEnd})
	}
	testFailures(t, s, []failure{
		{"cut off", cutOff, 100_000, io.ErrUnexpectedEOF},
		{"cut off at its end", cutOff, 50_000, io.ErrUnexpectedEOF},
		{"unknown size, cut off", cutOff, blob.UnknownSize, io.ErrUnexpectedEOF},
		{"wrapped end", wrapped, 50_000, errEnd},
		{"unknown size, wrapped end", wrapped, blob.UnknownSize, errEnd},
		{"at once", body(0), 100_000, errBroken},
		{"midway", body(50_000), 100_000, errBroken},
		{"midway in a large one", body(aPart + 5), 3 * aPart, errBroken},
		{"at the end", body(100_000), 100_000, errBroken},
		{"unknown size, at once", body(0), blob.UnknownSize, errBroken},
		{"unknown size, midway", body(50_000), blob.UnknownSize, errBroken},
		{"unknown size, after a part", body(aPart), blob.UnknownSize, errBroken},
		{"unknown size, after some parts", body(3*aPart + 7), blob.UnknownSize, errBroken},
	})
}

// hook is a reader that calls a function and then fails with its error, or
// with err if it has none.
type hook struct {
	call func() error
	err  error
}

// Read implements io.Reader.
func (h *hook) Read([]byte) (int, error) {
	if h.call != nil {
		if err := h.call(); err != nil {
			return 0, err
		}
	}
	return 0, h.err
}

func testCanceled(t *testing.T, s blob.Store) {
	before := map[string][]byte{}
	for _, n := range []int{100, 100_000, 3 * aPart} {
		for _, announced := range []int64{int64(n) + 10, blob.UnknownSize} {
			key := fmt.Sprintf("canceled/%d-%v", n, announced == blob.UnknownSize)
			before[key] = []byte("what was there")
			put(t, s, key, before[key], "image/png")
			ctx, cancel := context.WithCancel(t.Context())
			body := io.MultiReader(bytes.NewReader(data(n, 6)), &hook{call: func() error {
				cancel()
				return ctx.Err()
			}})
			_, err := s.Put(ctx, blob.PutRequest{Key: key, Body: body, SizeBytes: announced, ContentType: "video/mp4"})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("after %d of %d bytes: %v", n, announced, err)
			}
			cancel()
		}
	}
	holdOrNothing(t, s, before)
}

// testNoReadAfterwards has a body that notices the end of ctx late: Put waits
// for it, and lets it go.
func testNoReadAfterwards(t *testing.T, s blob.Store) {
	for _, announced := range []int64{100, 3 * aPart, blob.UnknownSize} {
		ctx, cancel := context.WithCancel(t.Context())
		var returned, late atomic.Bool
		body := io.MultiReader(bytes.NewReader(data(50, 11)), &hook{call: func() error {
			cancel()
			<-time.After(50 * time.Millisecond)
			late.Store(returned.Load())
			return nil
		}, err: errBroken})
		_, err := s.Put(ctx, blob.PutRequest{Key: "key", Body: body, SizeBytes: announced})
		returned.Store(true)
		if !errors.Is(err, context.Canceled) && !errors.Is(err, errBroken) {
			t.Errorf("%d bytes: %v", announced, err)
		}
		tick := time.NewTimer(100 * time.Millisecond)
		<-tick.C
		if late.Load() {
			t.Errorf("%d bytes: Body was read when Put had returned", announced)
		}
	}
}

func testCanceledBefore(t *testing.T, s blob.Store) {
	put(t, s, "key", []byte("x"), "text/plain")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, blob.PutRequest{Key: "key", Body: bytes.NewReader([]byte("y")), SizeBytes: 1})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if err := s.PutNew(ctx, "new", []byte("y")); !errors.Is(err, context.Canceled) {
		t.Errorf("put new: %v", err)
	}
	if _, err := s.Stat(t.Context(), "new"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a canceled PutNew wrote: %v", err)
	}
	if _, err := s.Open(ctx, "key", 0, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Stat(ctx, "key"); !errors.Is(err, context.Canceled) {
		t.Errorf("stat: %v", err)
	}
	if err := s.Delete(ctx, "key"); !errors.Is(err, context.Canceled) {
		t.Errorf("delete: %v", err)
	}
	if b, _ := get(t, s, "key", 0, -1); string(b) != "x" {
		t.Errorf("the key holds %q", b)
	}
}

// testConcurrentPuts writes one key from many sides: each Put succeeds, and
// what is read meanwhile and at the end is one of the bodies, whole.
func testConcurrentPuts(t *testing.T, s blob.Store) {
	const writers, rounds = 8, 5
	bodies := map[int][]byte{} // by length
	for i := range byte(writers) {
		n := 10_000 + 1000*int(i)
		bodies[n] = data(n, i)
	}
	one := func(b []byte) bool { return b != nil && bytes.Equal(b, bodies[len(b)]) }
	put(t, s, "key", bodies[10_000], "image/png")
	var wg sync.WaitGroup
	for _, b := range bodies {
		wg.Go(func() {
			for range rounds {
				obj, err := s.Put(t.Context(), blob.PutRequest{
					Key: "key", Body: onlyReader{bytes.NewReader(b)}, SizeBytes: int64(len(b)), ContentType: "image/png",
				})
				if err != nil || obj.SizeBytes != int64(len(b)) {
					t.Errorf("put: %+v, %v", obj, err)
				}
			}
		})
	}
	wg.Go(func() {
		for range rounds {
			if b, _, err := read(t.Context(), s, "key", 0, -1); err != nil || !one(b) {
				t.Errorf("read %d bytes that nobody wrote, %v", len(b), err)
			}
		}
	})
	wg.Wait()
	b, obj := get(t, s, "key", 0, -1)
	if !one(b) || obj.SizeBytes != int64(len(b)) || obj.ContentType != "image/png" {
		t.Errorf("at the end %d bytes, %+v", len(b), obj)
	}
}
