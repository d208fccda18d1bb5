// Package simulator is the command `tintype sim`, and the command line of a program
// that has nothing else: the image of the simulator runs it. So it knows nothing of the
// service, and a test holds that.
package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// Command is `tintype sim`.
type Command struct {
	Addr          string        `placeholder:"HOST:PORT" default:"127.0.0.1:9000" help:"Where it listens. Port 0 takes a free one. (default: ${default})"`
	ImageTime     time.Duration `placeholder:"TIME" default:"2s" help:"How long an image takes; 0s is none. (default: ${default})"`
	VideoTime     time.Duration `placeholder:"TIME" default:"6s" help:"How long a video takes; 0s is none. (default: ${default})"`
	VisibilityLag time.Duration `placeholder:"TIME" default:"0s" help:"How long a new video is missing from the list of tasks. (default: ${default})"`
}

// Run serves the simulator until ctx ends.
func (s Command) Run(ctx context.Context, c *command.Console) error {
	if s.ImageTime < 0 || s.VideoTime < 0 || s.VisibilityLag < 0 {
		return command.Misuse(errors.New("--image-time, --video-time and --visibility-lag cannot be negative"))
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", s.Addr)
	if err != nil {
		return command.PortTaken(err, s.Addr)
	}
	simulator := sim.New(sim.Config{ImageTime: atOnce(s.ImageTime), VideoTime: atOnce(s.VideoTime), VisibilityLag: s.VisibilityLag})
	defer simulator.Close()
	srv := &http.Server{Handler: simulator, ReadHeaderTimeout: 10 * time.Second}
	introduce(terminal.On(c.Stdout, c.Environ), ln.Addr().String())
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); ctx.Err() == nil {
		return err
	}
	return nil
}

// introduce says how to use it.
func introduce(screen terminal.Screen, addr string) {
	base := "http://" + addr + "/api/v3"
	screen.Printf("The simulator is up. It speaks Volcengine Ark. Ctrl-C ends it.\n\n")
	for _, fact := range [][2]string{
		{"address", base},
		{"key", `any that begins with "sim-", such as sim-me`},
		{"help", "http://" + addr + "/_sim/  faults by words in a prompt, and the ledger"},
	} {
		screen.Printf("  %s  %s\n", screen.Paint(terminal.Dim, fmt.Sprintf("%-8s", fact[0])), fact[1])
	}
	screen.Printf("\nTintype uses it with these settings:\n\n")
	for _, line := range settings(base) {
		screen.Printf("  export %s\n", line)
	}
	screen.Printf("\nArk's own SDK (Python) and OpenAI's use it so:\n\n")
	screen.Printf("  Ark(base_url=\"%s\", api_key=\"sim-me\")\n", base)
	screen.Printf("  OpenAI(base_url=\"%s\", api_key=\"sim-me\")\n", base)
}

// settings are the variables that point Tintype to a simulator.
func settings(base string) []string {
	return []string{
		"TINTYPE_ARK_API_KEYS=sim-me",
		"TINTYPE_UPSTREAMS_0_BASE_URL=" + base,
		"TINTYPE_UPSTREAMS_0_ALLOW_PRIVATE=true",
	}
}

// atOnce tells the simulator that zero means at once and not its default.
func atOnce(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}
