// Command api serves the HTTP API. It keeps nothing in memory that another process
// needs, so any number of them can run side by side. Package config lists the
// settings.
package main

import (
	"os"

	"github.com/tintypehq/tintype/internal/app"
	"github.com/tintypehq/tintype/internal/config"
)

func main() {
	os.Exit(app.Main(app.API, os.Args[1:], config.Environ(), os.Stdout, os.Stderr))
}
