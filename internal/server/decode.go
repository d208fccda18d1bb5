package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
)

// maxDepth bounds how deep a request's JSON may nest. Tool definitions of chat
// reach about 20.
const maxDepth = 100

// maxFields bounds how many fields a request's object has, or one within it.
// Those that are known number fewer than 50.
const maxFields = 1000

// fields is a request's JSON object, one level of it taken apart into pieces of
// the body, which are not copied: a picture may be in it. Names match exactly; of
// a name that is there twice the last one counts.
type fields map[string]json.RawMessage

// readObject reads a request's body, which must be one JSON object. Whoever
// asked calls free, which is never nil, once it holds no part of the body.
func (s *Server) readObject(c echo.Context) (object fields, free func(), err error) {
	if err := checkEncoding(c.Request().Header); err != nil {
		return nil, func() {}, err
	}
	body, free, err := s.readBody(c)
	if err != nil {
		return nil, free, err
	}
	object, err = decodeObject(body)
	return object, free, err
}

// checkEncoding refuses bodies that cannot be plain JSON. Any other
// Content-Type is let through: curl's default is one of them.
func checkEncoding(h http.Header) error {
	if e := h.Get(echo.HeaderContentEncoding); e != "" && !strings.EqualFold(e, "identity") {
		return fault.New(fault.Invalid, "Content-Encoding: compressed request bodies are not read; send plain JSON.").WithParam("Content-Encoding")
	}
	kind, _, err := mime.ParseMediaType(h.Get(echo.HeaderContentType))
	if err == nil && strings.HasPrefix(kind, "multipart/") {
		return fault.New(fault.Invalid, "Content-Type: this path takes a JSON body (application/json), not a form.").WithParam("Content-Type")
	}
	return nil
}

// decodeObject takes a JSON object apart.
func decodeObject(body []byte) (fields, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // a byte order mark, as some editors write it
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, fault.New(fault.Invalid, "The request body is empty; it must be a JSON object.")
	}
	if !utf8.Valid(body) {
		return nil, fault.New(fault.Invalid, "The request body is not valid UTF-8.")
	}
	switch deep, wide := size(body); {
	case deep > maxDepth:
		return nil, fault.Newf(fault.Invalid, "The request body nests more than %d levels deep.", maxDepth)
	case wide > maxFields:
		return nil, fault.Newf(fault.Invalid, "The request body has an object of more than %d fields.", maxFields)
	}
	if at, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &struct{}{})); ok {
		return nil, fault.Newf(fault.Invalid, "The request body is not valid JSON: %s, at %s.", at.Error(), position(body, at.Offset))
	}
	if body = bytes.TrimSpace(body); body[0] != '{' {
		return nil, fault.New(fault.Invalid, "The request body must be a JSON object.")
	}
	f := fields{}
	maps.Insert(f, members(body))
	return f, nil
}

// size tells how deep brackets nest and how many members the widest object has,
// both no further than is needed to see that it is too much. Arrays may be as long
// as they like: nobody builds them. It takes text that is no JSON at all.
func size(body []byte) (deepest, widest int) {
	var open [maxDepth + 1]struct {
		object  bool
		members int
	}
	depth := 0
	for _, b := range marks(body) {
		switch b {
		case '{', '[':
			if depth++; depth > maxDepth {
				return depth, widest
			}
			deepest = max(deepest, depth)
			open[depth].object, open[depth].members = b == '{', 1
			widest = max(widest, 1)
		case '}', ']':
			depth = max(0, depth-1)
		case ',':
			if open[depth].members++; open[depth].object {
				widest = max(widest, open[depth].members)
			}
		}
		if widest > maxFields {
			break
		}
	}
	return deepest, widest
}

// position tells a person where in the body a byte stands.
func position(body []byte, offset int64) string {
	at := min(max(offset, 0), int64(len(body)))
	before := body[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
	return fmt.Sprintf("line %d, column %d", line, max(column, 1))
}

// missing tells whether a field is absent or null.
func (f fields) missing(name string) bool {
	v, ok := f[name]
	return !ok || string(v) == "null"
}

// text gives a string field; "" if it is absent.
func (f fields) text(name string) (string, error) {
	var v string
	return v, f.read(name, "a string", &v)
}

// flag gives a boolean field; false if it is absent.
func (f fields) flag(name string) (bool, error) {
	var v bool
	return v, f.read(name, "true or false", &v)
}

func (f fields) read(name, kind string, into any) error {
	if f.missing(name) {
		return nil
	}
	if json.Unmarshal(f[name], into) != nil {
		return wrongType(name, kind, f[name])
	}
	return nil
}

// wrongType names a field of the wrong type.
func wrongType(name, want string, got json.RawMessage) *fault.Error {
	return fault.Newf(fault.Invalid, "%s: must be %s, not %s.", name, want, kindOf(got)).WithParam(name)
}

// kindOf names the type of a JSON value.
func kindOf(v json.RawMessage) string {
	if len(v) == 0 {
		return "nothing"
	}
	switch v[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

// humanBytes writes a limit as people say it.
func humanBytes(n int64) string {
	const mib = 1 << 20
	if n >= mib && n%mib == 0 {
		return fmt.Sprintf("%d MiB", n/mib)
	}
	return fmt.Sprintf("%d bytes", n)
}
