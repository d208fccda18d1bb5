package stand

import (
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"
)

// runContent serves one file by http.ServeContent, with Echo's router in front and
// nothing else: it may use all that the kernel has for that.
func runContent(ctx context.Context, flags *flag.FlagSet, args []string, stdout io.Writer) error {
	addr := flags.String("addr", "", "host:port to listen on")
	file := flags.String("file", "", "what to serve")
	if err := flags.Parse(args); err != nil {
		return err
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET("/*", func(c echo.Context) error {
		f, err := os.Open(*file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // read only
		http.ServeContent(c.Response().Writer, c.Request(), "film.mp4", time.Time{}, f)
		return nil
	})
	return serve(ctx, *addr, stdout, e)
}
