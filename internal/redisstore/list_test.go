package redisstore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

func (b bench) list(t *testing.T, l redisstore.Listing) (ids []job.ID, page redisstore.Page) {
	t.Helper()
	if l.Tenant == "" {
		l.Tenant = "key:test"
	}
	page, err := b.List(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range page.Jobs {
		ids = append(ids, j.ID)
	}
	return ids, page
}

// made accepts jobs one millisecond after the other, and gives their ids, newest
// first.
func (b bench) made(t *testing.T, n int, change ...func(*redisstore.NewJob)) (ids []job.ID) {
	t.Helper()
	begin := time.Now().Add(-time.Hour)
	for i := range n {
		id, _ := b.accept(t, append(change, func(n *redisstore.NewJob) { n.ID = job.NewID(begin.Add(time.Duration(i) * time.Millisecond)) })...)
		ids = append(ids, id)
	}
	slices.Reverse(ids)
	return ids
}

func testList(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 100))
	films := b.made(t, 5)
	pictures := b.made(t, 3, func(n *redisstore.NewJob) { n.Tenant, n.Spec.Kind = "key:other", job.Image })
	b.begin(t, films[1], "w")
	if _, _, err := b.Fail(t.Context(), films[3], "w", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		ask  redisstore.Listing
		want []job.ID
		more bool
	}{
		{"all", redisstore.Listing{Limit: 10}, films, false},
		{"as many as there are", redisstore.Listing{Limit: 5}, films, false},
		{"a page", redisstore.Listing{Limit: 2}, films[:2], true},
		{"the next page", redisstore.Listing{Limit: 2, After: films[1]}, films[2:4], true},
		{"the last page", redisstore.Listing{Limit: 2, After: films[3]}, films[4:], false},
		{"behind the last", redisstore.Listing{Limit: 2, After: films[4]}, nil, false},
		{"of one state", redisstore.Listing{Limit: 5, States: []job.State{job.Submitting}}, films[1:2], false},
		{"of two states", redisstore.Listing{Limit: 1, States: []job.State{job.Submitting, job.Running}}, films[1:2], false},
		{"a page of one state", redisstore.Listing{Limit: 2, States: []job.State{job.Queued}}, []job.ID{films[0], films[2]}, true},
		{"of a kind", redisstore.Listing{Limit: 5, Kind: job.Image}, nil, false},
		{"of another tenant", redisstore.Listing{Limit: 5, Tenant: "key:other", Kind: job.Image}, pictures, false},
		{"of a tenant without jobs", redisstore.Listing{Limit: 5, Tenant: "key:none"}, nil, false},
	} {
		got, page := b.list(t, tt.ask)
		if !slices.Equal(got, tt.want) || page.More != tt.more || page.More && page.Next != tt.want[len(tt.want)-1] {
			t.Errorf("%s: %v, more %v behind %s; want %v, %v", tt.name, got, page.More, page.Next, tt.want, tt.more)
		}
	}
}

// Records expire on their own; a page is as long as was asked for all the same,
// and goes on behind a job that has gone.
func testListExpires(t *testing.T, b bench) {
	ids := b.made(t, 6)
	b.rdb.Del(t.Context(), "{tt}:job:"+string(ids[0]), "{tt}:job:"+string(ids[2]), "{tt}:job:"+string(ids[3]))
	got, page := b.list(t, redisstore.Listing{Limit: 2})
	if !slices.Equal(got, []job.ID{ids[1], ids[4]}) || !page.More {
		t.Errorf("%v, more %v; want %v", got, page.More, []job.ID{ids[1], ids[4]})
	}
	if got, page := b.list(t, redisstore.Listing{Limit: 2, After: ids[3]}); !slices.Equal(got, ids[4:]) || page.More {
		t.Errorf("behind a job that has gone: %v, more %v", got, page.More)
	}
	if n := b.rdb.ZCard(t.Context(), "{tt}:mine:key:test").Val(); n != 3 {
		t.Errorf("the list has %d entries for 3 jobs", n)
	}
}

// A list in which next to nothing fits ends early, and can be gone on with.
func testListEndsEarly(t *testing.T, b bench) {
	const many = 10_600
	for range many / 100 {
		pipe := b.rdb.Pipeline()
		for range 100 {
			id := string(job.NewID(time.Now()))
			pipe.HSet(t.Context(), "{tt}:job:"+id, "id", id, "state", "queued", "kind", "video")
			pipe.ZAdd(t.Context(), "{tt}:mine:key:test", redis.Z{Member: id})
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	oldest := job.NewID(time.Now().Add(-time.Hour))
	b.accept(t, func(n *redisstore.NewJob) { n.ID, n.Spec.Kind = oldest, job.Image })
	got, page := b.list(t, redisstore.Listing{Limit: 5, Kind: job.Image})
	if len(got) != 0 || !page.More || page.Next == "" {
		t.Fatalf("%v, more %v behind %q", got, page.More, page.Next)
	}
	got, page = b.list(t, redisstore.Listing{Limit: 5, Kind: job.Image, After: page.Next})
	if len(got) != 1 || got[0] != oldest || page.More {
		t.Errorf("%v, more %v; want %s", got, page.More, oldest)
	}
}

// A tenant that posts and never looks has a list not much longer than its jobs
// are many, though all of them are kept differently long; and it ends with them.
func testListIsBounded(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 100_000))
	first, _ := b.accept(t)
	const many = 600
	for range many {
		id, _ := b.accept(t)
		b.rdb.Del(t.Context(), "{tt}:job:"+string(id), "{tt}:ev:"+string(id))
	}
	if n := b.rdb.ZCard(t.Context(), "{tt}:mine:key:test").Val(); n > many/2 {
		t.Errorf("%d entries for one job", n)
	}
	if got, _ := b.list(t, redisstore.Listing{Limit: 5}); !slices.Equal(got, []job.ID{first}) {
		t.Errorf("%v, want %s", got, first)
	}
	ttl := b.rdb.PTTL(t.Context(), "{tt}:mine:key:test").Val()
	if n := newJob(); ttl < n.Deadline+n.Retention+n.Harvest || ttl > n.Deadline+n.Retention+n.Harvest+2*time.Hour {
		t.Errorf("the list expires in %s", ttl)
	}
}
