// Package testlog keeps what a program logs, for tests to wait for and to look at.
package testlog

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
)

// Book keeps a log line by line. It is an io.Writer that may be read while it is
// written; the zero value is ready.
type Book struct {
	mu    sync.Mutex
	lines []string
	rest  []byte        // a line that has not ended yet
	more  chan struct{} // closed when a line comes; nil: nobody waits
}

// Write implements io.Writer.
func (b *Book) Write(p []byte) (int, error) {
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

// Lines are those that were written so far, without an unfinished last one.
func (b *Book) Lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.lines)
}

// String is all that was written so far.
func (b *Book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(append(slices.Clone(b.lines), string(b.rest)), "\n")
}

// Tail is the end of the log, for a person.
func (b *Book) Tail(n int) string {
	lines := b.Lines()
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Has tells whether a line has all of these words.
func (b *Book) Has(words ...string) bool {
	return slices.ContainsFunc(b.Lines(), func(line string) bool { return With(words...)(line) != "" })
}

// Await gives what find makes of the first line after the first `from` ones of
// which it makes anything.
func (b *Book) Await(ctx context.Context, from int, find func(line string) string) (string, error) {
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

// With finds lines that have all of these words.
func With(words ...string) func(line string) string {
	return func(line string) string {
		if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return ""
		}
		return line
	}
}
