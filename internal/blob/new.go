package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Holds tells whether a key holds exactly these bytes. A missing key is
// ErrNotFound.
func Holds(ctx context.Context, s Store, key string, content []byte) (bool, error) {
	got, err := ReadSmall(ctx, s, key, int64(len(content))+1)
	return err == nil && bytes.Equal(got, content), err
}

// ReadSmall reads an object, or as much of it as most bytes. A missing key is
// ErrNotFound.
func ReadSmall(ctx context.Context, s Store, key string, most int64) ([]byte, error) {
	r, err := s.Open(ctx, key, 0, most)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

// How many write at once to prove that one of them wins, and how often. A store
// that looks first and writes then lets two through at nearly every try.
const (
	proveWriters = 16
	proveRounds  = 3
)

// ProveNew proves with probe objects that PutNew keeps its promise. A store may
// take the condition and not heed it, or heed it only where nobody else writes:
// that is ErrNoPutNew, and settled. After any other error nothing is known, and
// the proof may be repeated.
func ProveNew(ctx context.Context, s Store) error {
	if err := proveOnce(ctx, s); err != nil {
		return err
	}
	for range proveRounds {
		if err := proveRace(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// proveOnce writes a key twice.
func proveOnce(ctx context.Context, s Store) error {
	key := ".check/" + rand.Text()
	defer func() { _ = s.Delete(ctx, key) }()
	first, second := []byte("first"), []byte("second")
	if err := s.PutNew(ctx, key, first); err != nil && !errors.Is(err, ErrExists) {
		return err // ErrExists: its own first try, the key is random
	}
	switch err := s.PutNew(ctx, key, second); {
	case err == nil:
		return fmt.Errorf("%w: it took an object for a key that held one", ErrNoPutNew)
	case !errors.Is(err, ErrExists):
		return err
	}
	return proveHeld(ctx, s, key, first)
}

// proveRace lets many write a key at once.
func proveRace(ctx context.Context, s Store) error {
	key := ".check/" + rand.Text()
	defer func() { _ = s.Delete(ctx, key) }()
	errs := make([]error, proveWriters)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			<-start
			errs[i] = s.PutNew(ctx, key, probeOf(i))
		})
	}
	close(start)
	wg.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			return fmt.Errorf("%w: of %d that wrote one key at once, more than one was told that it did", ErrNoPutNew, proveWriters)
		case err == nil:
			won = i
		case !errors.Is(err, ErrExists):
			return err
		}
	}
	if won < 0 { // as it may be when the winner's reply was lost
		return errors.New("blob: of many that wrote one key at once, none was told that it did")
	}
	return proveHeld(ctx, s, key, probeOf(won))
}

func probeOf(writer int) []byte { return fmt.Appendf(nil, "writer %d", writer) }

func proveHeld(ctx context.Context, s Store, key string, want []byte) error {
	same, err := Holds(ctx, s, key, want)
	if err == nil && !same {
		err = fmt.Errorf("%w: what was written first was replaced", ErrNoPutNew)
	}
	return err
}
