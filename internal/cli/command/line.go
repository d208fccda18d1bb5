// Package command is what the command lines of our programs have in common,
// whichever commands they offer: how arguments are read, how a mistake is told, and
// with which exit code a command ends.
//
// A command is a struct whose fields are its flags and arguments, and whose Run
// does it. It may take a context and a [*Console].
package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/tintypehq/tintype/internal/version"
)

// Line is a command line.
type Line struct {
	// Commands is a pointer to a struct with a field for each command, as kong reads it.
	Commands    any
	Description string // the help begins with it

	// Bind is what the commands' Run may take beside a context and the console.
	Bind []any

	// Told tells an error in a way of its own and gives the exit code. With ok false it
	// has said nothing, and the error is told as any other. Nil: none is told so.
	Told func(name string, err error) (code int, ok bool)
}

// Run does what the arguments say, until it is done or ctx ends, and gives the
// exit code.
func (l Line) Run(ctx context.Context, c *Console, args []string) int {
	exited := -1
	parser, err := kong.New(l.Commands, kong.Name("tintype"), kong.Writers(c.Stdout, c.Stderr), kong.Description(l.Description),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { exited = code }),
		kong.Bind(append([]any{c}, l.Bind...)...), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return l.end(c, "", err) // the grammar itself is wrong: a test tells
	}
	if args = rewrite(args); len(args) == 0 {
		args = []string{"--help"}
	}
	if problem := unknown(parser.Model.Node, args[0]); problem != "" {
		return l.end(c, "", Misuse(errors.New(problem)))
	}
	parsed, err := parser.Parse(args)
	switch {
	case exited >= 0: // help was asked for and given
		return exited
	case err != nil:
		return l.end(c, commandOf(err), Misuse(plain(err)))
	}
	return l.end(c, parsed.Command(), parsed.Run())
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

// Version is the command `tintype version`.
type Version struct{}

// Run prints the version.
func (Version) Run(c *Console) error {
	c.Printf("tintype %s\n", version.OfBuild())
	return nil
}
