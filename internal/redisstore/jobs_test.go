package redisstore_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

func testRoundTrip(t *testing.T, b bench) {
	n := newJob()
	before := time.Now().Add(-time.Second)
	j, bells, err := b.Accept(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(j.Spec, n.Spec) {
		t.Errorf("spec = %+v, want %+v", j.Spec, n.Spec)
	}
	if j.ID != n.ID || j.Tenant != n.Tenant || j.Secret != n.Secret || j.State != job.Queued || j.Account != "a" || j.Version != 2 {
		t.Errorf("job = %+v", j)
	}
	if got := j.Deadline.Sub(j.CreatedAt); got != n.Deadline {
		t.Errorf("deadline after %s, want %s", got, n.Deadline)
	}
	if got := j.ExpiresAt.Sub(j.Deadline); got != n.Retention {
		t.Errorf("retention = %s, want %s", got, n.Retention)
	}
	if j.CreatedAt.Before(before) || !j.FinishedAt.IsZero() || !j.SubmittedAt.IsZero() {
		t.Errorf("times = %s %s %s", j.CreatedAt, j.SubmittedAt, j.FinishedAt)
	}
	want := []job.Bell{{Job: n.ID, Stage: job.StageSubmit, N: 1}}
	if !reflect.DeepEqual(bells, want) {
		t.Errorf("bells = %v, want %v", bells, want)
	}
}

func testUnknown(t *testing.T, b bench) {
	_, err := b.Get(t.Context(), job.NewID(time.Now()))
	wantFault(t, err, fault.NotFound)
	events, err := b.Events(t.Context(), job.NewID(time.Now()), 0)
	if err != nil || len(events) != 0 {
		t.Errorf("events = %v, %v", events, err)
	}
}

func testAcceptTwice(t *testing.T, b bench) {
	n := newJob()
	for range 2 { // as a client does whose first reply was lost
		if _, _, err := b.Accept(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if j := b.get(t, n.ID); j.Version != 2 {
		t.Errorf("version = %d, want 2: one job, queued and admitted", j.Version)
	}
}

func testNoAccount(t *testing.T, b bench) {
	n := newJob()
	n.Spec.Upstream = "other"
	_, _, err := b.Accept(t.Context(), n)
	wantFault(t, err, fault.PoolExhausted)
	_, err = b.Get(t.Context(), n.ID)
	wantFault(t, err, fault.NotFound)
}

func testSlots(t *testing.T, b bench) {
	var ids []job.ID
	for range 4 {
		id, _ := b.accept(t)
		ids = append(ids, id)
	}
	for i, id := range ids {
		if got := b.get(t, id).Account != ""; got != (i < 2) {
			t.Errorf("job %d has a slot: %v", i, got)
		}
	}
	fence := b.begin(t, ids[0], "w.1")
	_ = fence
	s, bells, err := b.Fail(t.Context(), ids[0], "w.1", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})
	must(t, redisstore.Written)(s, err)
	if len(bells) != 1 || bells[0].Job != ids[2] {
		t.Errorf("bells = %v, want one for %s", bells, ids[2])
	}
	if b.get(t, ids[2]).Account != "a" || b.get(t, ids[3]).Account != "" {
		t.Error("the freed slot did not go to the next in line alone")
	}
}

func testRotation(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 5), acct("b", 5), acct("c", 5))
	seen := map[string]int{}
	for range 6 {
		id, _ := b.accept(t)
		seen[b.get(t, id).Account]++
	}
	if seen["a"] != 2 || seen["b"] != 2 || seen["c"] != 2 {
		t.Errorf("slots taken = %v, want 2 each", seen)
	}
}

func testModels(t *testing.T, b bench) {
	pool(t, b.Store, acct("a", 5, "m2"), acct("b", 5, "m1", "m3"))
	for range 3 {
		id, _ := b.accept(t)
		if got := b.get(t, id).Account; got != "b" {
			t.Errorf("account = %q, want b, which has the model", got)
		}
	}
	n := newJob()
	n.Spec.UpstreamModel = "m" // a part of a name is not the name
	_, _, err := b.Accept(t.Context(), n)
	wantFault(t, err, fault.PoolExhausted)
}

