package redisstore_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// wantCensus checks that every job is counted where its record says that it is, and
// nowhere else. Each test of the suite ends with it. Records and jobs that a test
// has made or removed by hand do not count.
func wantCensus(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := rdb.Ping(ctx).Err(); err != nil {
		return // the test has taken Redis away
	}
	want, got := map[string]string{}, map[string]string{}
	pipe := rdb.Pipeline()
	for _, key := range rdb.Keys(ctx, "{tt}:job:*").Val() {
		pipe.HGetAll(ctx, key)
	}
	records, err := pipe.Exec(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, r := range records {
		if cmd, ok := r.(*redis.MapStringStringCmd); ok {
			if m := cmd.Val(); hasCensus(m) {
				want[m["id"]] = stageOf(m)
			}
		}
	}
	keys, err := rdb.Keys(ctx, "{tt}:census:*").Result()
	if err != nil {
		t.Error(err)
	}
	for _, key := range keys {
		ids, err := rdb.ZRange(ctx, key, 0, -1).Result()
		if err != nil {
			t.Error(err)
		}
		for _, id := range ids {
			got[id] += strings.TrimPrefix(key, "{tt}:census:")
		}
	}
	for id, place := range want {
		if got[id] != place {
			t.Errorf("job %s is counted in %q, and its record says %q", id, got[id], place)
		}
	}
}

func hasCensus(record map[string]string) bool {
	_, ok := record["census"]
	return ok
}

// stageOf is where a record's job belongs in the census; "" for nowhere.
func stageOf(m map[string]string) string {
	switch state := job.State(m["state"]); {
	case state.Final() && m["harvest"] != "":
		return "harvesting|" + m["kind"]
	case state.Final(), state == "":
		return ""
	case state == job.Queued && m["account"] == "":
		return "waiting|" + m["kind"]
	case state == job.Queued:
		return "admitted|" + m["kind"]
	default:
		return string(state) + "|" + m["kind"]
	}
}

// counts gives the stages and kinds that there are jobs of: "running|video": 2.
func (b bench) counts(t *testing.T) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for _, c := range b.census(t).Jobs {
		if c.Jobs > 0 {
			out[string(c.Stage)+"|"+string(c.Kind)] = c.Jobs
		}
	}
	return out
}

func (b bench) census(t *testing.T) redisstore.Census {
	t.Helper()
	c, err := b.Census(t.Context(), []string{"up"})
	if err != nil || len(c.Jobs) != 12 || len(c.Upstreams) != 1 || c.Upstreams[0].Upstream != "up" {
		t.Fatalf("census = %+v, %v", c, err)
	}
	return c
}

func (b bench) wantCounts(t *testing.T, want map[string]int64) {
	t.Helper()
	got := b.counts(t)
	if len(got) != len(want) {
		t.Fatalf("counted %v, want %v", got, want)
	}
	for place, n := range want {
		if got[place] != n {
			t.Fatalf("counted %v, want %v", got, want)
		}
	}
}

// testCensus: a job is counted in each stage of its life, in one at a time.
func testCensus(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 1))
	b.wantCounts(t, map[string]int64{})
	video, _ := b.accept(t)
	b.wantCounts(t, map[string]int64{"admitted|video": 1})
	_, _ = b.accept(t, func(n *redisstore.NewJob) { n.Spec.Kind = job.Image })
	b.wantCounts(t, map[string]int64{"admitted|video": 1, "waiting|image": 1})
	fence := b.begin(t, video, "w1")
	b.wantCounts(t, map[string]int64{"submitting|video": 1, "waiting|image": 1})
	for range 2 { // the reply of the first may have been lost
		must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), video, "w", fence, "cgt", nil, nil)))
		b.wantCounts(t, map[string]int64{"running|video": 1, "waiting|image": 1})
	}
	if ids, err := b.ClaimPolls(t.Context(), "p", 1); err != nil || len(ids) != 1 {
		t.Fatal(ids, err)
	}
	for range 2 {
		must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), video, "p", oneSource, nil, 0)))
		b.wantCounts(t, map[string]int64{"mirroring|video": 1, "waiting|image": 1})
	}
	if ok, err := b.Claim(t.Context(), video, job.StageMirror, "m"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), video, "m")))
	b.wantCounts(t, map[string]int64{"admitted|image": 1}) // its slot went on
}

