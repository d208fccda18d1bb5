package redisstore_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// keyed is a request with an idempotency key.
func keyed(key, body string) redisstore.Once {
	return redisstore.Once{Key: key, Body: body, KeyFor: time.Hour, BodyFor: time.Hour}
}

// retried is one without, whose caller says that it is a retry.
func retried(body string) redisstore.Once {
	return redisstore.Once{Body: body, BodyFor: time.Hour, Repeats: true}
}

func testRepeat(t *testing.T, b bench) {
	ask := func(o redisstore.Once) (job.ID, *redisstore.TakenError) {
		t.Helper()
		n := newJob()
		n.Once = o
		looked, err := b.Repeated(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		j, _, err := b.Accept(t.Context(), n)
		taken, ok := errors.AsType[*redisstore.TakenError](err)
		if err != nil && !ok {
			t.Fatal(err)
		}
		if (looked == nil) != (taken == nil) || taken != nil && *looked != *taken {
			t.Errorf("looked up as %+v, accepted as %+v", looked, taken)
		}
		if taken != nil {
			if _, err := b.Get(t.Context(), n.ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("a second job was made: %v", err)
			}
			return "", taken
		}
		return j.ID, nil
	}
	first, taken := ask(keyed("k1", "b1"))
	if taken != nil {
		t.Fatalf("the first is taken: %+v", taken)
	}
	other, _ := ask(redisstore.Once{Body: "b2", BodyFor: time.Hour}) // without a key
	newest, _ := ask(redisstore.Once{Body: "b2", BodyFor: time.Hour})
	if other == newest {
		t.Error("two deliberate requests are one job")
	}
	gone, _ := ask(redisstore.Once{Body: "b3", BodyFor: 50 * time.Millisecond})
	none := redisstore.TakenError{}
	for _, tt := range []struct {
		name string
		once redisstore.Once
		want redisstore.TakenError
	}{
		{"same key, same body", keyed("k1", "b1"), redisstore.TakenError{Job: first, Same: true}},
		{"same key, other body", keyed("k1", "b2"), redisstore.TakenError{Job: first}},
		{"same body of a call with a key, retried without", retried("b1"), redisstore.TakenError{Job: first, Same: true}},
		{"retried", retried("b2"), redisstore.TakenError{Job: newest, Same: true}},
		{"retried, and switched off", redisstore.Once{Body: "b2", Repeats: true}, none},
		{"retried with another key", redisstore.Once{Key: "k2", Body: "b2", KeyFor: time.Hour, BodyFor: time.Hour, Repeats: true}, none},
		{"another body", retried("b9"), none},
	} {
		_, taken := ask(tt.once)
		if got := taken; got == nil && tt.want != none || got != nil && *got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if ttl := b.rdb.PTTL(t.Context(), "{tt}:once:k1").Val(); ttl <= 0 || ttl > time.Hour {
		t.Errorf("the key lives for %s", ttl)
	}
	if ttl := b.rdb.PTTL(t.Context(), "{tt}:same:b3").Val(); ttl > 50*time.Millisecond {
		t.Errorf("the body of %s lives for %s", gone, ttl)
	}
}

func testRepeatOfNothing(t *testing.T, b bench) {
	n := newJob()
	n.Spec.Upstream, n.Once = "other", keyed("k", "b")
	_, _, err := b.Accept(t.Context(), n)
	wantFault(t, err, fault.PoolExhausted)
	if taken, err := b.Repeated(t.Context(), n.Once); taken != nil || err != nil {
		t.Errorf("a refused request was taken: %+v, %v", taken, err)
	}
	n = newJob()
	n.Once = keyed("k", "b")
	for range 2 { // the reply of the first was lost
		if _, _, err := b.Accept(t.Context(), n); err != nil {
			t.Error(err)
		}
	}
}

func testRepeatedAtOnce(t *testing.T, b bench) {
	const callers = 20
	var wg sync.WaitGroup
	made := make(chan job.ID, callers)
	for range callers {
		wg.Go(func() {
			n := newJob()
			n.Once = keyed("k", "b")
			j, _, err := b.Accept(t.Context(), n)
			if taken, ok := errors.AsType[*redisstore.TakenError](err); ok {
				made <- taken.Job
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			made <- j.ID
		})
	}
	wg.Wait()
	close(made)
	ids := map[job.ID]bool{}
	for id := range made {
		ids[id] = true
	}
	if len(ids) != 1 {
		t.Errorf("%d jobs were made", len(ids))
	}
}
