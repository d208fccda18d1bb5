package cli

import (
	"context"

	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/version"
)

type runCommand struct {
	Addr   string `placeholder:"HOST:PORT" help:"Where the API listens. Port 0 takes a free one. (default: server.addr, 127.0.0.1:8080)"`
	Data   string `placeholder:"DIR" help:"Where media is kept; made if it is missing. (default: storage.file.dir, ./data)"`
	Config string `placeholder:"FILE" help:"Settings, as in tintype.example.yaml. (default: the file in TINTYPE_CONFIG, or none)"`
}

// Help is the longer part of the command's help.
func (runCommand) Help() string {
	return `Without settings the simulator is the upstream, jobs are kept in memory and media in ./data.
With TINTYPE_ARK_API_KEYS=key1,key2 in the environment Ark is the upstream. A file or further TINTYPE_ variables change the rest.`
}

// Run serves until ctx ends.
func (r runCommand) Run(ctx context.Context, c *console) error {
	source := r.source(c)
	cfg, err := app.Settings(source)
	if err != nil {
		return err
	}
	screen := terminal.On(c.Stdout, c.Environ)
	err = app.Run(ctx, app.All, app.Options{
		Config: cfg, Source: &source, Stderr: c.Stderr, Version: version.OfBuild(),
		Ready: func(addr string) { welcome(screen, cfg, addr) },
	})
	return command.PortTaken(err, cfg.Server.Addr)
}

// source gives the settings' sources. Only what was said on the command line
// is a flag, since flags win over the file.
func (r runCommand) source(c *console) config.Source {
	s := config.Source{Role: config.ForEmbedded, File: r.Config, Environ: c.Environ, Terminal: terminal.Is(c.Stderr)}
	if r.Addr != "" {
		s.Flags = append(s.Flags, config.Flag{Name: "--addr", Setting: "server.addr", Value: r.Addr})
	}
	if r.Data != "" {
		s.Flags = append(s.Flags, config.Flag{Name: "--data", Setting: "storage.file.dir", Value: r.Data})
	}
	return s
}
