package testserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// OwnProgram is one of this repository's own programs.
type OwnProgram struct {
	*Process

	// Find tells the origin of the program's HTTP server from a line that it
	// has written; empty for every other line.
	Find func(line string) (url string)
}

// Program starts a program of ours that lives as long as the test does, and
// returns when it is ready. It gets the arguments and the environment that are
// named here and inherits nothing.
func Program(tb testing.TB, path string, args, env []string, find func(line string) string) *OwnProgram {
	tb.Helper()
	s, err := StartProgram(tb.Context(), path, args, env, find)
	if err != nil {
		tb.Fatalf("no %s for this test: %v", path, err)
	}
	closeAfter(tb, s.Process)
	return s
}

// StartProgram is Program for callers that call Close themselves.
func StartProgram(ctx context.Context, path string, args, env []string, find func(line string) string) (*OwnProgram, error) {
	dir, err := newDir()
	if err != nil {
		return nil, err
	}
	s := &OwnProgram{Find: find}
	s.Process = &Process{Dir: dir, name: path, path: path, args: args, env: env, ready: s.listens}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// URL is the origin of the program's HTTP server, as it was told last. Empty:
// not yet.
func (s *OwnProgram) URL() (url string) {
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if found := s.Find(line); found != "" {
			url = found
		}
	}
	return url
}

// listens asks /readyz. A program without that path, as the simulator, is ready
// when it answers at all.
func (s *OwnProgram) listens(ctx context.Context) error {
	url := s.URL()
	if url == "" {
		return errors.New("it has not said where it listens")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusServiceUnavailable {
		return fmt.Errorf("/readyz says %s", resp.Status)
	}
	return nil
}

// SimAddress finds where the simulator listens in what it says.
func SimAddress(line string) string {
	_, rest, found := strings.Cut(line, "http://")
	addr, _, ours := strings.Cut(rest, "/api/v3")
	if !found || !ours {
		return ""
	}
	return "http://" + addr
}
