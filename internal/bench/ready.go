package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const (
	quickPoll  = time.Second     // the shortest pause that makes the rest visible
	clipTime   = 2 * time.Second // how long the simulator takes for a video
	answerTask = 50.0            // ms for everything that is neither polling nor copying

	// clipGap keeps videos apart, so that one does not wait for another.
	clipGap = 300 * time.Millisecond

	// longest is by how much jitter stretches a pause at most.
	longest = 1.1
)

// clip is one video from its being ready on.
type clip struct {
	ready, seen, answered time.Time

	// first and last are when the first and the last file were stored, by the
	// job's own log.
	first, last time.Time
}

// measureReadyToAnswer lets callers wait for videos.
func measureReadyToAnswer(ctx context.Context, r *rig) ([]figure, error) {
	sv, err := r.newService(ctx, settings{poll: quickPoll}, stand.Simulator, "-video-time", clipTime.String())
	if err != nil {
		return nil, err
	}
	defer sv.close()
	if _, err := sv.startAPI(ctx); err != nil {
		return nil, err
	}
	if _, err := sv.startWorker(ctx); err != nil {
		return nil, err
	}
	clips, err := sv.clips(ctx, r.effort.answers)
	if err != nil {
		return nil, err
	}
	copies, err := sv.bareCopies(ctx, r.effort.answers)
	if err != nil {
		return nil, err
	}
	return readyFigures(clips, copies), nil
}

func readyFigures(clips []clip, copies []float64) []figure {
	const what = "two such files copied by net/http and the bare SDK"
	took := func(from, to func(clip) time.Time) []float64 {
		var list []float64
		for _, c := range clips {
			list = append(list, ms(to(c).Sub(from(c))))
		}
		return list
	}
	ready, seen, answered := func(c clip) time.Time { return c.ready }, func(c clip) time.Time { return c.seen }, func(c clip) time.Time { return c.answered }
	first, last := func(c clip) time.Time { return c.first }, func(c clip) time.Time { return c.last }
	mirror, whole := median(copies), took(ready, answered)
	bound := atMost(longest*ms(quickPoll) + mirror + answerTask)
	p50 := figure{Name: "ready to answer, p50", Unit: millis, Ours: median(whole)}.aim(bound)
	p50.Note = fmt.Sprintf("%d videos, asked after every %s", len(whole), quickPoll)
	p95 := figure{Name: "ready to answer, p95", Unit: millis, Ours: quantile(whole, 0.95)}.aim(bound)
	after := figure{Name: "seen ready to answer, p50", Unit: millis, Ours: median(took(seen, answered))}.against(mirror, what).aim(atMost(mirror + answerTask))
	after.Note = "without the wait for the next question"
	return []figure{
		p50, p95, after,
		{Name: "  of it, until the film is stored", Unit: millis, Ours: median(took(seen, first)), Note: "the wait for the bell included"},
		{Name: "  of it, until the cover is stored", Unit: millis, Ours: median(took(first, last))},
		{Name: "  of it, until the answer is there", Unit: millis, Ours: median(took(last, answered))},
	}
}

// clips makes videos, each with a caller that waits for it.
func (s *service) clips(ctx context.Context, n int) ([]clip, error) {
	client, err := tintype.NewClient("http://"+s.apiAddr, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		return nil, err
	}
	out := make([]clip, n)
	group, waiting := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			if err := pause(waiting, time.Duration(i)*clipGap); err != nil {
				return err
			}
			answer, err := client.Videos.Generate(waiting, tintype.VideoRequest{Prompt: clipPrompt(i)})
			out[i].answered = time.Now()
			if err != nil {
				return err
			}
			return out[i].readLog(waiting, client, answer.ID)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	heard, err := s.ledger(ctx)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if err := out[i].readSubmission(heard[clipPrompt(i)]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func clipPrompt(i int) string { return fmt.Sprintf("clip %d", i) }

// readLog takes from a job's log when its files were stored.
func (c *clip) readLog(ctx context.Context, client *tintype.Client, id string) error {
	job, err := client.Jobs.Get(ctx, id)
	if err != nil {
		return err
	}
	for _, moment := range job.Timeline {
		if moment.Event != tintype.EventMedia {
			continue
		}
		if c.first.IsZero() {
			c.first = moment.At
		}
		c.last = moment.At
	}
	return nil
}

// readSubmission takes from the upstream's ledger when the video was ready, and
// when we learned of it.
func (c *clip) readSubmission(s sim.Submission) error {
	if s.LastPoll == nil {
		return fmt.Errorf("a video was answered that the upstream was never asked after: %q", s.Prompt)
	}
	c.ready, c.seen = s.At.Add(clipTime), *s.LastPoll
	return nil
}

// bareCopies makes videos at the upstream itself and copies their files by the
// shortest way. They are new ones, since the simulator draws a file when it is
// asked for it first.
func (s *service) bareCopies(ctx context.Context, n int) ([]float64, error) {
	var tasks []string
	for i := range n {
		id, err := s.createTask(ctx, fmt.Sprintf("bare %d", i))
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, id)
	}
	if err := pause(ctx, clipTime+100*time.Millisecond); err != nil {
		return nil, err
	}
	put := stand.BarePut(s.store())
	var out []float64
	for i, task := range tasks {
		links, err := s.links(ctx, task)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		for n, link := range links {
			if err := copyFile(ctx, link, fmt.Sprintf("bare/%d-%d", i, n), put); err != nil {
				return nil, err
			}
		}
		out = append(out, ms(time.Since(began)))
	}
	return out, nil
}

func copyFile(ctx context.Context, link, key string, put stand.PutFunc) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || resp.ContentLength < 0 {
		return fmt.Errorf("%s answers %s, %d bytes", link, resp.Status, resp.ContentLength)
	}
	return put(ctx, key, resp.Body, resp.ContentLength)
}

// store is the bucket's address.
func (s *service) store() s3blob.Config {
	return s3blob.Config{
		Endpoint: s.s3.Endpoint, Bucket: s.s3.Bucket, Region: s.s3.Region, PathStyle: true,
		AccessKeyID: s.s3.AccessKey, SecretAccessKey: s.s3.SecretKey,
	}
}
