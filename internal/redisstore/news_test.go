package redisstore_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/testserver"
)

// subscribing runs the news, which look at each job every so often, until the test ends.
// Whoever listens is woken when they are heard.
func (b bench) subscribing(t *testing.T, every time.Duration) (*redisstore.News, *redisstore.Listener) {
	t.Helper()
	news := b.NewNews(every)
	l := news.Listen(job.NewID(time.Now()))
	t.Cleanup(l.Stop)
	ctx, cancel := contextWithCancel(t)
	done := make(chan error, 1)
	go func() { done <- news.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return news, l
}

// hearing is the same, and returns when they are heard.
func (b bench) hearing(t *testing.T) *redisstore.News {
	t.Helper()
	news, l := b.subscribing(t, time.Hour)
	awaitNews(t, l)
	return news
}

// heard returns when everything is heard that was published until now.
func (b bench) heard(t *testing.T, news *redisstore.News) {
	t.Helper()
	id := job.NewID(time.Now())
	l := news.Listen(id)
	defer l.Stop()
	b.publish(t, string(id)+" 1")
	awaitNews(t, l)
}

func (b bench) publish(t *testing.T, text string) {
	t.Helper()
	if err := b.rdb.Publish(t.Context(), "{tt}:news", text).Err(); err != nil {
		t.Fatal(err)
	}
}

func awaitNews(t *testing.T, l *redisstore.Listener) {
	t.Helper()
	select {
	case <-l.Changed():
	case <-time.After(30 * time.Second):
		t.Fatal("no news")
	}
}

// testNewsOfEnds: what the news bring of a job's end is what whoever reads the job
// then reads, down to what a script writes after the last event.
func testNewsOfEnds(t *testing.T, b bench) {
	news := b.hearing(t)
	succeed := func(id job.ID, token string) {
		must(t, redisstore.Written)(b.Stored(t.Context(), id, token, 0, job.Media{Name: "image-0.png", Key: "k", Role: job.Primary, SizeBytes: 3}))
		must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, token)))
	}
	for name, tt := range map[string]struct {
		start func() job.ID
		end   func(job.ID)
		want  job.State
	}{
		"succeeded": {func() job.ID { return b.toMirroring(t) }, func(id job.ID) { succeed(id, "m") }, job.Succeeded},
		"canceled": {
			func() job.ID { id, _ := b.accept(t); return id },
			func(id job.ID) { b.cancel(t, id, redisstore.CancelDone) },
			job.Canceled,
		},
		"failed, and may be made good": {
			func() job.ID { id, _ := b.accept(t); b.begin(t, id, "w1"); return id },
			func(id job.ID) {
				failure := fault.New(fault.OutcomeUnknown, "1:2 \"quoted\"\n海浪")
				rest := redisstore.Rest{Stage: job.HarvestBlind, Blind: time.Minute}
				must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), id, "w1", failure, rest)))
			},
			job.Failed,
		},
		"recovered": {func() job.ID { return b.overdue(t) }, func(id job.ID) {
			must(t, redisstore.Written)(firstTwo(b.Ready(t.Context(), id, "p", oneSource, &job.Usage{OutputTokens: 5}, 0)))
			if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); err != nil || !ok {
				t.Fatalf("claim = %v, %v", ok, err)
			}
			succeed(id, "m")
		}, job.Succeeded},
	} {
		t.Run(name, func(t *testing.T) {
			id := tt.start()
			b.heard(t, news)
			first, second := news.Listen(id), news.Listen(id)
			defer first.Stop()
			defer second.Stop()
			tt.end(id)
			want := b.wantState(t, id, tt.want)
			log := b.log(t, id)
			for _, l := range []*redisstore.Listener{first, second} {
				end := awaitEnd(t, l)
				if !reflect.DeepEqual(end.Job, want) {
					t.Errorf("the news bring\n%+v\nand the record is\n%+v", end.Job, want)
				}
				if !reflect.DeepEqual(end.Log, log) {
					t.Errorf("the news bring\n%+v\nand the log is\n%+v", end.Log, log)
				}
				if l.Ended() != nil {
					t.Error("the same end is brought twice")
				}
			}
		})
	}
}

