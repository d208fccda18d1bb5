package simulator

import (
	"context"
	"io"

	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/health"
)

// commands is the command line of the simulator's own program. What it has, the whole
// program has under the same names.
type commands struct {
	Sim     Command         `cmd:"" help:"Run the simulator alone: an upstream to test against that speaks Volcengine Ark."`
	Health  healthCommand   `cmd:"" help:"Ask a program whether it is well: exit code 0 or 1."`
	Version command.Version `cmd:"" help:"Print the version."`
}

// Run does what the arguments say, until it is done or ctx ends, and gives the
// exit code. environ is the environment as os.Environ gives it.
func Run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	line := command.Line{
		Commands:    &commands{},
		Description: "This is Tintype's simulator alone. The service, the demo and all else is in the whole program of the same name.",
	}
	return line.Run(ctx, &command.Console{Environ: environ, Stdout: stdout, Stderr: stderr}, args)
}

type healthCommand struct {
	URL string `arg:"" help:"What to ask: 200 is well."`
}

// Help is the longer part of the command's help.
func (healthCommand) Help() string {
	return "For health checks of containers, which may have no curl. The simulator's own is http://HOST:PORT/_sim/."
}

// Run asks, and says nothing if all is well.
func (k healthCommand) Run(ctx context.Context) error { return health.AskURL(ctx, k.URL) }
