package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tintypehq/tintype/internal/testserver"
)

// bin is where TestMain has put the built programs.
var bin string

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, "tt-e2e-", build)) }

// plainAPI is the file of the API without the race detector.
const plainAPI = "plain-api"

// build builds the programs: those under test with the race detector if the
// tests have it, and with the crash points if these are wanted; the simulator
// without, since it would spend most of the test's time on drawing, and an API
// without, whose memory is measured.
func build(dir string) error {
	bin = dir
	out := dir + string(filepath.Separator)
	simulator := []string{"build", "-buildvcs=false", "-ldflags=-w", "-o", out, "./cmd/tintype"}
	plain := []string{"build", "-buildvcs=false", "-ldflags=-w", "-o", out + plainAPI, "./cmd/api"}
	service := []string{"build", "-buildvcs=false", "-ldflags=-w", "-o", out, "./cmd/api", "./cmd/worker"}
	if underRace {
		service = slices.Insert(service, 1, "-race")
	}
	if underChaos {
		service = slices.Insert(service, 1, "-tags=chaos")
	}
	for _, args := range [][]string{simulator, plain, service} {
		cmd := exec.Command("go", args...)
		cmd.Dir = filepath.Join("..", "..")
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build the programs: %w\n%s", err, said)
		}
	}
	return nil
}
