package ark

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/tasks"
)

const (
	callbackTimeout = 5 * time.Second
	callbackTries   = 3 // for a succeeded or failed task; once for the others
)

// callbacks posts changes of tasks to whoever asked for them.
type callbacks struct {
	clock  clock.Clock
	log    *slog.Logger
	client *http.Client
	ctx    context.Context //nolint:containedctx // bounds goroutines that outlive the request
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

func newCallbacks(c clock.Clock, log *slog.Logger) *callbacks {
	ctx, cancel := context.WithCancel(context.Background())
	return &callbacks{
		clock: c, log: log, ctx: ctx, cancel: cancel,
		client: &http.Client{Timeout: callbackTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
	}
}

func (cb *callbacks) close() {
	cb.cancel()
	cb.wait.Wait()
}

// callbackLine delivers the changes of one task in their order.
type callbackLine struct {
	cb  *callbacks
	url string

	mu      sync.Mutex
	pending []change
	busy    bool
}

type change struct {
	state tasks.State
	body  taskObject
}

func (cb *callbacks) line(url string) *callbackLine { return &callbackLine{cb: cb, url: url} }

// post sends a change, after those before it. It does not block.
func (l *callbackLine) post(state tasks.State, body taskObject) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cb.ctx.Err() != nil {
		return
	}
	l.pending = append(l.pending, change{state, body})
	if !l.busy {
		l.busy = true
		l.cb.wait.Go(l.deliver)
	}
}

func (l *callbackLine) deliver() {
	for {
		l.mu.Lock()
		if len(l.pending) == 0 || l.cb.ctx.Err() != nil {
			l.busy = false
			l.mu.Unlock()
			return
		}
		next := l.pending[0]
		l.pending = l.pending[1:]
		l.mu.Unlock()
		l.try(next)
	}
}

func (l *callbackLine) try(c change) {
	tries := 1
	if c.state == tasks.Succeeded || c.state == tasks.Failed {
		tries = callbackTries
	}
	body, err := json.Marshal(c.body)
	for n := 0; n < tries && err == nil; n++ {
		if n > 0 && clock.Sleep(l.cb.ctx, l.cb.clock, time.Second) != nil {
			return
		}
		failed := l.cb.send(l.url, body)
		if failed == nil {
			return
		}
		l.cb.log.WarnContext(l.cb.ctx, "callback failed", "task_id", c.body.ID, "try", n+1, "err", failed)
	}
}

func (cb *callbacks) send(url string, body []byte) error {
	req, err := http.NewRequestWithContext(cb.ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := cb.client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // nothing in it matters
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
