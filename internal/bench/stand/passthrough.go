package stand

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"
)

// runPassthrough is a reverse proxy in Echo that does nothing but pass on. Its
// connections to the upstream are pooled as those of the ark driver are.
func runPassthrough(ctx context.Context, flags *flag.FlagSet, args []string, stdout io.Writer) error {
	addr := flags.String("addr", "", "host:port to listen on")
	to := flags.String("to", "", "base URL of the upstream")
	if err := flags.Parse(args); err != nil {
		return err
	}
	target, err := url.Parse(*to)
	if err != nil {
		return err
	}
	const conns = 512
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{
			DialContext:  (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			MaxIdleConns: conns, MaxIdleConnsPerHost: conns, IdleConnTimeout: 30 * time.Second,
			DisableCompression: true,
		},
	}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET("/readyz", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	e.POST("/*", func(c echo.Context) error {
		// Else the server closes the request's body as soon as the answer begins,
		// while the proxy may still be looking for its end, and the answer of an
		// upstream that is this fast breaks off.
		if err := http.NewResponseController(c.Response()).EnableFullDuplex(); err != nil {
			return err
		}
		proxy.ServeHTTP(c.Response(), c.Request())
		return nil
	})
	return serve(ctx, *addr, stdout, e)
}