// testCensusHarvest: what is over for its caller and not for us is counted apart.
func testCensusHarvest(t *testing.T, b bench) {
	id := b.overdue(t)
	b.wantCounts(t, map[string]int64{"harvesting|video": 1})
	must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), id, "p", oneSource, nil, 0)))
	b.wantCounts(t, map[string]int64{"harvesting|video": 1})
	if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); err != nil || !ok {
		t.Fatal(ok, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	b.wantCounts(t, map[string]int64{})
}

// testCensusAge: the age is since the oldest came into its stage, not since it came.
func testCensusAge(t *testing.T, b bench) {
	oldest := func(stage redisstore.Stage) time.Duration {
		t.Helper()
		for _, c := range b.census(t).Jobs {
			if c.Stage == stage && c.Kind == job.Video {
				return c.Oldest
			}
		}
		t.Fatalf("no stage %s", stage)
		return 0
	}
	id := b.toRunning(t)
	_ = b.toRunning(t)
	b.rdb.ZIncrBy(t.Context(), "{tt}:census:running|video", -60_000, string(id))
	if age := oldest(redisstore.StageRunning); age < time.Minute || age > 2*time.Minute {
		t.Errorf("the oldest runs for %s", age)
	}
	if age := oldest(redisstore.StageSubmitting); age != 0 {
		t.Errorf("nothing is submitted for %s", age)
	}
	ids, err := b.ClaimPolls(t.Context(), "p", 2)
	if err != nil || len(ids) != 2 {
		t.Fatal(ids, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), id, "p", oneSource, nil, 0)))
	if age := oldest(redisstore.StageMirroring); age >= time.Minute {
		t.Errorf("it is mirrored for %s", age)
	}
	if age := oldest(redisstore.StageRunning); age >= time.Minute {
		t.Errorf("the other one runs for %s", age)
	}
}

// testCensusAccounts: accounts are counted by how they stand, and only the slots of
// those that may get jobs.
func testCensusAccounts(t *testing.T, b bench) {
	want := func(when string, slots map[job.Kind]int64, standings ...redisstore.AccountCount) {
		t.Helper()
		u := b.census(t).Upstreams[0]
		for kind, n := range slots {
			if u.Slots[kind] != n {
				t.Errorf("%s: %d slots for a %s, want %d: %+v", when, u.Slots[kind], kind, n, u)
			}
		}
		if len(u.Accounts) != len(standings) {
			t.Errorf("%s: %+v", when, u.Accounts)
		}
		for _, s := range standings {
			if !slices.Contains(u.Accounts, s) {
				t.Errorf("%s: %+v is not in %+v", when, s, u.Accounts)
			}
		}
	}
	stand := func(how redisstore.AccountStands, cause account.Cause, n int64) redisstore.AccountCount {
		return redisstore.AccountCount{Standing: how, Cause: cause, Accounts: n}
	}
	both := func(image, video int64) map[job.Kind]int64 {
		return map[job.Kind]int64{job.Image: image, job.Video: video}
	}
	cool := func(c account.Cooldown) {
		t.Helper()
		if _, err := b.Cool(t.Context(), "up", c); err != nil {
			t.Fatal(err)
		}
	}

	few, full := acct("b", 5), acct("c", 3)
	few.Kinds = map[string]account.KindLimits{string(job.Video): {MaxInFlight: 2}}
	full.Kinds = map[string]account.KindLimits{string(job.Image): {Daily: 1}}
	pool(t, b.Store, acct("a", 4), few, full)
	want("all work", both(12, 9), stand(redisstore.AccountReady, "", 3))

	b.rdb.HSet(t.Context(), "{tt}:acct:c", "used:image", 1)
	want("a quota is used up", both(9, 9), stand(redisstore.AccountReady, "", 3))

	cool(account.Cooldown{Account: "a", Cause: account.Auth})
	cool(account.Cooldown{Account: "b", Cause: account.RateLimit, For: time.Hour})
	want("one is parked, one cools", both(0, 3),
		stand(redisstore.AccountParked, account.Auth, 1), stand(redisstore.AccountCooling, account.RateLimit, 1), stand(redisstore.AccountReady, "", 1))

	b.turn(t, "a", redisstore.Clear)
	b.turn(t, "b", redisstore.Disable)
	b.turn(t, "c", redisstore.Drain)
	cool(account.Cooldown{Account: "a", Cause: account.Overload})
	b.rdb.HSet(t.Context(), "{tt}:acct:a", "cool", 1)
	want("one is in doubt", both(1, 1), stand(redisstore.AccountHalfOpen, account.Overload, 1), stand(redisstore.AccountOff, "", 2))

	id, _ := b.accept(t)
	want("a job finds out", both(0, 0), stand(redisstore.AccountHalfOpen, account.Overload, 1), stand(redisstore.AccountOff, "", 2))
	if u := b.census(t).Upstreams[0]; u.Used[job.Video] != 1 || u.Used[job.Image] != 0 {
		t.Errorf("%+v", u)
	}
	fence := b.begin(t, id, "w")
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "cgt", nil, nil)))
	want("it works", both(4, 4), stand(redisstore.AccountReady, "", 1), stand(redisstore.AccountOff, "", 2))

	if _, err := b.Pause(t.Context(), "up", true); err != nil {
		t.Fatal(err)
	}
	want("the upstream is paused", both(0, 0), stand(redisstore.AccountReady, "", 1), stand(redisstore.AccountOff, "", 2))
}

