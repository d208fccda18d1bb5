// Package blobtest is the acceptance suite of object stores: each promise of
// package blob is a subtest here, and a store is one when it passes them all.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
)

// Traits tells the suite what it needs to know of a store. The zero value is
// right for most.
type Traits struct {
	// Client opens presigned links; nil for one without any setting.
	Client *http.Client

	// HidesUploads is for a server that does not list uploads under way, and
	// clears them away by itself: Sweep finds nothing there.
	HidesUploads bool
}

// Run runs the suite. open gives each subtest a store without objects, which
// the subtest does not close.
func Run(t *testing.T, open func(t *testing.T) blob.Store, traits Traits) {
	t.Helper()
	if traits.Client == nil {
		traits.Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	suite := []struct {
		name string
		test func(t *testing.T, s blob.Store)
	}{
		{"RoundTrip", testRoundTrip},
		{"ContentType", testContentType},
		{"Ranges", testRanges},
		{"Missing", testMissing},
		{"Replace", testReplace},
		{"WrongLength", testWrongLength},
		{"BodyFails", testBodyFails},
		{"Canceled", testCanceled},
		{"NoReadAfterwards", testNoReadAfterwards},
		{"CanceledBefore", testCanceledBefore},
		{"ConcurrentPuts", testConcurrentPuts},
		{"NewIsWrittenOnce", testNewIsWrittenOnce},
		{"NewOfManyOneWins", testNewOfManyOneWins},
		{"NewIsProved", testNewIsProved},
		{"BadKeys", testBadKeys},
		{"DeleteTwice", testDeleteTwice},
		{"Keys", testKeys},
		{"SweepLeavesTheYoung", testSweepLeavesTheYoung},
		{"SweepRemovesTheOld", func(t *testing.T, s blob.Store) { testSweepRemovesTheOld(t, s, traits) }},
		{"Check", testCheck},
		{"Presign", func(t *testing.T, s blob.Store) { testPresign(t, s, traits) }},
	}
	for _, tt := range suite {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, open(t))
		})
	}
}

// aPart is more than any store sends in one piece, so that a longer body of
// unknown size is an upload in several.
const aPart = 8 << 20

// data makes n bytes that differ from place to place and from seed to seed.
func data(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// put writes an object and fails the test if that fails.
func put(t *testing.T, s blob.Store, key string, content []byte, contentType string) blob.Object {
	t.Helper()
	obj, err := s.Put(t.Context(), blob.PutRequest{
		Key: key, Body: onlyReader{bytes.NewReader(content)}, SizeBytes: int64(len(content)), ContentType: contentType,
	})
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return obj
}

// onlyReader hides every method but Read: no store may depend on Seek.
type onlyReader struct{ io.Reader }

// get reads a range of an object and fails the test if that fails.
func get(t *testing.T, s blob.Store, key string, offset, length int64) ([]byte, blob.Object) {
	t.Helper()
	b, obj, err := read(t.Context(), s, key, offset, length)
	if err != nil {
		t.Fatal(err)
	}
	return b, obj
}

// read is get for a goroutine of its own, which may not end the test.
func read(ctx context.Context, s blob.Store, key string, offset, length int64) ([]byte, blob.Object, error) {
	r, err := s.Open(ctx, key, offset, length)
	if err != nil {
		return nil, blob.Object{}, fmt.Errorf("open %s from %d, %d bytes: %w", key, offset, length, err)
	}
	b, err := io.ReadAll(r)
	if err == nil && r.File != nil {
		err = sameFromFile(r.File, b, offset)
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, blob.Object{}, fmt.Errorf("read %s from %d, %d bytes: %w", key, offset, length, err)
	}
	return b, r.Object, nil
}

// sameFromFile reads the same range of the same object once more, by its open file.
// An open of its own would meet what another writer has put there meanwhile.
func sameFromFile(f *os.File, want []byte, offset int64) error {
	begin := max(offset, 0)
	end, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, begin); err != nil {
		return err
	}
	if end != begin+int64(len(want)) || !bytes.Equal(got, want) {
		return fmt.Errorf("the open file ends at %d or has other bytes", end)
	}
	return nil
}

// holdOrNothing checks for a moment that keys hold what they held before or
// nothing: a server may show a broken upload only some time after the
// connection is gone. before maps a key to its earlier content, nil for none.
func holdOrNothing(t *testing.T, s blob.Store, before map[string][]byte) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 10 {
		for key, content := range before {
			obj, err := s.Stat(t.Context(), key)
			if err != nil && !errors.Is(err, blob.ErrNotFound) {
				t.Fatalf("stat: %v", err)
			}
			if err == nil && (content == nil || obj.SizeBytes != int64(len(content))) {
				t.Fatalf("%s holds an object of %d bytes, before it was %d", key, obj.SizeBytes, len(content))
			}
		}
		<-tick.C
	}
	for key, content := range before {
		if _, err := s.Stat(t.Context(), key); errors.Is(err, blob.ErrNotFound) {
			continue
		}
		if b, _ := get(t, s, key, 0, -1); !bytes.Equal(b, content) {
			t.Errorf("%s holds %d other bytes", key, len(b))
		}
	}
}