func testOwn(t *testing.T, b bench) {
	own := account.Account{ID: "own-1", Upstream: "up", Secret: account.NewSecret("canary-credential"), MaxInFlight: 1, Ephemeral: true}
	first, _ := b.accept(t, func(n *redisstore.NewJob) { n.Own = &own })
	second, _ := b.accept(t, func(n *redisstore.NewJob) { n.Own = &own })
	pooled, _ := b.accept(t)
	if got := []string{b.get(t, first).Account, b.get(t, second).Account, b.get(t, pooled).Account}; !reflect.DeepEqual(got, []string{"own-1", "", "a"}) {
		t.Errorf("accounts = %v", got)
	}
	secret, err := b.Credential(t.Context(), first)
	if err != nil || secret.Reveal() != "canary-credential" {
		t.Errorf("credential = %q, %v", secret.Reveal(), err)
	}
	sealed, err := b.rdb.Get(t.Context(), "{tt}:cred:"+string(first)).Result()
	if err != nil || strings.Contains(sealed, "canary") {
		t.Errorf("sealed = %q, %v", sealed, err)
	}
	if err := b.rdb.Set(t.Context(), "{tt}:cred:"+string(second), sealed, 0).Err(); err != nil {
		t.Fatal(err)
	}
	_, err = b.Credential(t.Context(), second) // sealed for another job
	wantFault(t, err, fault.CredentialGone)
	b.begin(t, first, "w.1")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), first, "w.1", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})))
	_, err = b.Credential(t.Context(), first)
	wantFault(t, err, fault.CredentialGone)
	b.wantState(t, second, job.Queued)
	if b.get(t, second).Account != "own-1" {
		t.Error("the second job of the same credential did not get the slot")
	}
}

func testStored(t *testing.T, b bench) {
	id := b.toMirroring(t)
	m0 := job.Media{Name: "video-0.mp4", Key: "jobs/x/video-0.mp4", Role: job.Primary, ContentType: "video/mp4", SizeBytes: 9, SHA256: "ab", Width: 4, Height: 2, Duration: 5 * time.Second, FPS: 24}
	m1 := job.Media{Name: "cover-0.png", Key: "jobs/x/cover-0.png", Role: job.Cover, ContentType: "image/png", SizeBytes: 3, SHA256: "cd"}
	must(t, redisstore.Written)(b.Stored(t.Context(), id, "m", 0, m0))
	must(t, redisstore.Written)(b.Stored(t.Context(), id, "m", 0, m1)) // a repetition; the first stays
	must(t, redisstore.Stale)(b.Stored(t.Context(), id, "other", 1, m1))
	must(t, redisstore.Stale)(b.Stored(t.Context(), id, "m", 2, m1)) // out of order
	must(t, redisstore.Written)(b.Stored(t.Context(), id, "m", 1, m1))
	if got := b.get(t, id).Media; !reflect.DeepEqual(got, []job.Media{m0, m1}) {
		t.Errorf("media = %+v", got)
	}
	events, err := b.Events(t.Context(), id, 4)
	if err != nil || len(events) != 2 || !reflect.DeepEqual(events[0].Media, &m0) || !reflect.DeepEqual(events[1].Media, &m1) {
		t.Errorf("events = %+v, %v", events, err)
	}
}

func testFinal(t *testing.T, b bench) {
	id := b.toMirroring(t)
	must(t, redisstore.Stale)(firstTwo(b.Succeed(t.Context(), id, "not the holder")))
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m"))) // its reply was lost
	must(t, redisstore.Stale)(firstTwo(b.Succeed(t.Context(), id, "an earlier holder")))
	must(t, redisstore.Stale)(firstTwo(b.Fail(t.Context(), id, "m", fault.New(fault.MediaInvalid, "no"), redisstore.Rest{})))
	must(t, redisstore.Stale)(b.Stored(t.Context(), id, "m", 0, job.Media{}))
	if ok, err := b.Claim(t.Context(), id, job.StageMirror, "x"); ok || err != nil {
		t.Errorf("a final job was claimed: %v, %v", ok, err)
	}
	j := b.wantState(t, id, job.Succeeded)
	if j.FinishedAt.IsZero() || j.ExpiresAt.Sub(j.FinishedAt) != time.Hour || j.Usage.TotalTokens != 7 {
		t.Errorf("job = %+v", j)
	}
	for _, set := range []string{"bells", "polls", "deadlines"} {
		if n := b.rdb.ZCard(t.Context(), "{tt}:"+set).Val(); n != 0 {
			t.Errorf("%d jobs left in %s", n, set)
		}
	}
	if n := b.rdb.SCard(t.Context(), "{tt}:slots:a").Val(); n != 0 {
		t.Errorf("%d slots left", n)
	}
	if ttl := b.rdb.PTTL(t.Context(), "{tt}:job:"+string(id)).Val(); ttl <= time.Hour || ttl > 25*time.Hour {
		t.Errorf("the record lives for %s", ttl)
	}
}

