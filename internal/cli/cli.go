// Package cli is the command line of the program tintype: one process for a
// laptop, the demo, the simulator alone, and help with the configuration.
//
// A command is a struct whose fields are its flags and arguments, and whose Run
// does it. [Run] gives the exit code: 0 is well, 1 is a failure, 2 a mistake on
// the command line or in the settings, 3 a wait that ended while its job goes on,
// 130 an interrupt before the end.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const (
	exitOK          = 0
	exitFailed      = 1
	exitMisused     = 2
	exitUnfinished  = 3   // the job goes on
	exitInterrupted = 130 // what a shell makes of SIGINT
)

// commands is the command line.
type commands struct {
	Run    runCommand   `cmd:"" help:"Run the whole service in this process: API, worker, simulator, store. Needs no settings."`
	Demo   demoCommand  `cmd:"" help:"Make two images, a video and a chat answer, check them, and show where the time went."`
	Sim    simCommand   `cmd:"" help:"Run the simulator alone: an upstream to test against that speaks Volcengine Ark."`
	Image  imageCommand `cmd:"" help:"Have an image made by a running service, and save it."`
	Video  videoCommand `cmd:"" help:"Have a video made, and save it."`
	Chat   chatCommand  `cmd:"" help:"Ask something, and see the answer while it is written."`
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
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// newCommands gives the command line with what tells twins apart.
func newCommands() *commands {
	var k commands
	k.Accounts.Enable.change, k.Accounts.Disable.change = tintype.AccountEnable, tintype.AccountDisable
	k.Accounts.Drain.change, k.Accounts.Clear.change = tintype.AccountDrain, tintype.AccountClear
	k.Jobs.Pause.pause = true
	return &k
}

// console is what a command knows of its surroundings.
type console struct {
	environ        []string // as os.Environ gives it
	stdout, stderr io.Writer
}

// printf writes to standard output. If it fails, whoever read it has gone.
func (c *console) printf(format string, args ...any) { _, _ = fmt.Fprintf(c.stdout, format, args...) }

// Run does what the arguments say, until it is done or ctx ends, and gives the
// exit code. environ is the environment as os.Environ gives it.
func Run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	c := &console{environ: environ, stdout: stdout, stderr: stderr}
	exited := -1
	parser, err := kong.New(newCommands(), kong.Name("tintype"), kong.Writers(stdout, stderr),
		kong.Description("Tintype makes images and videos by services that take their time, and sees to it that they arrive."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { exited = code }),
		kong.Bind(c), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return c.fail("", err) // the grammar itself is wrong: a test tells
	}
	if args = rewrite(args); len(args) == 0 {
		args = []string{"--help"}
	}
	if problem := unknown(parser.Model.Node, args[0]); problem != "" {
		return c.fail("", misuse{errors.New(problem)})
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited >= 0: // help was asked for and given
		return exited
	case err != nil:
		return c.fail(commandOf(err), misuse{plain(err)})
	}
	return c.fail(parsed.Command(), parsed.Run())
}

// rewrite makes "help sim" of the first arguments what the parser knows as
// "sim --help".
func rewrite(args []string) []string {
	if len(args) == 0 || args[0] != "help" {
		return args
	}
	return append(append([]string{}, args[1:]...), "--help")
}

// unknown says what is wrong with a word that is no command; empty if it is
// one, or a flag.
func unknown(root *kong.Node, word string) string {
	if strings.HasPrefix(word, "-") {
		return ""
	}
	var names []string
	for _, child := range root.Children {
		if child.Name == word {
			return ""
		}
		names = append(names, child.Name)
	}
	return fmt.Sprintf("there is no command %q, but %s", word, strings.Join(names, ", "))
}

// commandOf gives the command in which the parser found a mistake.
func commandOf(err error) string {
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil && p.Context.Selected() != nil {
		return p.Context.Selected().Path()
	}
	return ""
}

// plain says of a flag without its value what people would say.
func plain(err error) error {
	if flag, _, ok := strings.Cut(err.Error(), ": expected "); ok && strings.HasSuffix(err.Error(), "(<EOL>)") {
		return fmt.Errorf("%s needs a value", flag)
	}
	return err
}

// misuse is a mistake on the command line.
type misuse struct{ error }

// fail says what went wrong, if anything did, and gives the exit code.
func (c *console) fail(command string, err error) int {
	if err == nil {
		return exitOK
	}
	command, _, _ = strings.Cut(command, " <") // the names of arguments are no part of it
	name := strings.TrimSpace("tintype " + command)
	if _, ok := errors.AsType[quiet](err); ok {
		return exitMisused
	}
	if e, ok := errors.AsType[*unfinished](err); ok && !errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintf(c.stderr, "%s: %s\n", name, e.text)
		return exitUnfinished
	} else if ok {
		_, _ = fmt.Fprintf(c.stderr, "%s: %s\n", name, e.text)
		return exitInterrupted
	}
	if errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintf(c.stderr, "%s: interrupted\n", name)
		return exitInterrupted
	}
	_, _ = fmt.Fprintf(c.stderr, "%s: %v\n", name, err)
	if _, ok := errors.AsType[misuse](err); ok {
		_, _ = fmt.Fprintf(c.stderr, "`%s --help` tells more.\n", name)
		return exitMisused
	}
	if _, ok := errors.AsType[*config.Error](err); ok {
		return exitMisused
	}
	return exitFailed
}

// quiet is an error that was told already, and whose exit code is exitMisused.
type quiet struct{ error }

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(c *console) error {
	c.printf("tintype %s\n", app.Version())
	return nil
}
