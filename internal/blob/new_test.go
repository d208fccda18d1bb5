package blob_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/fileblob"
)

func files(t *testing.T) blob.Store {
	t.Helper()
	s, err := fileblob.Open(fileblob.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// odd is a store with a PutNew of another kind.
type odd struct {
	blob.Store

	putNew func(ctx context.Context, key string, content []byte) error
}

func (o odd) PutNew(ctx context.Context, key string, content []byte) error {
	return o.putNew(ctx, key, content)
}

var errAway = errors.New("the store is away")

// TestProveNew: a store that breaks the promise is found, one that could not be
// asked is not blamed for it.
func TestProveNew(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(s blob.Store) odd
		want error
	}{
		{"keeps it", func(s blob.Store) odd { return odd{s, s.PutNew} }, nil},
		{"does not heed the condition", func(s blob.Store) odd {
			return odd{s, func(ctx context.Context, key string, content []byte) error { return replace(ctx, s, key, content) }}
		}, blob.ErrNoPutNew},
		{"says no and writes", func(s blob.Store) odd {
			return odd{s, func(ctx context.Context, key string, content []byte) error {
				if err := s.PutNew(ctx, key, content); !errors.Is(err, blob.ErrExists) {
					return err
				}
				return errors.Join(blob.ErrExists, replace(ctx, s, key, content))
			}}
		}, blob.ErrNoPutNew},
		{"looks first and writes then", racy, blob.ErrNoPutNew},
		{"cannot be asked", func(s blob.Store) odd {
			return odd{s, func(context.Context, string, []byte) error { return errAway }}
		}, errAway},
		{"is away for the second", func(s blob.Store) odd {
			return odd{s, func(ctx context.Context, key string, content []byte) error {
				if err := s.PutNew(ctx, key, content); !errors.Is(err, blob.ErrExists) {
					return err
				}
				return errAway
			}}
		}, errAway},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := blob.ProveNew(t.Context(), tt.make(files(t))); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// meeting holds the first who comes back until there is a second.
type meeting struct {
	came atomic.Int32
	both chan struct{}
}

func (m *meeting) join() {
	switch m.came.Add(1) {
	case 1:
		<-m.both
	case 2:
		close(m.both)
	}
}

// racy looks first and writes then, and two of those who write one key at once
// have both looked before either writes.
func racy(s blob.Store) odd {
	var meetings sync.Map // of *meeting, by key
	return odd{s, func(ctx context.Context, key string, content []byte) error {
		if _, err := s.Stat(ctx, key); err == nil {
			return blob.ErrExists
		}
		if bytes.HasPrefix(content, []byte("writer")) { // in company
			met, _ := meetings.LoadOrStore(key, &meeting{both: make(chan struct{})})
			met.(*meeting).join()
		}
		return replace(ctx, s, key, content)
	}}
}

// replace is what PutNew must not do.
func replace(ctx context.Context, s blob.Store, key string, content []byte) error {
	_, err := s.Put(ctx, blob.PutRequest{Key: key, Body: bytes.NewReader(content), SizeBytes: int64(len(content))})
	return err
}
