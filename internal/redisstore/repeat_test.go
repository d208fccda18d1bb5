package redisstore_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// keyed has a job posted under an idempotency key, for the request "d".
func keyed(key string) func(*redisstore.NewJob) {
	return func(n *redisstore.NewJob) {
		n.Repeat = redisstore.Repeat{Key: key, KeyFor: 2 * time.Hour, Digest: "d", Absorb: time.Minute}
	}
}

// first has a job posted by the first try of a request, retry by a later one.
func first(digest string) redisstore.Repeat {
	return redisstore.Repeat{Digest: digest, Absorb: time.Minute}
}

func retry(digest string) redisstore.Repeat {
	r := first(digest)
	r.Try = 1
	return r
}

func repeats(r redisstore.Repeat) func(*redisstore.NewJob) {
	return func(n *redisstore.NewJob) { n.Repeat = r }
}

// earlier wants a request to find a job; "" for none.
func (b bench) earlier(t *testing.T, r redisstore.Repeat, want job.ID) *redisstore.Earlier {
	t.Helper()
	e, err := b.Earlier(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if e == nil && want != "" || e != nil && e.ID != want {
		t.Fatalf("found %+v, want job %q", e, want)
	}
	return e
}

// left says how a call ended, and wants it to be that of the newest caller.
func (b bench) left(t *testing.T, id job.ID, turn int64, how redisstore.Ending) {
	t.Helper()
	if newest, err := b.Left(t.Context(), id, turn, how); !newest || err != nil {
		t.Fatalf("left = %v, %v", newest, err)
	}
}

func (b bench) keys(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := b.rdb.Keys(t.Context(), "{tt}:"+pattern).Result()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func testKey(t *testing.T, b bench) {
	id, _ := b.accept(t, keyed("k"))
	b.earlier(t, redisstore.Repeat{Key: "other", Digest: "d"}, "")
	b.earlier(t, redisstore.Repeat{Digest: "d"}, "")
	for turn := range int64(2) {
		if e := b.earlier(t, redisstore.Repeat{Key: "k", Digest: "d"}, id); !e.Same || e.Turn != turn+1 {
			t.Errorf("found %+v on turn %d", e, turn+1)
		}
	}
	if e := b.earlier(t, redisstore.Repeat{Key: "k", Digest: "another request"}, id); e.Same {
		t.Errorf("another request under the key found %+v", e)
	}
	if ttl := b.rdb.PTTL(t.Context(), "{tt}:once:k").Val(); ttl <= time.Hour || ttl > 2*time.Hour {
		t.Errorf("the key lives for %s", ttl)
	}
	b.accept(t, keyed("short"), func(n *redisstore.NewJob) { n.Repeat.KeyFor = time.Second })
	if ttl := b.rdb.PTTL(t.Context(), "{tt}:once:short").Val(); ttl < 50*time.Second {
		t.Errorf("the key lives for %s, and its job may run for a minute", ttl)
	}
}

// testKeyWithoutRecord: a key is not free because its job's record has expired.
func testKeyWithoutRecord(t *testing.T, b bench) {
	id, _ := b.accept(t, keyed("k"))
	if err := b.rdb.Del(t.Context(), "{tt}:job:"+string(id)).Err(); err != nil {
		t.Fatal(err)
	}
	if e := b.earlier(t, redisstore.Repeat{Key: "k", Digest: "d"}, id); !e.Same || e.Turn != 0 {
		t.Errorf("found %+v", e)
	}
	n := newJob()
	keyed("k")(&n)
	if _, _, err := b.Accept(t.Context(), n); !errors.Is(err, redisstore.ErrEarlier) {
		t.Errorf("a second job under the key: %v", err)
	}
	if left := b.keys(t, "job:*"); len(left) != 0 {
		t.Errorf("records: %v", left)
	}
}

func testRefusedRepeat(t *testing.T, b bench) {
	n := newJob()
	keyed("k")(&n)
	n.Spec.Upstream = "other"
	_, _, err := b.Accept(t.Context(), n)
	wantFault(t, err, fault.PoolExhausted)
	if left := append(b.keys(t, "once:*"), b.keys(t, "alike:*")...); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// testOneKey: however many calls race, one makes the job, under a key and as
// retries of one request alike.
func testOneKey(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 100))
	for name, r := range map[string]redisstore.Repeat{
		"key": {Key: "k", KeyFor: time.Hour, Digest: "d1", Absorb: time.Minute}, "retry": retry("d2"),
	} {
		var wg sync.WaitGroup
		errs := make(chan error, 20)
		for range cap(errs) {
			wg.Go(func() {
				n := newJob()
				n.Repeat = r
				_, _, err := b.Accept(t.Context(), n)
				errs <- err
			})
		}
		wg.Wait()
		close(errs)
		made, earlier := 0, 0
		for err := range errs {
			switch {
			case err == nil:
				made++
			case errors.Is(err, redisstore.ErrEarlier):
				earlier++
			default:
				t.Errorf("%s: %v", name, err)
			}
		}
		if made != 1 || earlier != 19 {
			t.Errorf("%s: %d jobs were made and %d calls sent to them", name, made, earlier)
		}
	}
	if n := len(b.keys(t, "job:*")); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

func testAbsorb(t *testing.T, b bench) {
	id, _ := b.accept(t, repeats(first("d")))
	b.earlier(t, first("d"), "") // a repeat that is no retry is a request of its own
	b.earlier(t, retry("another request"), "")
	b.earlier(t, redisstore.Repeat{Digest: "d", Try: 1}, "") // switched off
	b.earlier(t, redisstore.Repeat{Digest: "d", Try: 1, Absorb: time.Minute, Key: "new"}, "")
	if e := b.earlier(t, retry("d"), id); !e.Same || e.Turn != 1 {
		t.Errorf("found %+v", e)
	}
	second, _ := b.accept(t, repeats(first("d")))
	if second == id {
		t.Error("a deliberate second call has no job of its own")
	}
	off, _ := b.accept(t, repeats(redisstore.Repeat{Digest: "off"}))
	b.earlier(t, retry("off"), "")
	if _, err := b.Left(t.Context(), off, 0, redisstore.Gone); err != nil {
		t.Error(err)
	}
}

// testAbsorbAtAccept: a retry that found nothing when it came is stopped in the
// script that would make its job: the first try was slow and got there before.
func testAbsorbAtAccept(t *testing.T, b bench) {
	b.earlier(t, retry("d"), "")
	id, _ := b.accept(t, repeats(first("d")))
	n := newJob()
	n.Repeat = retry("d")
	if _, _, err := b.Accept(t.Context(), n); !errors.Is(err, redisstore.ErrEarlier) {
		t.Fatalf("the retry made a job: %v", err)
	}
	b.earlier(t, retry("d"), id)
}

// testSpread: two equal calls at once, both cut: each retry gets a job of its
// own, and what nobody has come for is given out before what was delivered.
func testSpread(t *testing.T, b bench) {
	one, _ := b.accept(t, repeats(first("d")))
	two, _ := b.accept(t, repeats(first("d")))
	withKey, _ := b.accept(t, keyed("k"))

	b.left(t, two, 0, redisstore.Gone)
	turn := b.earlier(t, retry("d"), two).Turn // its caller went away
	b.earlier(t, retry("d"), one)              // the older of those that nobody has left
	b.earlier(t, retry("d"), one)              // ties go to the older one
	b.earlier(t, retry("d"), two)
	turn++

	if newest, err := b.Left(t.Context(), two, 0, redisstore.Gone); newest || err != nil {
		t.Errorf("a caller that was replaced had the last word: %v, %v", newest, err)
	}
	b.left(t, two, turn, redisstore.Unnoted)
	b.left(t, one, 2, redisstore.Told)
	b.earlier(t, retry("d"), two)
	b.left(t, two, turn+1, redisstore.Told)
	b.earlier(t, retry("d"), withKey) // all were delivered: fewest callers, then the oldest
}

// testLate: a retry was quicker than the first try. One job is made, and each of
// the tries that the retry says came before it finds it once.
func testLate(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 9))
	made := func(digest string) job.ID { // by the third try
		r := retry(digest)
		r.Try = 2
		id, _ := b.accept(t, repeats(r))
		return id
	}
	counted := func(digest string, ago time.Duration) redisstore.Repeat {
		r := first(digest)
		r.Came = time.Now().Add(-ago)
		return r
	}
	ago := func(id job.ID, d time.Duration) {
		if err := b.rdb.HIncrBy(t.Context(), "{tt}:job:"+string(id), "created", -d.Milliseconds()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	id := made("d")
	b.earlier(t, first("d"), "") // its tries are not counted: a call on purpose
	n := newJob()
	n.Repeat = counted("d", time.Minute)
	if _, _, err := b.Accept(t.Context(), n); !errors.Is(err, redisstore.ErrEarlier) {
		t.Fatalf("a late try made a job: %v", err)
	}
	e := b.earlier(t, n.Repeat, id)
	if newest, err := b.Left(t.Context(), id, e.Turn, redisstore.Gone); newest || err != nil {
		t.Errorf("the end of a late try was noted: %v, %v", newest, err)
	}
	ago(id, 3*time.Second)
	b.earlier(t, counted("d", time.Second), id) // not heard until its retry had made the job
	b.earlier(t, counted("d", time.Minute), "") // there were two

	id = made("e")
	ago(id, 3*time.Second)
	b.left(t, id, 0, redisstore.Told)
	b.earlier(t, counted("e", time.Second), "") // the next call on purpose
	b.earlier(t, counted("e", time.Minute), id)
	b.left(t, id, 0, redisstore.Gone)
	ago(id, 20*time.Second)
	b.earlier(t, counted("e", time.Second), "")
}

func testAbsorbEnds(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 9))
	id, _ := b.accept(t, repeats(first("d")))
	b.begin(t, id, "w")
	ago := func(field string) { // two minutes are longer than an ended job absorbs
		if err := b.rdb.HIncrBy(t.Context(), "{tt}:job:"+string(id), field, -2*time.Minute.Milliseconds()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	ago("created")
	b.earlier(t, retry("d"), id) // it runs
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})))
	b.earlier(t, retry("d"), id)
	ago("finished")
	b.earlier(t, retry("d"), "")

	id, _ = b.accept(t, repeats(first("d2")))
	if _, _, err := b.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.earlier(t, retry("d2"), "") // it never cost anything
}

func testListed(t *testing.T, b bench) {
	own := account.Account{ID: "own-1", Upstream: "up", Secret: account.NewSecret("x"), MaxInFlight: 1, Ephemeral: true}
	var ids []job.ID
	for range 151 {
		id, _ := b.accept(t, repeats(first("d")), func(n *redisstore.NewJob) { n.Own = &own })
		ids = append(ids, id)
	}
	if n := b.rdb.LLen(t.Context(), "{tt}:alike:d").Val(); n != 100 {
		t.Errorf("%d jobs are listed", n)
	}
	ttl := b.rdb.PTTL(t.Context(), "{tt}:alike:d").Val()
	if ttl < time.Minute || ttl > 2*time.Minute { // the deadline, and as long again as ended jobs absorb
		t.Errorf("the list lives for %s", ttl)
	}
	if e, err := b.Earlier(t.Context(), retry("d")); err != nil || e == nil || e.ID == ids[0] {
		t.Errorf("found %+v, %v", e, err)
	}
}
