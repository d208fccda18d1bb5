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
	task                  string
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
	copies, err := sv.bareCopies(ctx, clips)
	if err != nil {
		return nil, err
	}
	var whole, after []float64
	for _, c := range clips {
		whole = append(whole, ms(c.answered.Sub(c.ready)))
		after = append(after, ms(c.answered.Sub(c.seen)))
	}
	return readyFigures(whole, after, copies), nil
}

func readyFigures(whole, after, copies []float64) []figure {
	const what = "the same two files copied by net/http and the bare SDK"
	mirror := median(copies)
	bound := atMost(longest*ms(quickPoll) + mirror + answerTask)
	p50 := figure{Name: "ready to answer, p50", Unit: millis, Ours: median(whole)}.aim(bound)
	p50.Note = fmt.Sprintf("%d videos, asked after every %s", len(whole), quickPoll)
	p95 := figure{Name: "ready to answer, p95", Unit: millis, Ours: quantile(whole, 0.95)}.aim(bound)
	seen := figure{Name: "seen ready to answer, p50", Unit: millis, Ours: median(after)}.against(mirror, what).aim(atMost(mirror + answerTask))
	seen.Note = "without the wait for the next question"
	return []figure{p50, p95, seen}
}

// clips makes videos, each with a caller that waits for it.
func (s *service) clips(ctx context.Context, n int) ([]clip, error) {
	client, err := tintype.NewClient("http://"+s.apiAddr, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		return nil, err
	}
	answered := make([]time.Time, n)
	group, waiting := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			if err := pause(waiting, time.Duration(i)*clipGap); err != nil {
				return err
			}
			_, err := client.Video(waiting, tintype.VideoRequest{Prompt: clipPrompt(i)})
			answered[i] = time.Now()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	heard, err := s.ledger(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]clip, n)
	for i := range out {
		if out[i], err = clipOf(heard[clipPrompt(i)], answered[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func clipPrompt(i int) string { return fmt.Sprintf("clip %d", i) }

func clipOf(s sim.Submission, answered time.Time) (clip, error) {
	if s.LastPoll == nil {
		return clip{}, fmt.Errorf("a video was answered that the upstream was never asked after: %q", s.Prompt)
	}
	return clip{ready: s.At.Add(clipTime), seen: *s.LastPoll, answered: answered, task: s.TaskID}, nil
}

// bareCopies copies the same files by the shortest way.
func (s *service) bareCopies(ctx context.Context, clips []clip) ([]float64, error) {
	put := stand.BarePut(s.store())
	var out []float64
	for i, c := range clips {
		links, err := s.links(ctx, c.task)
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
