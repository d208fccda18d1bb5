//go:build chaos

package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tintypehq/tintype/internal/e2e/wire"
)

// resumesWithin is how long nobody may ask after a running job because its
// worker is replaced: a second, and what lies between two questions anyway.
const resumesWithin = time.Second + 200*time.Millisecond

// rollingRestart is F13: every program is replaced in turn while callers wait in
// every way there is.
func rollingRestart(r *row) {
	c := plan{limit: crashLimit, settings: []string{"TINTYPE_SERVER_SHUTDOWN_GRACE=3s"}}.start(r.T)
	requests := slices.Concat(c.load(), c.load())
	for _, w := range slices.Repeat(polledWorks(), 2) { // these are watched
		requests = append(requests, request{
			url: c.apis[0].base() + w.path, key: gatewayKey, headers: []string{"Prefer", "respond-async"},
			body: encode(fields{"model": w.model, "prompt": c.prompt("watched waves sim:ready=12s")}),
		})
	}
	calls := make(chan []tried, 1)
	go func() { calls <- c.together(requests) }()
	c.awaitJobs(len(requests))
	c.awaitAll(func(j record) bool {
		return !strings.Contains(j.spec.Prompt, "watched") || j.state == "running"
	})
	over := make(chan struct{})
	gap := make(chan time.Duration, 1)
	go func() { gap <- c.longestGap("watched", over) }()
	for _, p := range []*program{c.workers[0], c.apis[0], c.workers[1], c.apis[1]} {
		p.stop(r.T)
		c.run(p)
	}
	close(over)
	handed := 0
	for i, call := range <-calls {
		id, problem := outcome(call)
		if problem != "" {
			c.Errorf("call %d (%.80s…): %s", i, call.body, problem)
		}
		if id == "" {
			continue
		}
		if !strings.Contains(string(call.answer.body), `"stop"`) {
			handed++
		}
		c.succeeded(c.apis[i%2], call.key, id)
	}
	longest := <-gap
	r.recovered(longest)
	if longest > resumesWithin {
		c.Errorf("a running job was not asked after for %s", longest)
	}
	jobs, charges := c.settle(r)
	for _, j := range jobs {
		if charges[j.id] != 1 || len(c.submissionsOf(j)) != 1 {
			c.Errorf("job %s was submitted %d times", j.id, len(c.submissionsOf(j)))
		}
	}
	r.remark("%d of %d callers got a handle, the others their result; recovery is the longest pause between two polls of a job", handed, len(requests))
}

// longestGap is the longest time between two questions after one of the running
// jobs whose prompts hold a word, as the upstream saw them.
func (c *cluster) longestGap(word string, over <-chan struct{}) (longest time.Duration) {
	last := map[int64]time.Time{}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		l, err := c.ledger()
		if err != nil {
			c.Error(err)
			return 0
		}
		for _, sub := range l.Submissions {
			if sub.LastPoll == nil || !strings.Contains(sub.Prompt, word) {
				continue
			}
			if before, known := last[sub.Seq]; known {
				longest = max(longest, sub.LastPoll.Sub(before))
			}
			last[sub.Seq] = *sub.LastPoll
		}
		select {
		case <-over:
			return longest
		case <-tick.C:
		}
	}
}

// mediaSpoilt is F14: the media's source, or the bucket, fails in the middle.
func mediaSpoilt(r *row) {
	r.Run("source", func(t *testing.T) {
		t.Parallel()
		c := plan{limit: crashLimit, settings: []string{"TINTYPE_VIDEO_DEADLINE=4m", "TINTYPE_IMAGE_DEADLINE=4m"}}.start(t)
		seen := c.watchBucket()
		fails := map[string]bool{}
		for _, w := range works() {
			for _, tags := range []string{
				"sim:size=3MB sim:stall,times=2", "sim:size=3MB sim:truncate=media,times=2", "sim:expired", "sim:html,times=2", "sim:nolength",
			} {
				if w.path == imagePath && tags == "sim:expired" {
					continue // its only link: there is no fresh one
				}
				c.postAs(w, "waves "+tags)
			}
			fails[c.postAs(w, "waves sim:html")] = true
		}
		for _, w := range polledWorks()[2:] {
			for _, tags := range []string{"sim:size=3MB sim:stall,times=2", "sim:size=3MB sim:truncate=media,times=2", "sim:expired", "sim:html,times=2", "sim:nolength"} {
				c.postAs(w, "waves "+tags)
			}
		}
		jobs, charges := c.settle(r)
		for _, j := range jobs {
			r.recovered(j.finished.Sub(j.created))
			good := j.state == "succeeded" && !fails[j.id] || j.state == "failed" && j.failure == "media_invalid" && fails[j.id]
			if !good || charges[j.id] != 1 {
				t.Errorf("%q: %s (%s) with %d charges", j.spec.Prompt, j.state, j.failure, charges[j.id])
			}
		}
		c.checkSeen(seen(), jobs)
	})
	spoilers := map[string]wire.Spoiler{
		"bucket says 503": wire.Refusing(http.MethodPut, http.StatusServiceUnavailable, 12),
		"bucket is slow":  wire.Slowing(http.MethodPut, 2*time.Second, 6),
	}
	for k := 1; k <= 5; k++ {
		spoilers[fmt.Sprintf("bucket cuts PUT %d", k)] = wire.Cutting(http.MethodPut, k, 1<<20)
	}
	for name, spoil := range spoilers {
		r.Run(name, func(t *testing.T) {
			t.Parallel()
			c := plan{limit: crashLimit, wired: true}.start(t)
			seen := c.watchBucket()
			c.doors.s3.Spoil(spoil)
			c.postAs(works()[1], "waves sim:size=40MB")
			c.postAs(works()[0], "a cat sim:size=20MB")
			jobs, charges := c.settle(r)
			for _, j := range jobs {
				r.recovered(j.finished.Sub(j.created))
				if j.state != "succeeded" || charges[j.id] != 1 {
					t.Errorf("job %s is %s (%s) with %d charges", j.id, j.state, j.failure, charges[j.id])
				}
			}
			c.checkSeen(seen(), jobs)
		})
	}
}

// watchBucket looks at the bucket all the time; the function that it gives ends
// that and tells which sizes each object was seen with.
func (c *cluster) watchBucket() (stop func() map[string][]int64) {
	ctx, cancel := context.WithCancel(c.ctx())
	seen := map[string][]int64{}
	var watch sync.WaitGroup
	client := c.s3Client()
	watch.Go(func() {
		tick := time.NewTicker(30 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			page, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &c.s3.Bucket})
			if err == nil {
				for _, o := range page.Contents {
					if !slices.Contains(seen[*o.Key], *o.Size) {
						seen[*o.Key] = append(seen[*o.Key], *o.Size)
					}
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() map[string][]int64 {
		cancel()
		watch.Wait()
		return seen
	}
}

// checkSeen: media was there whole, or not at all.
func (c *cluster) checkSeen(seen map[string][]int64, jobs []record) {
	c.Helper()
	for _, j := range jobs {
		for _, m := range j.media {
			if sizes := seen[m.Key]; !slices.Equal(sizes, []int64{m.SizeBytes}) {
				c.Errorf("%s has %d bytes and was seen with %v", m.Key, m.SizeBytes, sizes)
			}
		}
	}
}
