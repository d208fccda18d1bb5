package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// Exit codes.
const (
	OK          = 0
	Failed      = 1
	Misused     = 2
	Interrupted = 130 // what a shell makes of SIGINT
)

// Console is what a command knows of its surroundings.
type Console struct {
	Environ        []string // as os.Environ gives it
	Stdout, Stderr io.Writer
}

// Printf writes to standard output. If it fails, whoever read it has gone.
func (c *Console) Printf(format string, args ...any) { _, _ = fmt.Fprintf(c.Stdout, format, args...) }

// misuse is a mistake on the command line.
type misuse struct{ error }

// Misuse makes an error a mistake on the command line: the exit code is [Misused], and
// the command's help is pointed to.
func Misuse(err error) error { return misuse{err} }

// end says what went wrong, if anything did, and gives the exit code.
func (l Line) end(c *Console, command string, err error) int {
	if err == nil {
		return OK
	}
	command, _, _ = strings.Cut(command, " <") // the names of arguments are no part of it
	name := strings.TrimSpace("tintype " + command)
	if l.Told != nil {
		if code, ok := l.Told(name, err); ok {
			return code
		}
	}
	if errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintf(c.Stderr, "%s: interrupted\n", name)
		return Interrupted
	}
	_, _ = fmt.Fprintf(c.Stderr, "%s: %v\n", name, err)
	if _, ok := errors.AsType[misuse](err); ok {
		_, _ = fmt.Fprintf(c.Stderr, "`%s --help` tells more.\n", name)
		return Misused
	}
	return Failed
}

// PortTaken says what to do about a port that another program has. Any other error
// stays as it is.
func PortTaken(err error, addr string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program listens on %s already; --addr 127.0.0.1:0 takes a free port", addr)
	}
	return err
}
