// Package stand holds what the bench program puts around the programs that it
// measures, each in a process of its own: upstreams that answer, the floors
// beside which a figure is shown, and a simulator without limits.
//
//	upstream     answers chats in Ark's shape, with next to no work
//	passthrough  a bare reverse proxy in Echo: the floor of chat
//	enqueue      bare Echo and asynq's Enqueue: the floor of submitting
//	waiting      callers that wait on channels: the floor of waiting
//	content      a bare http.ServeContent: the floor of delivering media
//	simulator    the simulator, with no limits on its accounts
//	put          uploads by the object store or by the bare SDK, and tells its memory
//	api, worker  the programs themselves, with a CPU profile
//
// The bench program starts itself with the word "stand" and one of these.
package stand

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"
)

// Role is one of the things that a process can stand for.
type Role string

// The roles.
const (
	Upstream    Role = "upstream"
	Passthrough Role = "passthrough"
	Enqueue     Role = "enqueue"
	Waiting     Role = "waiting"
	Content     Role = "content"
	Simulator   Role = "simulator"
	Put         Role = "put"
	API         Role = "api"
	Worker      Role = "worker"
)

// Main runs a role until it is done or a signal ends it, and gives the exit
// code. args are the role's name and its flags.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, args, stdout, stderr); err != nil {
		_, _ = fmt.Fprintln(stderr, "stand:", err)
		return 1
	}
	return 0
}

// Run runs a role until it is done or ctx ends. args are as for [Main].
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errors.New("a role is missing")
	}
	role, args := Role(args[0]), args[1:]
	flags := flag.NewFlagSet(string(role), flag.ContinueOnError)
	flags.SetOutput(stderr)
	switch role {
	case Upstream:
		return runUpstream(ctx, flags, args, stdout)
	case Passthrough:
		return runPassthrough(ctx, flags, args, stdout)
	case Enqueue:
		return runEnqueue(ctx, flags, args, stdout)
	case Waiting:
		return runWaiting(ctx, flags, args, stdout)
	case Content:
		return runContent(ctx, flags, args, stdout)
	case Simulator:
		return runSimulator(ctx, flags, args, stdout)
	case Put:
		return runPut(ctx, flags, args, stdout)
	case API, Worker:
		return runProfiled(role, flags, args, stdout, stderr)
	}
	return fmt.Errorf("%q is no role", role)
}

// listening is the line that says where a role listens, for who let it choose
// its port.
const listening = "listening on %s\n"

// listen opens the address that was asked for, and says which it is.
func listen(ctx context.Context, addr string, stdout io.Writer) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err == nil {
		_, _ = fmt.Fprintf(stdout, listening, ln.Addr())
	}
	return ln, err
}

// serve serves until ctx ends, with the settings of the programs' own servers.
func serve(ctx context.Context, addr string, stdout io.Writer, h http.Handler) error {
	ln, err := listen(ctx, addr, stdout)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); ctx.Err() == nil {
		return err
	}
	return nil
}
