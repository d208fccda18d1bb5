package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// unbuffered tells proxies to let every byte through as it comes.
func unbuffered(h http.Header) {
	h.Set(echo.HeaderCacheControl, "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// send writes and flushes, giving up on a caller that does not read.
func (s *Server) send(c echo.Context, b []byte) error {
	w := c.Response()
	ctl := http.NewResponseController(w.Writer)
	_ = ctl.SetWriteDeadline(time.Now().Add(s.cfg.Limits.WriteStall)) // not every test's writer can
	if _, err := w.Write(b); err != nil {
		return goneBecause(err)
	}
	return goneBecause(ctl.Flush())
}

// goneBecause marks an error of writing to a caller: it is nobody's fault here.
func goneBecause(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", context.Canceled, err)
}
