package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call runs a command that ends by itself.
func call(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), args, environ, &out, &errs)
	return code, out.String(), errs.String()
}

// serving is a command that goes on until it is interrupted.
type serving struct {
	t         *testing.T
	lines     *bufio.Scanner
	stderr    *bytes.Buffer // complete after the end
	said      []string
	interrupt context.CancelFunc
	code      <-chan int
}

// serve starts a command that goes on.
func serve(t *testing.T, environ []string, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	code := make(chan int, 1)
	s := &serving{t: t, lines: bufio.NewScanner(in), stderr: &bytes.Buffer{}, interrupt: cancel, code: code}
	go func() {
		code <- cli.Run(ctx, args, environ, out, s.stderr)
		_ = out.Close()
	}()
	t.Cleanup(func() {
		cancel()
		_ = in.Close()
	})
	return s
}

// until reads what the command says up to a line with a text, and gives that line.
func (s *serving) until(text string) string {
	s.t.Helper()
	for s.lines.Scan() {
		line := s.lines.Text()
		s.said = append(s.said, line)
		if strings.Contains(line, text) {
			return line
		}
	}
	s.t.Fatalf("it ended without saying %q, but\n%s\n%s", text, strings.Join(s.said, "\n"), s.stderr)
	return ""
}

// end interrupts the command and wants it to end well.
func (s *serving) end() {
	s.t.Helper()
	s.interrupt()
	for s.lines.Scan() {
		s.said = append(s.said, s.lines.Text())
	}
	if code := <-s.code; code != 0 {
		s.t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}
