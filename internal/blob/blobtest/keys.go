package blobtest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/tintypehq/tintype/internal/blob"
)

func testKeys(t *testing.T, s blob.Store) {
	keys := func(dir string) []string {
		t.Helper()
		all, err := s.Keys(t.Context(), dir)
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		slices.Sort(all)
		return all
	}
	for _, key := range []string{"a/b/1.png", "a/b/2.png", "a/b/c/3", "a/bc/4", "a/5", "b/a/b/6"} {
		put(t, s, key, []byte(key), "image/png")
	}
	for dir, want := range map[string][]string{
		"a/b/":       {"a/b/1.png", "a/b/2.png", "a/b/c/3"},
		"a/b/c/":     {"a/b/c/3"},
		"a/":         {"a/5", "a/b/1.png", "a/b/2.png", "a/b/c/3", "a/bc/4"},
		"a/d/":       nil,
		"d/":         nil,
		"a/b/1.png/": nil, // an object is no folder
	} {
		if got := keys(dir); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", dir, got, want)
		}
	}
	for _, key := range keys("a/b/") {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if got := keys("a/"); !slices.Equal(got, []string{"a/5", "a/bc/4"}) {
		t.Errorf("after a folder was emptied: %v", got)
	}
	for _, dir := range []string{"", "/", "a", "a/b", "../", "/a/", "a//", "a/./"} {
		if _, err := s.Keys(t.Context(), dir); !errors.Is(err, blob.ErrBadKey) {
			t.Errorf("the folder %q: %v", dir, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Keys(gone, "a/"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	testManyKeys(t, s)
}

// testManyKeys has more objects than a server lists at once.
func testManyKeys(t *testing.T, s blob.Store) {
	t.Helper()
	const many = 1005
	for i := range many {
		put(t, s, "many/"+strconv.Itoa(i), []byte("x"), "text/plain")
	}
	all, err := s.Keys(t.Context(), "many/")
	slices.Sort(all)
	if len(slices.Compact(all)) != many || err != nil {
		t.Errorf("%d of %d, %v", len(all), many, err)
	}
}
