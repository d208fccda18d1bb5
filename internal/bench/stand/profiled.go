package stand

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"

	"github.com/tintypehq/tintype/internal/app"
)

// runProfiled is cmd/api or cmd/worker with a CPU profile of its whole life.
func runProfiled(role Role, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) error {
	profile := flags.String("cpuprofile", "", "`file` to write")
	file := flags.String("config", "", "settings")
	if err := flags.Parse(args); err != nil {
		return err
	}
	out, err := os.Create(filepath.Clean(*profile))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	program := app.API
	if role == Worker {
		program = app.Worker
	}
	if code := app.Main(program, []string{"--config", *file}, nil, stdout, stderr); code != 0 {
		return fmt.Errorf("%s ended with code %d", role, code)
	}
	return nil
}
