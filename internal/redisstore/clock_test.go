package redisstore_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// TestClock: times are told by the store's clock, however far off ours is.
func TestClock(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	b := open(t, m.Addr())
	if off := time.Until(b.Now()).Abs(); off > time.Minute {
		t.Errorf("before it has heard the store's clock it is off by %s", off)
	}
	ahead := time.Now().Add(3 * time.Hour)
	m.SetTime(ahead)
	took, err := b.RoundTrip(t.Context())
	if err != nil || took <= 0 || took > 10*time.Second {
		t.Fatalf("a round trip of %s, %v", took, err)
	}
	if off := b.Now().Sub(ahead).Abs(); off > 10*time.Second {
		t.Errorf("it is off by %s", off)
	}
	dead := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { _ = dead.Close() })
	s := redisstore.New(redisstore.Config{Client: dead})
	_, err = s.RoundTrip(t.Context())
	wantFault(t, err, fault.Unavailable)
}