func testLife(t *testing.T, b bench) {
	id := b.toRunning(t)
	b.wantState(t, id, job.Running)
	ids, err := b.ClaimPolls(t.Context(), "p", 10)
	if err != nil || !reflect.DeepEqual(ids, []job.ID{id}) {
		t.Fatalf("polls = %v, %v", ids, err)
	}
	rows, err := b.Running(t.Context(), ids)
	if err != nil || len(rows) != 1 {
		t.Fatalf("running = %v, %v", rows, err)
	}
	r := rows[0]
	if r.ID != id || r.Kind != job.Video || r.Upstream != "up" || r.Account != "a" || r.UpstreamID != "cgt-1" || r.Phase != job.PhaseQueued || r.Age < 0 || r.Age > time.Minute {
		t.Errorf("running = %+v", r)
	}
	for range 2 {
		if ok, err := b.Progress(t.Context(), id, "p", job.PhaseGenerating); !ok || err != nil {
			t.Fatalf("progress = %v, %v", ok, err)
		}
	}
	sources := []job.Source{{Role: job.Primary, URL: "http://x/1?sig=a%2Fb"}, {Role: job.Cover, URL: "http://x/2"}}
	s, bells, err := b.Ready(t.Context(), id, "p", sources, &job.Usage{OutputTokens: 5}, 3*time.Second)
	must(t, redisstore.Written)(s, err)
	if len(bells) != 1 || bells[0].Stage != job.StageMirror || bells[0].Job != id {
		t.Errorf("bells = %v", bells)
	}
	ready := b.get(t, id).ReadyAt
	must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), id, "p", sources, nil, 0))) // its reply was lost
	must(t, redisstore.Stale)(firstTwo(b.Ready(t.Context(), id, "an earlier holder", sources, nil, 0)))
	j := b.wantState(t, id, job.Mirroring)
	if j.BegunAt.Before(j.CreatedAt) || j.SubmittedAt.Before(j.BegunAt) || j.ReadyAt.Before(j.SubmittedAt) || !j.ReadyAt.Equal(ready) || j.UpstreamTook != 3*time.Second {
		t.Errorf("begun %s, submitted %s, ready %s, took %s", j.BegunAt, j.SubmittedAt, j.ReadyAt, j.UpstreamTook)
	}
	if !reflect.DeepEqual(j.Sources, sources) || j.Usage.OutputTokens != 5 {
		t.Errorf("job = %+v", j)
	}
	if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); !ok || err != nil {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	must(t, redisstore.Written)(b.Stored(t.Context(), id, "m", 0, job.Media{Name: "video-0.mp4"}))
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	wantLog(t, b, id, job.EventQueued, job.EventAdmitted, job.EventProgress, job.EventSubmitted, job.EventProgress, job.EventProgress, job.EventMedia, job.EventSucceeded)
}

func wantLog(t *testing.T, b bench, id job.ID, want ...job.EventType) {
	t.Helper()
	events, err := b.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []job.EventType
	for i, e := range events {
		got = append(got, e.Type)
		if e.Seq != int64(i+1) || e.Time.IsZero() {
			t.Errorf("event %d = %+v", i, e)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("log = %v, want %v", got, want)
	}
}

func testEvents(t *testing.T, b bench) {
	id := b.toRunning(t)
	all, err := b.Events(t.Context(), id, 0)
	if err != nil || len(all) != 4 {
		t.Fatalf("events = %v, %v", all, err)
	}
	newer, err := b.Events(t.Context(), id, 2)
	if err != nil || !reflect.DeepEqual(newer, all[2:]) {
		t.Errorf("after 2 = %v, %v", newer, err)
	}
	if none, err := b.Events(t.Context(), id, 4); err != nil || len(none) != 0 {
		t.Errorf("after the last = %v, %v", none, err)
	}
	past := b.get(t, id).At(all[:2])
	if past.State != job.Queued || !past.SubmittedAt.IsZero() || past.Version != 2 {
		t.Errorf("after two events the job was %+v", past)
	}
}

func testPosition(t *testing.T, b bench) {
	var ids []job.ID
	for range 5 {
		id, _ := b.accept(t)
		ids = append(ids, id)
	}
	if p, err := b.Position(t.Context(), ids[0]); p != nil || err != nil {
		t.Errorf("position of an admitted job = %v, %v", p, err)
	}
	for i, want := range []int64{0, 1, 2} {
		p, err := b.Position(t.Context(), ids[2+i])
		if err != nil || p == nil || p.Ahead != want || p.Depth != 3 {
			t.Errorf("position of job %d = %+v, %v", 2+i, p, err)
		}
	}
}
