// Command tintype is the whole service in one process, for a laptop: `tintype
// run` serves, `tintype demo` shows what it does. It also runs the simulator
// alone and checks configurations. `tintype help` lists all of it.
//
// Under the names api and worker it is these two programs: a container image has
// all three in one file with three names.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/cli"
	"github.com/tintypehq/tintype/internal/config"
)

func main() { os.Exit(run()) }

// run ends gracefully at the first SIGINT or SIGTERM, at once at the second.
func run() int {
	if called := app.Program(filepath.Base(os.Args[0])); called == app.API || called == app.Worker {
		return app.Main(called, os.Args[1:], config.Environ(), os.Stdout, os.Stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return cli.Run(ctx, os.Args[1:], config.Environ(), os.Stdout, os.Stderr)
}
