package cli

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/internal/demo"
	"github.com/tintypehq/tintype/internal/version"
)

type demoCommand struct {
	Upstream string `enum:"sim,ark" default:"sim" help:"Who generates: sim, the built-in simulator, or ark, which charges your account. (default: ${default})"`
	Key      string `placeholder:"KEY" help:"Ark's API key, with --upstream ark. (default: ARK_API_KEY, or the first of TINTYPE_ARK_API_KEYS, in the environment)"`
	BaseURL  string `placeholder:"URL" help:"Ark's address, with --upstream ark. (default: https://ark.cn-beijing.volces.com/api/v3)"`
	Out      string `placeholder:"DIR" default:"./demo-output" help:"Where the files go; those of an earlier demo are replaced. (default: ${default})"`
	Keep     bool   `help:"Go on serving afterwards, so that the API can be tried, until Ctrl-C."`
}

// Run runs the demo.
func (d demoCommand) Run(ctx context.Context, c *console) error {
	o := demo.Options{
		Upstream: demo.Upstream(d.Upstream), BaseURL: d.BaseURL, Out: d.Out, Keep: d.Keep,
		Screen: terminal.On(c.Stdout, c.Environ), Version: version.OfBuild(),
	}
	switch o.Upstream {
	case demo.Sim:
		if d.Key != "" || d.BaseURL != "" {
			return command.Misuse(errors.New("--key and --base-url go with --upstream ark"))
		}
	case demo.Ark:
		if o.Key = d.key(c); o.Key.IsZero() {
			return command.Misuse(errors.New("--upstream ark needs --key, or ARK_API_KEY in the environment"))
		}
	}
	return demo.Run(ctx, o)
}

// key gives Ark's key from the command line or the environment.
func (d demoCommand) key(c *console) account.Secret {
	first, _, _ := strings.Cut(c.variable("TINTYPE_ARK_API_KEYS"), ",")
	return account.NewSecret(strings.TrimSpace(cmp.Or(d.Key, c.variable("ARK_API_KEY"), first)))
}

// variable gives an environment variable, empty if there is none.
func (c *console) variable(name string) string {
	for _, entry := range c.Environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
