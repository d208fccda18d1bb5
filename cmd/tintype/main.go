// Command tintype is the whole service in one process, for a laptop: `tintype
// run` serves, `tintype demo` shows what it does. It also runs the simulator
// alone and checks configurations. `tintype help` lists all of it.
//
// Under the names api and worker it is these two programs: a container image has
// all three in one file with three names.
//
// Built with the tag "simonly" it is `tintype sim` and what a container of it needs,
// and has nothing of the service in it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run()) }

// untilSignal has a command end gracefully at the first SIGINT or SIGTERM, at once at the
// second.
func untilSignal(do func(context.Context) int) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return do(ctx)
}
