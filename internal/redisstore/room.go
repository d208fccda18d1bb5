package redisstore

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Room is the memory of the Redis that has our keys, in bytes.
type Room struct {
	Used  int64
	Limit int64 // its maxmemory; 0: none, or it does not tell
}

// Room asks Redis for its memory. A managed Redis, or one whose user may not ask, may
// not tell: that is an error, too.
func (s *Store) Room(ctx context.Context) (Room, error) {
	var node interface {
		InfoMap(ctx context.Context, sections ...string) *redis.InfoCmd
	}
	switch c := s.rdb.(type) {
	case *redis.ClusterClient: // another node's memory is not what fills up
		master, err := c.MasterForKey(ctx, s.prefix)
		if err != nil {
			return Room{}, unavailable(err)
		}
		node = master
	case *redis.Client:
		node = c
	default:
		return Room{}, errReply
	}
	info, err := node.InfoMap(ctx, "memory").Result()
	if err != nil {
		return Room{}, unavailable(err)
	}
	var r Room
	if r.Used, err = strconv.ParseInt(info["Memory"]["used_memory"], 10, 64); err != nil {
		return Room{}, errors.Join(errReply, err)
	}
	r.Limit, _ = strconv.ParseInt(info["Memory"]["maxmemory"], 10, 64)
	return r, nil
}