func (b bench) log(t *testing.T, id job.ID) []job.Event {
	t.Helper()
	log, err := b.Events(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// awaitEnd waits for news that bring an end: those of other changes may come before.
func awaitEnd(t *testing.T, l *redisstore.Listener) *redisstore.Ended {
	t.Helper()
	for {
		awaitNews(t, l)
		if end := l.Ended(); end != nil {
			return end
		}
	}
}

// testNewsAlone: news that bring no end, or something that nobody understands, wake as
// all news do.
func testNewsAlone(t *testing.T, b bench) {
	news := b.hearing(t)
	long, _ := b.accept(t, func(n *redisstore.NewJob) { n.Spec.Prompt = strings.Repeat("long ", 20_000) })
	l := news.Listen(long)
	defer l.Stop()
	b.cancel(t, long, redisstore.CancelDone)
	b.heard(t, news)
	awaitNews(t, l)
	if end := l.Ended(); end != nil {
		t.Errorf("%d bytes of a prompt are sent to every process", len(end.Job.Spec.Prompt))
	}

	id, _ := b.accept(t)
	l = news.Listen(id)
	defer l.Stop()
	for _, text := range []string{
		"", "x", "1:", "-1:x", "1:0", "3:100", "1:2", "1:22:id1:x", "1:26:schema2:99", "1:25:state6:failed", "1:25:state6:failed3:1-03:100",
		"1:25:state6:failed3:1-01:0", "1:25:state6:failed1:x1:0", "99999999999999999999:1",
	} {
		b.publish(t, string(id)+" 7 "+text)
		b.heard(t, news)
		awaitNews(t, l)
		if end := l.Ended(); end != nil {
			t.Errorf("%q is read as %+v", text, end)
		}
	}
}

// testNewsAfterAnEnd: an end that something has come after is not told as the end.
func testNewsAfterAnEnd(t *testing.T, b bench) {
	news := b.hearing(t)
	id, _ := b.accept(t)
	l := news.Listen(id)
	defer l.Stop()
	b.cancel(t, id, redisstore.CancelDone)
	b.publish(t, string(id)+" 99")
	b.heard(t, news)
	awaitNews(t, l)
	if end := l.Ended(); end != nil {
		t.Errorf("told as the end: %+v", end.Job)
	}
}

// testNewsLookAtAll: each of many jobs is looked at, whatever its shard, and again and again.
func testNewsLookAtAll(t *testing.T, b bench) {
	news, _ := b.subscribing(t, 128*time.Millisecond)
	var all []*redisstore.Listener
	for range 1000 {
		l := news.Listen(job.NewID(time.Now())) // which is not there any more
		t.Cleanup(l.Stop)
		all = append(all, l)
	}
	for range 3 { // one may be the subscription's
		for _, l := range all {
			awaitNews(t, l)
		}
	}
}

// TestNewsAfterARefusal: a subscription that Redis refuses, as one does whose rules are
// being written, leaves a connection that is alive and deaf. Nothing tells of it but the
// silence.
func TestNewsAfterARefusal(t *testing.T) {
	t.Parallel()
	b := open(t, testserver.Redis(t).Addr)
	channels := func(rule string) {
		t.Helper()
		if err := b.rdb.Do(t.Context(), "ACL", "SETUSER", "default", rule).Err(); err != nil {
			t.Fatal(err)
		}
	}
	channels("resetchannels")
	news, l := b.subscribing(t, time.Hour)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for refused := int64(0); refused == 0; <-tick.C {
		list, err := b.rdb.Do(t.Context(), "ACL", "LOG").Slice()
		if err != nil {
			t.Fatal(err)
		}
		refused = int64(len(list))
	}
	channels("allchannels")
	awaitNews(t, l) // of a subscription
	b.heard(t, news)
}
