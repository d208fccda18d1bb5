package server

import (
	"bytes"
	"encoding/json"

	"github.com/labstack/echo/v4"
)

const contentJSON = "application/json"

// encodeJSON writes a value on one line, without HTML's escapes: links are to
// be read by people too.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// writeJSON answers with a value. What goes wrong is logged: by then nobody
// can be told.
func (s *Server) writeJSON(c echo.Context, status int, v any) {
	body, err := encodeJSON(v)
	if err == nil {
		err = s.sendJSON(c, status, body)
	}
	if err != nil {
		s.cfg.Log.DebugContext(c.Request().Context(), "cannot answer", "err", err)
	}
}
