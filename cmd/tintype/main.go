// Command tintype is the whole service in one process, for a laptop: `tintype
// run` serves, `tintype demo` shows what it does. It also runs the simulator
// alone and checks configurations. `tintype help` lists all of it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/tintypehq/tintype/internal/cli"
	"github.com/tintypehq/tintype/internal/config"
)

func main() { os.Exit(run()) }

// run ends gracefully at the first SIGINT or SIGTERM, at once at the second.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return cli.Run(ctx, os.Args[1:], config.Environ(), os.Stdout, os.Stderr)
}
