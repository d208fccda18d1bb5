package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/tintypehq/tintype/internal/config"
)

// Exit codes of the programs.
const (
	exitOK      = 0
	exitFailed  = 1 // it could not start, or a part of it failed
	exitMisused = 2 // the command line or the settings are wrong
)

// Main is what cmd/api and cmd/worker do: flags, settings, signals, run. It
// gives the exit code. The first SIGINT or SIGTERM ends the program
// gracefully, a second one at once.
func Main(program Program, args, environ []string, stdout, stderr io.Writer) int {
	role := config.ForAPI
	if program == Worker {
		role = config.ForWorker
	}
	flags := flag.NewFlagSet(string(program), flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("config", "", "`file` with the settings (default: the one in TINTYPE_CONFIG, or none)")
	addr := flags.String("addr", "", "host:port to listen on, instead of the setting "+addrSetting(program))
	version := flags.Bool("version", false, "print the version and end")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitMisused
	case flags.NArg() > 0:
		_, _ = fmt.Fprintf(stderr, "%s: unexpected argument %q; see --help\n", program, flags.Arg(0))
		return exitMisused
	case *version:
		_, _ = fmt.Fprintln(stdout, program, Version())
		return exitOK
	}
	source := config.Source{Role: role, File: *file, Environ: environ}
	if *addr != "" {
		source.Flags = append(source.Flags, config.Flag{Name: "--addr", Setting: addrSetting(program), Value: *addr})
	}
	cfg, err := Settings(source)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return exitMisused
	}
	return Serve(program, Options{Config: cfg, Source: &source, Stderr: stderr, Version: Version()})
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

// Version is the version of the build: a tag, or the commit.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return strings.ToLower(s.Value[:min(12, len(s.Value))])
		}
	}
	return "devel"
}
