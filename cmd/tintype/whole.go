//go:build !simonly

package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/cli"
	"github.com/tintypehq/tintype/internal/config"
)

func run() int {
	if called := app.Program(filepath.Base(os.Args[0])); called == app.API || called == app.Worker {
		return app.Main(called, os.Args[1:], config.Environ(), os.Stdout, os.Stderr)
	}
	return untilSignal(func(ctx context.Context) int {
		return cli.Run(ctx, os.Args[1:], config.Environ(), os.Stdout, os.Stderr)
	})
}
