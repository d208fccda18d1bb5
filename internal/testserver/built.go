package testserver

import (
	"fmt"
	"os"
)

// WithBuilt builds what a package's tests need into a folder of their own, has them
// run, and removes it. It gives their exit code, or 1 if nothing could be built.
func WithBuilt(prefix string, build func(dir string) error, run func(dir string) int) int {
	dir, err := os.MkdirTemp("", prefix)
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return run(dir)
}
