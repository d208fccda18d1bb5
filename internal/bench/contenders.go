package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/bench/proc"
	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
)

// contender is one way of getting the same answer; the ways take turns.
type contender struct {
	addr    string
	request wire.Request
	process *proc.Process // whose time counts
	size    int64         // of an answer that is only counted; 0: it is looked at
}

// contest is a chat, asked straight of the upstream, through the bare proxy and
// through cmd/api.
type contest struct {
	direct, floor, ours contender
}

// all gives the contenders in the order of a round.
func (c *contest) all(round int) []*contender {
	return inTurn([]*contender{&c.direct, &c.floor, &c.ours}, round)
}

// newContest starts all of it. Close the service afterwards.
func (r *rig) newContest(ctx context.Context, stream bool, upstreamFlags ...string) (*contest, *service, error) {
	sv, err := r.newService(ctx, settings{}, stand.Upstream, upstreamFlags...)
	if err != nil {
		return nil, nil, err
	}
	c, err := r.contend(ctx, sv, stream)
	if err != nil {
		sv.close()
		return nil, nil, err
	}
	return c, sv, nil
}

func (r *rig) contend(ctx context.Context, sv *service, stream bool) (*contest, error) {
	if _, err := sv.startAPI(ctx); err != nil {
		return nil, err
	}
	proxy, addr, err := r.stand(ctx, stand.Passthrough, "-to", "http://"+sv.upstream)
	if err != nil {
		return nil, err
	}
	sv.onClose(proxy.Kill)
	return &contest{
		direct: contender{addr: sv.upstream, request: chatRequest(sv.upstream, stream)},
		floor:  contender{addr: addr, request: chatRequest(addr, stream), process: proxy},
		ours:   contender{addr: sv.apiAddr, request: chatRequest(sv.apiAddr, stream), process: sv.api},
	}, nil
}

func chatRequest(host string, stream bool) wire.Request {
	body := fmt.Sprintf(`{"model":"doubao","messages":[{"role":"system","content":"You are a helpful assistant."},`+
		`{"role":"user","content":"Say something about a fox and a dog."}],"stream":%t}`, stream)
	return wire.NewRequest(http.MethodPost, "/v1/chat/completions", host, body, "Authorization: Bearer pooled")
}

// turn is what one contender did in one round.
type turn struct {
	rate    float64       // answers a second
	p50     time.Duration // of an answer
	cpuEach time.Duration // of the process, for one answer
}

// run lets a contender answer for a while.
func (c *contender) run(ctx context.Context, conns int, during time.Duration, contains string) (turn, error) {
	before, err := c.cpu()
	if err != nil {
		return turn{}, err
	}
	load := wire.Load{
		Addr: c.addr, Conns: conns, Request: wire.Same(c.request), Status: http.StatusOK, Contains: contains, Size: c.size, For: during,
	}
	result, err := load.Run(ctx)
	if err != nil {
		return turn{}, err
	}
	after, err := c.cpu()
	if err != nil || result.Answers == 0 {
		return turn{}, err
	}
	return turn{
		rate:    result.Rate(),
		p50:     time.Duration(median(inMillis(result.Latencies)) * float64(time.Millisecond)),
		cpuEach: (after - before) / time.Duration(result.Answers),
	}, nil
}

func (c *contender) cpu() (time.Duration, error) { return cpuOf(c.process) }

// cpuOf is the processor time of a process; none where it is nil.
func cpuOf(p *proc.Process) (time.Duration, error) {
	if p == nil {
		return 0, nil
	}
	u, err := p.Usage()
	return u.CPU, err
}

// turns are the rounds of each contender.
type turns map[*contender][]turn

// play runs rounds, after one that only warms up.
func (c *contest) play(ctx context.Context, rounds, conns int, during time.Duration, contains string) (turns, error) {
	out := turns{}
	for round := range rounds + 1 {
		for _, one := range c.all(round) {
			t, err := one.run(ctx, conns, during, contains)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				out[one] = append(out[one], t)
			}
		}
	}
	return out, nil
}

// values gives one property of a contender's rounds.
func (t turns) values(c *contender, property func(turn) float64) []float64 {
	return each(t[c], property)
}
