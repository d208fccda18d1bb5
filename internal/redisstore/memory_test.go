package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/redisstore"
)

// marks is all that Redis holds of its observers.
type marks struct {
	counter string
	left    []redis.Z
}

func (b bench) marks(t *testing.T) marks {
	t.Helper()
	left, err := b.rdb.ZRangeWithScores(t.Context(), "{tt}:marks", 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	return marks{b.rdb.Get(t.Context(), "{tt}:mark").Val(), left}
}

// rollBack puts back what Redis held at an earlier time.
func (b bench) rollBack(t *testing.T, to marks) {
	t.Helper()
	b.rdb.Del(t.Context(), "{tt}:mark", "{tt}:marks")
	if len(to.left) == 0 {
		return
	}
	if err := b.rdb.Set(t.Context(), "{tt}:mark", to.counter, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := b.rdb.ZAdd(t.Context(), "{tt}:marks", to.left...).Err(); err != nil {
		t.Fatal(err)
	}
}

// testMemory has two observers of a Redis that is rolled back.
func testMemory(t *testing.T, b bench) {
	one, two := b.NewMemory("one"), b.NewMemory("two")
	look := func(when string, m *redisstore.Memory, want bool) {
		t.Helper()
		if lost, err := m.Look(t.Context()); err != nil || lost != want {
			t.Errorf("%s: lost is %v, %v; want %v", when, lost, err, want)
		}
	}
	empty := b.marks(t)
	for range 3 {
		look("nothing happened", one, false)
		look("nothing happened", two, false)
	}

	before := b.marks(t)
	look("after a look of two", two, false)
	b.rollBack(t, before)
	look("what one left is there", one, false)
	look("what two left is gone, though one has counted on", two, true)
	look("it is told once", two, false)

	before = b.marks(t)
	look("after a look of one", one, false)
	b.rollBack(t, before)
	for range 5 {
		look("a newcomer has no past", b.NewMemory("three"), false) // each with three's name: lost replies
	}
	look("the counter is higher than ever, what one left is gone", one, true)

	b.rollBack(t, empty)
	look("emptied", one, true)
	look("emptied", two, true)
	look("it is told once", one, false)
}

// testOldMemory has an observer that sleeps until it is forgotten, and one that
// did not hear of its last look.
func testOldMemory(t *testing.T, b bench) {
	sleepy, deaf := b.NewMemory("sleepy"), b.NewMemory("deaf")
	for _, m := range []*redisstore.Memory{sleepy, deaf} {
		if lost, err := m.Look(t.Context()); lost || err != nil {
			t.Fatal(lost, err)
		}
	}
	b.rdb.IncrBy(t.Context(), "{tt}:mark", 2_000_000)
	if lost, err := b.NewMemory("deaf").Look(t.Context()); lost || err != nil { // its reply never came
		t.Fatal(lost, err)
	}
	if n := b.rdb.ZCard(t.Context(), "{tt}:marks").Val(); n != 1 {
		t.Errorf("%d observers are remembered, want 1", n)
	}
	for _, m := range []*redisstore.Memory{sleepy, deaf} {
		if lost, err := m.Look(t.Context()); lost || err != nil {
			t.Errorf("lost is %v, %v", lost, err)
		}
	}
}
