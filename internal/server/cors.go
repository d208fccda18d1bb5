package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// exposed are the answer's headers that a page's script may read.
var exposed = strings.Join([]string{
	"x-request-id", "x-job-id", "retry-after", "retry-after-ms", "openai-poll-after-ms", "x-should-retry", "location",
	"preference-applied", "idempotency-replayed", "etag", "content-range", "accept-ranges", "content-length", "allow",
}, ", ")

// cors answers preflights, which carry no credential, and marks every answer,
// errors too, for the origins that may read it.
func (s *Server) cors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, h := c.Request(), c.Response().Header()
		if !strings.HasPrefix(r.URL.Path, apiPrefix) {
			return next(c)
		}
		allowed := s.allowOrigin(r.Header.Get(echo.HeaderOrigin), h)
		if r.Method != http.MethodOptions {
			return next(c)
		}
		if allowed {
			h.Set(echo.HeaderAccessControlAllowMethods, "GET, HEAD, POST, DELETE, OPTIONS")
			h.Set(echo.HeaderAccessControlMaxAge, "600")
			h.Add(echo.HeaderVary, echo.HeaderAccessControlRequestHeaders)
			// Echoed, since "*" does not cover Authorization.
			if asked := r.Header.Get(echo.HeaderAccessControlRequestHeaders); asked != "" {
				h.Set(echo.HeaderAccessControlAllowHeaders, asked)
			}
		}
		return c.NoContent(http.StatusNoContent)
	}
}

// allowOrigin tells whether a browser on that origin may read the answer. Where
// every origin may, that is said to callers without one too: a browser keeps a
// picture that a page showed, and a script that fetches it later gets the kept
// answer.
func (s *Server) allowOrigin(origin string, h http.Header) bool {
	all := slices.Contains(s.cfg.CORSOrigins, "*")
	if !all {
		h.Add(echo.HeaderVary, echo.HeaderOrigin)
	}
	if !all && !slices.Contains(s.cfg.CORSOrigins, origin) {
		return false
	}
	if all {
		origin = "*"
	}
	h.Set(echo.HeaderAccessControlAllowOrigin, origin)
	h.Set(echo.HeaderAccessControlExposeHeaders, exposed)
	return true
}
