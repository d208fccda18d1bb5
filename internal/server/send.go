package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// unbuffered tells proxies to let every byte through as it comes.
func unbuffered(h http.Header) {
	h.Set(echo.HeaderCacheControl, "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no")
}

// pieceBytes is how much is written under one deadline: a caller on a thin line
// needs longer for megabytes than for the next 32 KiB.
const pieceBytes = 32 << 10

// send writes and flushes, giving up on a caller that does not read.
func (s *Server) send(c echo.Context, b []byte) error {
	if err := s.write(c, b); err != nil {
		return err
	}
	return flush(c)
}

// flush sends what was written until now.
func flush(c echo.Context) error {
	return goneBecause(http.NewResponseController(c.Response().Writer).Flush())
}

// write writes piece by piece, each of which the caller must take in in time.
func (s *Server) write(c echo.Context, b []byte) error {
	w := c.Response()
	ctl := http.NewResponseController(w.Writer)
	for piece := range slices.Chunk(b, pieceBytes) {
		_ = ctl.SetWriteDeadline(time.Now().Add(s.cfg.Limits.WriteStall)) // not every test's writer can
		if _, err := w.Write(piece); err != nil {
			return goneBecause(err)
		}
	}
	return nil
}

// sendJSON answers with a body that is known whole. It goes out when the handler has
// returned: until then a caller that is gone has not had its answer (see [Server.see]).
func (s *Server) sendJSON(c echo.Context, status int, body []byte) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, contentJSON)
	h.Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	c.Response().WriteHeader(status)
	return s.write(c, body)
}

// goneBecause marks an error of writing to a caller: it is nobody's fault here.
func goneBecause(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", context.Canceled, err)
}
