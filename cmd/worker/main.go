// Command worker submits jobs to their upstreams, polls them and mirrors their media.
// Any number of them can run side by side; each takes over what another left. Package config lists the
// settings.
package main

import (
	"os"

	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/config"
)

func main() {
	os.Exit(app.Main(app.Worker, os.Args[1:], config.Environ(), os.Stdout, os.Stderr))
}
