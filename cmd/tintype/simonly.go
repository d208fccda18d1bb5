//go:build simonly

package main

import (
	"context"
	"os"

	"github.com/tintypehq/tintype/internal/cli/simulator"
)

// run takes the environment by itself: package config, which does that elsewhere, has all
// settings of the service with it, and the simulator only looks at what its terminal can do.
func run() int {
	return untilSignal(func(ctx context.Context) int {
		return simulator.Run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	})
}
