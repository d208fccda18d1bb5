package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/health"
	"github.com/tintypehq/tintype/internal/version"
)

// Exit codes of the programs.
const (
	exitOK      = 0
	exitFailed  = 1 // it could not start, or a part of it failed
	exitMisused = 2 // the command line or the settings are wrong
)

// Main is what cmd/api and cmd/worker do: flags, settings, signals, run. It
// gives the exit code. The first SIGINT or SIGTERM ends the program
// gracefully, a second one at once. With "health" as the first argument it asks the
// program that runs beside it how it is, and ends: what a container's health check is.
func Main(program Program, args, environ []string, stdout, stderr io.Writer) int {
	role := config.ForAPI
	if program == Worker {
		role = config.ForWorker
	}
	asks := len(args) > 0 && args[0] == healthWord
	if asks {
		args = args[1:]
	}
	flags := flag.NewFlagSet(string(program), flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { usage(program, flags) }
	file := flags.String("config", "", "`file` with the settings (default: the one in TINTYPE_CONFIG, or none)")
	addr := flags.String("addr", "", "`host:port` to listen on, instead of the setting "+addrSetting(program))
	tells := flags.Bool("version", false, "print the version and end")
	live := flags.Bool("live", false, "with "+healthWord+": ask whether it lives, not whether it is ready for work")
	var roles string
	if program == Worker {
		flags.StringVar(&roles, "roles", "", "`stages` that this worker runs, of submit,poll,mirror,sweep,webhook, instead of the setting worker.roles")
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitMisused
	case flags.NArg() > 0:
		_, _ = fmt.Fprintf(stderr, "%s: unexpected argument %q; see --help\n", program, flags.Arg(0))
		return exitMisused
	case *live && !asks:
		_, _ = fmt.Fprintf(stderr, "%[1]s: --live belongs to `%[1]s %s`\n", program, healthWord)
		return exitMisused
	case *tells:
		_, _ = fmt.Fprintln(stdout, program, version.OfBuild())
		return exitOK
	}
	source := config.Source{Role: role, File: *file, Environ: environ}
	if *addr != "" {
		source.Flags = append(source.Flags, config.Flag{Name: "--addr", Setting: addrSetting(program), Value: *addr})
	}
	if roles != "" {
		source.Flags = append(source.Flags, config.Flag{Name: "--roles", Setting: "worker.roles", Value: roles})
	}
	cfg, err := Settings(source)
	switch {
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return exitMisused
	case asks:
		return askHealth(program, cfg, *live, stderr)
	}
	return Serve(program, Options{Config: cfg, Source: &source, Stderr: stderr, Version: version.OfBuild()})
}

// healthWord is the argument that asks how a running program is.
const healthWord = "health"

func usage(program Program, flags *flag.FlagSet) {
	_, _ = fmt.Fprintf(flags.Output(), "%[1]s [flags]          runs until SIGTERM\n%[1]s health [flags]   asks the %[1]s that runs here whether it is ready: exit code 0 or 1\n\n", program)
	flags.PrintDefaults()
}

func askHealth(program Program, c *config.Config, live bool, stderr io.Writer) int {
	addr := c.Server.Addr
	if program == Worker {
		addr = c.Worker.Addr
	}
	if err := health.Ask(context.Background(), addr, live); err != nil {
		_, _ = fmt.Fprintf(stderr, "%s health: %v\n", program, err)
		return exitFailed
	}
	return exitOK
}

func addrSetting(p Program) string {
	if p == Worker {
		return "worker.addr"
	}
	return "server.addr"
}

// Serve runs a program until a signal ends it and gives the exit code.
func Serve(program Program, o Options) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := Run(ctx, program, o); err != nil {
		_, _ = fmt.Fprintf(o.Stderr, "%s: %v\n", program, err)
		return exitFailed
	}
	return exitOK
}
