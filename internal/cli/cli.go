// Package cli is the command line of the program tintype: one process for a
// laptop, the demo, the simulator alone, and help with the configuration.
//
// What a command is, package command says. [Run] gives the exit code: 0 is well, 1 is a
// failure, 2 a mistake on the command line or in the settings, 3 a wait that ended while
// its job goes on, 130 an interrupt before the end.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/cli/simulator"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// exitUnfinished is the exit code beside those of every command line: the job goes on.
const exitUnfinished = 3

// commands is the command line.
type commands struct {
	Run    runCommand        `cmd:"" help:"Run the whole service in this process: API, worker, simulator, store. Needs no settings."`
	Demo   demoCommand       `cmd:"" help:"Make two images, a video and a chat answer, check them, and show where the time went."`
	Sim    simulator.Command `cmd:"" help:"Run the simulator alone: an upstream to test against that speaks Volcengine Ark."`
	Image  imageCommand      `cmd:"" help:"Have an image made by a running service, and save it."`
	Video  videoCommand      `cmd:"" help:"Have a video made, and save it."`
	Chat   chatCommand       `cmd:"" help:"Ask something, and see the answer while it is written."`
	Config struct {
		Check   checkCommand   `cmd:"" help:"Say everything that is wrong with a configuration."`
		Secrets secretsCommand `cmd:"" help:"Make the secrets that a deployment needs, ready to paste."`
	} `cmd:"" help:"Help with the configuration."`
	Bucket struct {
		Init bucketInitCommand `cmd:"" help:"Make the bucket if it is missing and have it expire what is left over. May be repeated."`
	} `cmd:"" help:"Set the object store up."`
	Accounts accountsCommand `cmd:"" help:"See and change the accounts of a running service (needs a key with the scope admin)."`
	Jobs     jobsCommand     `cmd:"" help:"Take up, save, list and cancel your jobs; with a key with the scope admin see everybody's, and who waits."`
	Doctor   doctorCommand   `cmd:"" help:"Look at all that the programs stand on - Redis, the bucket, clocks, upstreams - and say what is wrong."`
	Health   healthCommand   `cmd:"" help:"Ask the service on this machine whether it is ready: exit code 0 or 1."`
	Version  command.Version `cmd:"" help:"Print the version."`
}

// newCommands gives the command line with what tells twins apart.
func newCommands() *commands {
	var k commands
	k.Accounts.Enable.change, k.Accounts.Disable.change = tintype.AccountEnable, tintype.AccountDisable
	k.Accounts.Drain.change, k.Accounts.Clear.change = tintype.AccountDrain, tintype.AccountClear
	k.Jobs.Pause.pause = true
	return &k
}

// console is what a command knows of its surroundings, with what our commands make of it.
type console struct{ command.Console }

// Run does what the arguments say, until it is done or ctx ends, and gives the
// exit code. environ is the environment as os.Environ gives it.
func Run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	c := &console{command.Console{Environ: environ, Stdout: stdout, Stderr: stderr}}
	line := command.Line{
		Commands:    newCommands(),
		Description: "Tintype makes images and videos by services that take their time, and sees to it that they arrive.",
		Bind:        []any{c},
		Told:        c.told,
	}
	return line.Run(ctx, &c.Console, args)
}

// told tells the errors that are our commands' own and gives their exit codes.
func (c *console) told(name string, err error) (code int, ok bool) {
	if _, ok := errors.AsType[quiet](err); ok {
		return command.Misused, true
	}
	if e, ok := errors.AsType[*unfinished](err); ok {
		_, _ = fmt.Fprintf(c.Stderr, "%s: %s\n", name, e.text)
		if errors.Is(err, context.Canceled) {
			return command.Interrupted, true
		}
		return exitUnfinished, true
	}
	if _, ok := errors.AsType[*config.Error](err); ok {
		_, _ = fmt.Fprintf(c.Stderr, "%s: %v\n", name, err)
		return command.Misused, true
	}
	return 0, false
}

// quiet is an error that was told already, and whose exit code is that of misuse.
type quiet struct{ error }
