// Package demo is `tintype demo`: the whole service in one process, four calls
// over real HTTP, and a look at what came of them.
//
// It makes an image, an image from an image, a video and a chat answer, side by
// side and with their progress on the screen; saves the files; checks that they
// decode and are, byte for byte, what the API says of them; and tells where the
// time went. The upstream is the simulator, or Ark itself for who has a key.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// Upstream is who generates.
type Upstream string

// The upstreams.
const (
	Sim Upstream = "sim" // the built-in simulator, which costs nothing
	Ark Upstream = "ark" // Volcengine Ark, which charges the key's owner
)

// Options are what a demo is started with.
type Options struct {
	Upstream Upstream

	// Key and BaseURL are Ark's. Without a BaseURL it is the one in mainland
	// China. The simulator needs neither.
	Key     account.Secret
	BaseURL string

	Out  string // the directory for the files; made if it is missing
	Keep bool   // go on serving until ctx ends

	Screen  terminal.Screen
	Version string

	settings []config.Flag // further ones, so that tests need not wait for the simulator's default times
}

// logFile is where the service's log goes, in Out: on the screen it would run
// into the progress.
const logFile = "tintype.log"

// Run runs the demo to its end. Its error is one sentence or several lines of
// one each: what could not be started, made, saved or was not as it should be;
// or ctx's, if that ended first.
func Run(ctx context.Context, o Options) error {
	began := time.Now()
	if err := os.MkdirAll(o.Out, 0o755); err != nil { //nolint:gosec // for everybody to look at
		return fmt.Errorf("the files cannot be saved: %w", err)
	}
	service, err := start(ctx, o)
	if err != nil {
		return err
	}
	results, err := o.perform(ctx, service.client)
	if err == nil {
		o.report(results, time.Since(began))
	}
	if err == nil && o.Keep {
		o.Screen.Printf("\nStill serving at %s; the key is %s. Ctrl-C ends it.\n", service.url, o.keyInWords())
		<-ctx.Done()
	}
	return errors.Join(err, service.stop())
}

// perform does all pieces of work side by side. The first thing that each one
// found wrong is a line of the error.
func (o Options) perform(ctx context.Context, client *tintype.Client) ([]result, error) {
	works, err := o.works(client)
	if err != nil {
		return nil, err
	}
	o.Screen.Printf("%s\n\n", o.greeting())
	results, errs := make([]result, len(works)), make([]error, len(works))
	o.together(works, func(i int, step func(int)) (string, error) {
		results[i], errs[i] = works[i].run(ctx, step)
		return results[i].summary(), errs[i]
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return results, o.failures(works, errs)
}

// together runs all works and shows them on a board meanwhile.
func (o Options) together(works []work, run func(i int, step func(int)) (string, error)) {
	var shown []terminal.Work
	for _, w := range works {
		shown = append(shown, terminal.Work{Name: w.name, Steps: w.steps})
	}
	board := o.Screen.Board(shown...)
	defer board.Stop()
	ended := make(chan struct{})
	for i := range works {
		go func() {
			defer func() { ended <- struct{}{} }()
			what, err := run(i, func(step int) { board.Step(i, step) })
			switch {
			case err == nil:
				board.Done(i, what)
			case !errors.Is(err, context.Canceled): // interrupted is not failed
				board.Fail(i)
			}
		}()
	}
	for range works {
		<-ended
	}
}

func (o Options) keyInWords() string {
	if o.Upstream == Ark {
		return "yours"
	}
	return tintype.KeyPooled
}

func (o Options) greeting() string {
	version := o.Screen.Paint(terminal.Bold, "Tintype "+o.Version)
	switch o.Upstream {
	case Ark:
		return version + ": two images, a video and a chat answer by Ark, charged to your key"
	case Sim:
	}
	return version + ": two images, a video and a chat answer by the simulator"
}

// failures makes one error of those that there were. What several works failed
// of is told once.
func (o Options) failures(works []work, errs []error) error {
	var order []string
	names := map[string][]string{}
	for i, err := range errs {
		if err == nil {
			continue
		}
		why := sentence(err)
		if names[why] == nil {
			order = append(order, why)
		}
		names[why] = append(names[why], works[i].name)
	}
	if len(order) == 0 {
		return nil
	}
	var lines []string
	for _, why := range order {
		lines = append(lines, strings.Join(names[why], ", ")+": "+why)
	}
	lines = append(lines, "The service's log is in "+filepath.Join(o.Out, logFile)+".")
	return errors.New(strings.Join(lines, "\n"))
}

// sentence is an error without what only programs need.
func sentence(err error) string {
	if e, ok := errors.AsType[*tintype.APIError](err); ok {
		return e.Message
	}
	return err.Error()
}
