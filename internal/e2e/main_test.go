package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// bin is where TestMain has put the built programs.
var bin string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// atOnce is how many tests run side by side, unless -parallel says otherwise.
// They wait most of the time, so that there may be more of them than cores.
const atOnce = "4"

func run(m *testing.M) int {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", atOnce) // a number: cannot fail
	}
	dir, err := os.MkdirTemp("", "tt-e2e-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = dir
	return m.Run()
}

// build builds the programs: those under test with the race detector if the
// tests have it, the simulator without, since it would spend most of the test's
// time on drawing.
func build(dir string) error {
	out := dir + string(filepath.Separator)
	simulator := []string{"build", "-buildvcs=false", "-ldflags=-w", "-o", out, "./cmd/tintype"}
	service := []string{"build", "-buildvcs=false", "-ldflags=-w", "-o", out, "./cmd/api", "./cmd/worker"}
	if underRace {
		service = slices.Insert(service, 1, "-race")
	}
	for _, args := range [][]string{simulator, service} {
		cmd := exec.Command("go", args...)
		cmd.Dir = filepath.Join("..", "..")
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build the programs: %w\n%s", err, said)
		}
	}
	return nil
}
