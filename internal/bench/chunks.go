package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
)

const (
	chunkStreams = 8
	chunkPace    = time.Second / 64
	chunkP50     = 1.0 // ms
	chunkP99     = 5.0
)

// measureChunks compares how long a chunk is on its way. The upstream writes
// into each chunk when it sends it, by the same clock as ours.
func measureChunks(ctx context.Context, r *rig) ([]figure, error) {
	perStream := int(2 * r.effort.window / chunkPace)
	c, sv, err := r.newContest(ctx, true, "-pace", chunkPace.String(), "-chunks", strconv.Itoa(perStream))
	if err != nil {
		return nil, err
	}
	defer sv.close()
	delays := map[*contender][]time.Duration{}
	for round := range min(r.effort.rounds, 3) {
		for _, one := range c.all(round) {
			list, err := one.delays(ctx, perStream)
			if err != nil {
				return nil, err
			}
			delays[one] = append(delays[one], list...)
		}
	}
	ours, floor, direct := inMillis(delays[&c.ours]), inMillis(delays[&c.floor]), inMillis(delays[&c.direct])
	at := func(name string, q, most float64) figure {
		f := figure{Name: name, Unit: millis, Ours: quantile(ours, q)}.against(quantile(floor, q), proxyFloor).aim(atMost(most))
		f.Note = fmt.Sprintf("straight from the upstream %s ms; %d chunks in %d streams at once", number(quantile(direct, q)), len(ours), chunkStreams)
		return f
	}
	return []figure{at("p50", 0.5, chunkP50), at("p99", 0.99, chunkP99)}, nil
}

// delays reads streams, which begin one after the other within a chunk's pace.
func (c *contender) delays(ctx context.Context, perStream int) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var group errgroup.Group
	for i := range chunkStreams {
		group.Go(func() error {
			time.Sleep(chunkPace * time.Duration(i) / chunkStreams)
			list, err := c.oneStream(ctx)
			if err == nil && len(list) != perStream {
				err = fmt.Errorf("a stream from %s had %d chunks, not %d", c.addr, len(list), perStream)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, list...)
			return err
		})
	}
	return all, group.Wait()
}

func (c *contender) oneStream(ctx context.Context) ([]time.Duration, error) {
	conn, err := wire.Dial(ctx, c.addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	var list []time.Duration
	status, err := conn.Lines(c.request, func(line []byte) {
		if sent, ok := stand.SentAt(line); ok {
			list = append(list, time.Since(sent))
		}
	})
	if err != nil || status != http.StatusOK {
		return list, fmt.Errorf("a stream from %s: status %d after %d chunks: %w", c.addr, status, len(list), err)
	}
	return list, nil
}
