package blobtest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/tintypehq/tintype/internal/blob"
)

// holds checks what a key holds.
func holds(t *testing.T, s blob.Store, key, want string) {
	t.Helper()
	same, err := blob.Holds(t.Context(), s, key, []byte(want))
	if err != nil || !same {
		t.Errorf("%s does not hold %q, %v", key, want, err)
	}
}

func testNewIsWrittenOnce(t *testing.T, s blob.Store) {
	write := func(key, content string, want error) {
		t.Helper()
		if err := s.PutNew(t.Context(), key, []byte(content)); !errors.Is(err, want) {
			t.Errorf("PutNew of %q under %s: %v, want %v", content, key, err, want)
		}
	}
	write("jobs/a/fence-1", "mine", nil)
	write("jobs/a/fence-1", "yours", blob.ErrExists)
	write("jobs/a/fence-1", "mine", blob.ErrExists) // the caller tells that this is its own
	holds(t, s, "jobs/a/fence-1", "mine")
	write("jobs/a/fence-2", "", nil)
	write("jobs/a/fence-2", "no longer empty", blob.ErrExists)
	holds(t, s, "jobs/a/fence-2", "")

	put(t, s, "put", []byte("by Put"), "image/png")
	write("put", "new", blob.ErrExists)
	if b, obj := get(t, s, "put", 0, -1); string(b) != "by Put" || obj.ContentType != "image/png" {
		t.Errorf("%q, %+v", b, obj)
	}
	put(t, s, "jobs/a/fence-1", []byte("Put does not ask"), "image/png")
	holds(t, s, "jobs/a/fence-1", "Put does not ask")

	if err := s.Delete(t.Context(), "jobs/a/fence-1"); err != nil {
		t.Fatal(err)
	}
	write("jobs/a/fence-1", "after a Delete", nil)
	write("jobs/a/fence-1", "and again", blob.ErrExists)
	holds(t, s, "jobs/a/fence-1", "after a Delete")
}

// testNewOfManyOneWins has many write one key at the same moment.
func testNewOfManyOneWins(t *testing.T, s blob.Store) {
	const writers, rounds = 32, 8
	for round := range rounds {
		key := fmt.Sprintf("jobs/race/fence-%d", round)
		text := func(i int) string { return fmt.Sprintf("writer %d of round %d", i, round) }
		errs := make([]error, writers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				<-start
				errs[i] = s.PutNew(t.Context(), key, []byte(text(i)))
			})
		}
		close(start)
		wg.Wait()
		var won []int
		for i, err := range errs {
			switch {
			case err == nil:
				won = append(won, i)
			case !errors.Is(err, blob.ErrExists):
				t.Errorf("writer %d: %v", i, err)
			}
		}
		if len(won) != 1 {
			t.Fatalf("round %d: %d writers won: %v", round, len(won), won)
		}
		holds(t, s, key, text(won[0]))
	}
}

// testNewIsProved asks for the proof twice: it leaves nothing in its way.
func testNewIsProved(t *testing.T, s blob.Store) {
	for range 2 {
		if err := blob.ProveNew(t.Context(), s); err != nil {
			t.Error(err)
		}
	}
}
