package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/health"
)

type doctorCommand struct {
	File string `arg:"" optional:"" help:"The settings. (default: the file in TINTYPE_CONFIG, or none; the environment always counts)"`
}

// Help is the longer part of the command's help.
func (doctorCommand) Help() string {
	return `Redis: its version, rights, durability and clock. The bucket: one small object is written, read, opened by a signed link through
storage.s3.public_endpoint and deleted; its expiry rules keep things for as long as the settings need. The upstreams: whether their hosts answer;
nothing is asked that costs. Run it where the programs run (in a pod, in a container), since what can be reached from there counts. Exit code 1 if something does not work; warnings alone are 0.`
}

// Run prints one line for each thing that was looked at.
func (k doctorCommand) Run(ctx context.Context, c *console) error {
	cfg, err := app.Settings(config.Source{File: k.File, Environ: c.Environ})
	if err != nil {
		return err
	}
	return app.Doctor(ctx, cfg, func(f app.Finding) {
		lines := strings.Split(f.Text, "\n")
		c.Printf("%-8s %-12s %s\n", f.Grade, f.Part, lines[0])
		for _, more := range lines[1:] {
			c.Printf("%-8s %-12s %s\n", "", "", more)
		}
	})
}

type healthCommand struct {
	URL    string `arg:"" optional:"" help:"What to ask in its place, which need be no program of Tintype's: 200 is well."`
	Addr   string `placeholder:"HOST:PORT" help:"Where the program listens. (default: server.addr)"`
	Config string `placeholder:"FILE" help:"Settings of the running program. (default: the file in TINTYPE_CONFIG, or none)"`
	Live   bool   `help:"Ask whether it lives, not whether it is ready for work."`
}

// Help is the longer part of the command's help.
func (healthCommand) Help() string {
	return "For health checks of containers, which may have no curl. Exit code 0 is well, 1 is not. `api health` and `worker health` do the same with their own settings."
}

// Run asks, and says nothing if all is well.
func (k healthCommand) Run(ctx context.Context, c *console) error {
	if k.URL != "" && (k.Addr != "" || k.Config != "" || k.Live) {
		return command.Misuse(errors.New("a URL says all: leave --addr, --config and --live out"))
	}
	if k.URL != "" {
		return health.AskURL(ctx, k.URL)
	}
	addr := k.Addr
	if addr == "" {
		cfg, err := config.Load(config.Source{Role: config.ForEmbedded, File: k.Config, Environ: c.Environ})
		if err != nil {
			return fmt.Errorf("where it listens cannot be told (--addr does): %w", err)
		}
		addr = cfg.Server.Addr
	}
	return health.Ask(ctx, addr, k.Live)
}
