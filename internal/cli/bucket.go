package cli

import (
	"context"

	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/config"
)

type bucketInitCommand struct {
	File string `arg:"" optional:"" help:"The settings. (default: the file in TINTYPE_CONFIG, or none; the environment always counts)"`
}

// Run sets the object store up and prints what became of each part.
func (k bucketInitCommand) Run(ctx context.Context, c *console) error {
	cfg, err := config.Load(config.Source{Role: config.ForWorker, File: k.File, Environ: c.Environ})
	if err != nil {
		return err
	}
	return app.InitBucket(ctx, cfg, func(part, what string) { c.Printf("%-8s %s\n", part, what) })
}
