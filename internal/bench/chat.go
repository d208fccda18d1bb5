package main

import (
	"context"
	"fmt"
	"time"

	"github.com/tintypehq/tintype/internal/bench/stand"
)

const (
	chatConns  = 64
	leastRate  = 0.6 // of the floor's
	mostAdded  = 2   // times the floor's
	proxyFloor = "bare Echo reverse proxy"
)

// measureChat compares rates at full load, for whole and for streamed answers.
// The upstream writes the chunks of a stream as fast as they are taken.
func measureChat(ctx context.Context, r *rig) ([]figure, error) {
	var out []figure
	for _, mode := range []struct {
		name, contains string
		stream         bool
	}{{"whole", stand.Said, false}, {"streamed", "data: [DONE]", true}} {
		figures, err := r.chatRate(ctx, mode.name, mode.contains, mode.stream)
		if err != nil {
			return nil, fmt.Errorf("%s answers: %w", mode.name, err)
		}
		out = append(out, figures...)
	}
	return out, nil
}

func (r *rig) chatRate(ctx context.Context, name, contains string, stream bool) ([]figure, error) {
	c, sv, err := r.newContest(ctx, stream)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	t, err := c.play(ctx, r.effort.rounds, chatConns, r.effort.window, contains)
	if err != nil {
		return nil, err
	}
	rate := func(one turn) float64 { return one.rate }
	each := func(one turn) float64 { return float64(one.cpuEach) / float64(time.Microsecond) }
	direct := median(t.values(&c.direct, rate))
	rates := compare(name+", answers", perSecond, t.values(&c.ours, rate), t.values(&c.floor, rate), proxyFloor).aim(ratioAtLeast(leastRate))
	rates.Note = fmt.Sprintf("straight from the upstream %s/s", number(direct))
	usage, err := sv.api.Usage()
	if err != nil {
		return nil, err
	}
	return []figure{
		rates,
		compare(name+", processor time an answer", micros, t.values(&c.ours, each), t.values(&c.floor, each), proxyFloor),
		{Name: name + ", API's memory at the peak", Unit: mebibytes, Ours: mib(usage.PeakBytes)},
	}, nil
}

// measureChatAdded compares what passing through adds to an answer.
func measureChatAdded(ctx context.Context, r *rig) ([]figure, error) {
	c, sv, err := r.newContest(ctx, false)
	if err != nil {
		return nil, err
	}
	defer sv.close()
	t, err := c.play(ctx, r.effort.rounds, 1, r.effort.window/2, stand.Said)
	if err != nil {
		return nil, err
	}
	p50 := func(one turn) float64 { return float64(one.p50) / float64(time.Microsecond) }
	direct := t.values(&c.direct, p50)
	added := func(one *contender) []float64 {
		list := t.values(one, p50)
		for i := range list {
			list[i] -= direct[i]
		}
		return list
	}
	f := compare("added to the median", micros, added(&c.ours), added(&c.floor), proxyFloor).aim(ratioAtMost(mostAdded))
	f.Note = fmt.Sprintf("straight from the upstream %s µs", number(median(direct)))
	return []figure{f}, nil
}
