package testserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// toolPath gives the path of a program of the tool module internal/tools/name
// and builds the program first if the build cache does not hold it.
func toolPath(ctx context.Context, name string) (string, error) {
	dir, err := toolDir(name)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "-n", name)
	cmd.Dir = dir // a module of its own, whatever module the test belongs to
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("build %s in %s (`make setup-test` does the same): %w\n%s", name, dir, err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// toolDir looks for the tool module from the working directory upwards, since
// a test runs in its package's directory and the bench program at the root.
func toolDir(name string) (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for up := wd; ; up = filepath.Dir(up) {
		dir := filepath.Join(up, "internal", "tools", name)
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if up == filepath.Dir(up) {
			return "", fmt.Errorf("no internal/tools/%s above %s: run inside a checkout of this repository", name, wd)
		}
	}
}
