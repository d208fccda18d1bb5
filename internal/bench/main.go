// Command bench measures the programs: real processes on 127.0.0.1, a real Redis
// that writes every command down before it answers, a real S3 server. `make
// bench` runs it.
//
// A figure stands beside a floor of the same run, which is the least that the
// same machine does for the same purpose at that moment: figures of two machines
// or two days cannot be compared, their ratios can. What is measured and its
// floor take turns in rounds, and what is shown are medians. Nothing here is a
// test: a missed target is said, and only a run that broke ends with code 1.
//
// Ten thousand callers at once need as many open files in one process (ulimit -Hn);
// where fewer are allowed there are fewer callers, which their figures say.
//
//	bench                        everything, in about a quarter of an hour
//	bench -short                 the same with less care, in about five
//	bench -only chat,submit      these scenarios
//	bench -json figures.json     figures for a program to read
//	bench -markdown figures.md   the table as Markdown
//	bench -profile DIR           CPU profiles of the API and the worker
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/tintypehq/tintype/internal/bench/stand"
)

func main() {
	if args := os.Args[1:]; len(args) > 0 && args[0] == "stand" {
		os.Exit(stand.Main(args[1:], os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	only    []string // names of scenarios; empty: all
	short   bool
	rounds  int    // 0: what the effort says
	json    string // file; empty: none
	md      string // the same, for Markdown
	profile string // directory; empty: none
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	chosen, err := choose(scenarios(), o.only)
	if err != nil {
		return err
	}
	r, err := newRig(ctx, o, stderr)
	if err != nil {
		return err
	}
	defer r.close()
	report, err := r.measure(ctx, chosen)
	if err != nil {
		return err // what was measured before it would be taken for a whole run
	}
	report.write(stdout)
	if o.md != "" {
		if err := os.WriteFile(o.md, []byte(report.markdown()), 0o644); err != nil { //nolint:gosec // G306: figures are no secret
			return err
		}
	}
	if o.json == "" {
		return nil
	}
	return report.save(o.json)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "comma-separated `scenarios`: "+strings.Join(names(scenarios()), ", "))
	flags.BoolVar(&o.short, "short", false, "fewer and shorter rounds")
	flags.IntVar(&o.rounds, "rounds", 0, "rounds of each comparison; 0: 5, or 3 with -short")
	flags.StringVar(&o.json, "json", "", "`file` to write the figures to")
	flags.StringVar(&o.md, "markdown", "", "`file` to write the table to, as Markdown")
	flags.StringVar(&o.profile, "profile", "", "`directory` for CPU profiles of the programs; they cost some speed")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; see -help", flags.Arg(0))
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	return o, nil
}
