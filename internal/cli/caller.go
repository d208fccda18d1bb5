package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const defaultURL = "http://127.0.0.1:8080"

// callerFlags say which service is meant, who asks and for how long.
type callerFlags struct {
	URL     string        `help:"Where the API is. (default: TINTYPE_URL, or http://127.0.0.1:8080)"`
	Key     string        `help:"Your key. Better in TINTYPE_KEY, where no list of processes shows it. (default: TINTYPE_KEY, or pooled)"`
	JSON    bool          `help:"Print JSON in place of words."`
	Timeout time.Duration `placeholder:"TIME" help:"Wait no longer than this; a job goes on. (default: as long as it takes)"`
}

// caller speaks to a service for a command.
type caller struct {
	*tintype.Client

	flags callerFlags
	url   string
}

func (f callerFlags) caller(c *console) (*caller, error) {
	base := cmp.Or(f.URL, c.variable("TINTYPE_URL"), defaultURL)
	client, err := tintype.NewClient(base, tintype.WithKey(cmp.Or(f.Key, c.variable("TINTYPE_KEY"), tintype.KeyPooled)),
		tintype.WithUserAgent("tintype-cli"))
	if err != nil {
		return nil, command.Misuse(fmt.Errorf("TINTYPE_URL or --url: %s", strings.TrimPrefix(err.Error(), "tintype: ")))
	}
	if f.Timeout < 0 {
		return nil, command.Misuse(errors.New("--timeout cannot be negative"))
	}
	return &caller{Client: client, flags: f, url: base}, nil
}

// within gives the context that --timeout allows.
func (f callerFlags) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, f.Timeout)
}

// again is a command line that goes on where this one was broken off.
func (c *caller) again(words ...string) string {
	if c.flags.URL != "" {
		words = append(words, "--url", c.flags.URL)
	}
	for i, w := range words {
		words[i] = quoted(w)
	}
	return "tintype " + strings.Join(words, " ")
}

// quoted is a word as a shell wants it.
func quoted(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("-_./:,=+@%", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// unfinished is a wait that ended while its job, if any, goes on. Its text says how
// to take it up again.
type unfinished struct {
	text  string
	cause error
}

// Error tells what goes on, and the way back.
func (e *unfinished) Error() string { return e.text }

// Unwrap gives the cause.
func (e *unfinished) Unwrap() error { return e.cause }

// explain makes of the client's error what a person can act on. Out is where the
// result was to be saved; empty: nowhere.
func (c *caller) explain(err error, out string) error {
	if err == nil {
		return nil
	}
	if broken, ok := errors.AsType[*tintype.IncompleteError](err); ok {
		return c.brokenOff(broken, out)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &unfinished{fmt.Sprintf("no answer within %s (--timeout)", c.flags.Timeout), err}
	}
	if e, ok := errors.AsType[*tintype.APIError](err); ok {
		return errors.New(c.refusal(e))
	}
	return c.unreached(err)
}

// unreached is for errors before any answer.
func (c *caller) unreached(err error) error {
	e, ok := errors.AsType[*url.Error](err)
	if !ok {
		return errors.New(strings.TrimPrefix(err.Error(), "tintype: "))
	}
	why := e.Err
	if op, ok := errors.AsType[*net.OpError](err); ok {
		why = op.Err
	}
	return fmt.Errorf("nobody answers at %s: %w\nIs the service up, and TINTYPE_URL (or --url) right?", c.url, why)
}

func (c *caller) refusal(e *tintype.APIError) string {
	text := e.Message
	switch {
	case e.Status == http.StatusUnauthorized:
		text += "\nSet TINTYPE_KEY (or --key) to a key that " + c.url + " knows."
	case e.RetryAfter > 0:
		text += fmt.Sprintf("\nTry again in %s.", e.RetryAfter.Round(time.Second))
	case e.Code == tintype.CodeInternal && e.RequestID != "":
		text += "\nThe request's id is " + e.RequestID + "."
	}
	return text
}

func (c *caller) brokenOff(e *tintype.IncompleteError, out string) error {
	what := "the connection was lost: " + strings.TrimPrefix(e.Err.Error(), "tintype: ")
	switch {
	case errors.Is(e, context.Canceled):
		what = "interrupted"
	case errors.Is(e, context.DeadlineExceeded):
		what = fmt.Sprintf("not finished within %s (--timeout)", c.flags.Timeout)
	}
	switch {
	case e.JobID != "":
		watch := []string{"jobs", "watch", e.JobID}
		if out != "" {
			watch = append(watch, "-o", out)
		}
		what += fmt.Sprintf("; the job %s goes on\n  %s   takes it up again\n  %s   ends it",
			e.JobID, c.again(watch...), c.again("jobs", "cancel", e.JobID))
	case e.IdempotencyKey != "":
		what += "; the service may have taken the request\n  the same command with --idempotency-key " + quoted(e.IdempotencyKey) + " finds its job, or else makes it"
	}
	return &unfinished{what, e}
}

// screen is where a command shows its progress: nowhere if what it prints is JSON,
// not between the bytes of a file.
func (c *console) screen(f callerFlags, out string) terminal.Screen {
	switch {
	case f.JSON:
		return terminal.Screen{W: io.Discard}
	case out == toStdout:
		return terminal.On(c.Stderr, c.Environ)
	}
	return terminal.On(c.Stdout, c.Environ)
}
