package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/testserver"
)

// TestRoom: what Redis says of its memory, with a limit and without; and that it says
// nothing to one who may not ask.
func TestRoom(t *testing.T) {
	t.Parallel()
	at := testserver.Redis(t).Addr
	rdb := redis.NewClient(&redis.Options{Addr: at})
	defer func() { _ = rdb.Close() }()
	s := redisstore.New(redisstore.Config{Client: rdb})
	if r, err := s.Room(t.Context()); err != nil || r.Used < 100_000 || r.Limit != 0 {
		t.Errorf("without a limit: %+v, %v", r, err)
	}
	if err := rdb.ConfigSet(t.Context(), "maxmemory", "64mb").Err(); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Room(t.Context()); err != nil || r.Used < 100_000 || r.Limit != 64<<20 {
		t.Errorf("with 64 MiB: %+v, %v", r, err)
	}
	if err := rdb.Do(t.Context(), "ACL", "SETUSER", "managed", "on", ">secret", "~*", "+@all", "-info").Err(); err != nil {
		t.Fatal(err)
	}
	managed := redis.NewClient(&redis.Options{Addr: at, Username: "managed", Password: "secret"})
	defer func() { _ = managed.Close() }()
	if r, err := redisstore.New(redisstore.Config{Client: managed}).Room(t.Context()); err == nil {
		t.Errorf("to one who may not ask: %+v", r)
	}
}
