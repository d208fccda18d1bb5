package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// logBook keeps what a program has written, line by line. It is an io.Writer;
// the zero value is ready.
type logBook struct {
	mu    sync.Mutex
	lines []string
	rest  []byte        // a line that has not ended yet
	more  chan struct{} // closed when a line comes; nil: nobody waits
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest = append(b.rest, p...)
	for {
		line, rest, found := bytes.Cut(b.rest, []byte("\n"))
		if !found {
			break
		}
		b.lines, b.rest = append(b.lines, string(line)), rest
	}
	if b.more != nil {
		close(b.more)
		b.more = nil
	}
	return len(p), nil
}

// all is what was written so far, without an unfinished last line.
func (b *logBook) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// await gives what find makes of the first line after the first `from` ones of
// which it makes anything.
func (b *logBook) await(ctx context.Context, from int, find func(line string) string) (string, error) {
	for {
		b.mu.Lock()
		lines := b.lines[min(from, len(b.lines)):]
		from = len(b.lines)
		if b.more == nil {
			b.more = make(chan struct{})
		}
		more := b.more
		b.mu.Unlock()
		for _, line := range lines {
			if found := find(line); found != "" {
				return found, nil
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// tail is the end of the log, for a person.
func (b *logBook) tail(n int) string {
	lines := b.all()
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// logLine is as much of a program's log line as the tests look at.
type logLine struct {
	Level   string    `json:"level"`
	Msg     string    `json:"msg"`
	Addr    string    `json:"addr"`
	Job     string    `json:"job_id"`
	Account string    `json:"account"`
	How     string    `json:"how"`
	Time    time.Time `json:"time"`
}

// parseLine reads a line in JSON; the zero value for any other.
func parseLine(line string) (l logLine) {
	_ = json.Unmarshal([]byte(line), &l) // not JSON: a panic, a race
	return l
}