// testCensusHeals: what processes without a census have done is found.
func testCensusHeals(t *testing.T, b bench) {
	running, ended := b.toRunning(t), b.toRunning(t)
	pool(t, b.Store, acct("a", 3))
	missing, _ := b.accept(t)
	ctx := t.Context()
	b.rdb.ZRem(ctx, "{tt}:census:admitted|video", string(missing)) // accepted by an old process
	b.rdb.HDel(ctx, "{tt}:job:"+string(missing), "census")
	b.rdb.HSet(ctx, "{tt}:job:"+string(running), "state", "mirroring") // moved by one
	b.rdb.ZAdd(ctx, "{tt}:bells", redis.Z{Score: 9e15, Member: string(running)})
	b.rdb.HSet(ctx, "{tt}:job:"+string(ended), "state", "failed") // ended by one
	b.rdb.ZRem(ctx, "{tt}:deadlines", string(ended))
	b.rdb.ZAdd(ctx, "{tt}:census:waiting|image", redis.Z{Score: 1, Member: "long-gone"}) // its record has expired
	right := map[string]int64{"admitted|video": 1, "mirroring|video": 1}
	b.sweepUntil(t, func(redisstore.Swept) bool {
		got := b.counts(t)
		return len(got) == len(right) && got["admitted|video"] == 1 && got["mirroring|video"] == 1
	})
}

// testCensusHealsAll: a part at a time, all of a long set is looked at.
func testCensusHealsAll(t *testing.T, b bench) {
	const look, jobs = 12, 30 // two looks and a half
	ctx := t.Context()
	for range jobs {
		id, _ := b.accept(t)
		b.rdb.HDel(ctx, "{tt}:job:"+string(id), "census")
	}
	for _, key := range b.keys(t, "census:*") {
		b.rdb.Del(ctx, key)
	}
	for _, key := range b.keys(t, "census:*") {
		t.Fatalf("%s is left", key)
	}
	b.sweepBy(t, look, func(redisstore.Swept) bool { return b.counts(t)["waiting|video"] == jobs-2 })
}

// testCensusReads: to count changes nothing, and a store that is away is said so.
func testCensusReads(t *testing.T, b bench) {
	_ = b.toRunning(t)
	before := b.keys(t, "*")
	_ = b.census(t)
	if after := b.keys(t, "*"); !slices.Equal(before, after) {
		t.Errorf("%q became %q", before, after)
	}
	ctx, cancel := contextWithCancel(t)
	cancel()
	if _, err := b.Census(ctx, nil); err == nil {
		t.Error("a census without Redis")
	}
	dead := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { _ = dead.Close() })
	_, err := redisstore.New(redisstore.Config{Client: dead}).Census(t.Context(), nil)
	wantFault(t, err, fault.Unavailable)
}
