package cli

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/cli/command"
	"github.com/tintypehq/tintype/internal/config"
)

type checkCommand struct {
	File string `arg:"" optional:"" help:"The settings. (default: the file in TINTYPE_CONFIG, or none; the environment always counts)"`
	Role string `enum:"all,api,worker,run" default:"all" help:"The program that will use them: api, worker, all for both, or run for \"tintype run\". (default: ${default})"`
	Show bool   `help:"Print every setting, its value and where it comes from. Secrets are hidden."`
}

// Run prints what is wrong, one problem a line.
func (k checkCommand) Run(c *console) error {
	cfg, err := app.Settings(config.Source{Role: k.role(), File: k.File, Environ: c.Environ})
	if all, ok := errors.AsType[*config.Error](err); ok {
		for _, problem := range all.Problems {
			c.Printf("%s\n", problem)
		}
		return quiet{err}
	}
	if err != nil {
		return err
	}
	if k.Show {
		return cfg.Show(c.Stdout)
	}
	c.Printf("%s is fine\n", cmp.Or(k.File, c.variable("TINTYPE_CONFIG"), "The environment"))
	return nil
}

func (k checkCommand) role() config.Role {
	switch k.Role {
	case "api":
		return config.ForAPI
	case "worker":
		return config.ForWorker
	case "run":
		return config.ForEmbedded
	}
	return "" // both
}

type secretsCommand struct {
	Name string `placeholder:"NAME" default:"me" help:"Who the gateway key is for. (default: ${default})"`
}

// Run prints a part of a configuration file.
func (s secretsCommand) Run(c *console) error {
	if strings.ContainsFunc(s.Name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"\:#`, r) }) || s.Name == "" {
		return command.Misuse(errors.New(`--name must be letters and digits, without spaces, quotes, ":" or "#"`))
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails: crypto/rand's own promise
	key := "tt_" + strings.ToLower(rand.Text())
	sum := sha256.Sum256([]byte(key))
	c.Printf(secretsText, account.NewKey(time.Now().UTC().Format("2006-01-02")).Reveal(),
		base64.StdEncoding.EncodeToString(secret), s.Name, hex.EncodeToString(sum[:]), key)
	return nil
}

// secretsText is YAML. The gateway key itself is in a comment: the file needs
// its hash alone.
const secretsText = `# Fresh secrets, made on this machine and kept nowhere else.
security:
  keys:
    - "%s"
auth:
  tenant_secret: "%s"
  keys:
    - name: %s
      sha256: %s

# The gateway key is for its owner and need not be in the file:
#   %s
`
