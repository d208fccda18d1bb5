package blobtest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
)

// live begins an upload and returns when it is under way. finish lets it go on
// to its end and returns the outcome.
func live(t *testing.T, s blob.Store, key string, content []byte) (finish func() error) {
	t.Helper()
	reached, release, outcome := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	// A store keeps two parts in memory, so when the third is asked for, the
	// first has begun to travel.
	at := 2*aPart + aPart/2
	body := io.MultiReader(
		bytes.NewReader(content[:at]),
		&hook{call: func() error { close(reached); <-release; return nil }, err: io.EOF},
		bytes.NewReader(content[at:]),
	)
	go func() {
		_, err := s.Put(t.Context(), blob.PutRequest{Key: key, Body: body, SizeBytes: blob.UnknownSize, ContentType: "video/mp4"})
		outcome <- err
	}()
	select {
	case <-reached:
	case err := <-outcome:
		t.Fatalf("the upload ended before its body: %v", err)
	}
	return func() error {
		close(release)
		return <-outcome
	}
}

func testSweepLeavesTheYoung(t *testing.T, s blob.Store) {
	put(t, s, "old/object", []byte("x"), "text/plain")
	content := data(3*aPart, 7)
	finish := live(t, s, "young", content)
	n, err := s.Sweep(t.Context(), time.Hour)
	if err != nil || n != 0 {
		t.Errorf("swept %d, %v", n, err)
	}
	if _, err := s.Stat(t.Context(), "young"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("an upload under way is visible: %v", err)
	}
	if err := finish(); err != nil {
		t.Fatalf("the live upload failed: %v", err)
	}
	if b, _ := get(t, s, "young", 0, -1); !bytes.Equal(b, content) {
		t.Errorf("the live upload became %d bytes", len(b))
	}
}

func testSweepRemovesTheOld(t *testing.T, s blob.Store, traits Traits) {
	put(t, s, "old/object", []byte("x"), "text/plain")
	finish := live(t, s, "left", data(3*aPart, 8))
	n, err := s.Sweep(t.Context(), 0)
	if err != nil || (n == 0) != traits.HidesUploads {
		t.Errorf("swept %d, %v", n, err)
	}
	err = finish()
	if traits.HidesUploads {
		return
	}
	if err == nil {
		t.Error("the swept upload became an object")
	}
	if _, err := s.Stat(t.Context(), "left"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the swept upload is visible: %v", err)
	}
	if n, err := s.Sweep(t.Context(), 0); err != nil || n != 0 {
		t.Errorf("the second sweep found %d more, %v", n, err)
	}
	if b, _ := get(t, s, "old/object", 0, -1); string(b) != "x" {
		t.Errorf("the object holds %q", b)
	}
}
