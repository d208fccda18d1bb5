package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
)

// The bounds of a form. Its bytes are bounded as those of every body.
const (
	mostParts    = 100
	longestField = 100 // bytes of a field's name
	mostBoundary = 70  // RFC 2046
)

// part is one part of a form.
type part struct {
	name     string // "image", "image[]", "input_reference[image_url]"
	filename string
	isFile   bool
	io.Reader
}

// isForm tells whether a request's body is a form.
func isForm(c echo.Context) bool {
	kind, _, _ := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	return strings.HasPrefix(kind, "multipart/")
}

// readForm hands the parts of a form to do, one after the other. What do keeps it
// takes from held; free, which is never nil, gives back that and the body.
func (s *Server) readForm(c echo.Context, do func(held *share, p part) error) (free func(), err error) {
	boundary, err := boundaryOf(c)
	if err != nil {
		return func() {}, err
	}
	body, freeBody, err := s.readBody(c)
	defer freeBody() // what is kept of it is a copy
	held := &share{of: s.bodies}
	if err != nil {
		return held.free, err
	}
	return held.free, eachPart(body, boundary, func(p part) error { return do(held, p) })
}

// boundaryOf gives what stands between the parts of a request's form.
func boundaryOf(c echo.Context) (string, error) {
	h := c.Request().Header
	if e := h.Get(echo.HeaderContentEncoding); e != "" && !strings.EqualFold(e, "identity") {
		return "", fault.New(fault.Invalid, "Content-Encoding: compressed request bodies are not read; send the form as it is.").WithParam("Content-Encoding")
	}
	kind, params, err := mime.ParseMediaType(h.Get(echo.HeaderContentType))
	boundary := params["boundary"]
	switch {
	case err != nil || kind != "multipart/form-data":
		return "", fault.New(fault.Invalid, "Content-Type: must be multipart/form-data with its boundary; let your HTTP library write it.").WithParam("Content-Type")
	case boundary == "" || len(boundary) > mostBoundary:
		return "", fault.Newf(fault.Invalid, "Content-Type: the form needs a boundary of 1 to %d characters; let your HTTP library write the header.", mostBoundary).WithParam("Content-Type")
	}
	return boundary, nil
}

func eachPart(body []byte, boundary string, do func(part) error) error {
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for n := 0; ; n++ {
		raw, err := r.NextRawPart()
		if err == io.EOF { //nolint:errorlint // wrapped, it stands for a form without its end
			return nil
		}
		if err != nil {
			return brokenForm(err)
		}
		if n == mostParts {
			return fault.Newf(fault.Invalid, "The form has more than %d parts.", mostParts)
		}
		p, err := readPart(raw)
		if err == nil {
			err = do(p)
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return brokenForm(err)
		}
		if err != nil {
			return err
		}
	}
}

func brokenForm(cause error) error {
	return fault.Wrap(fault.Invalid, "The form cannot be read: it breaks off before its last boundary, or the boundary is not that of the Content-Type header.", cause)
}

// readPart reads the head of a part.
func readPart(raw *multipart.Part) (part, error) {
	p := part{name: raw.FormName(), filename: raw.FileName(), Reader: raw}
	_, params, _ := mime.ParseMediaType(raw.Header.Get("Content-Disposition"))
	_, p.isFile = params["filename"]
	switch {
	case p.name == "":
		return p, fault.New(fault.Invalid, "The form has a part without a name (Content-Disposition: form-data; name=\"…\").")
	case len(p.name) > longestField || !utf8.ValidString(p.name):
		return p, fault.Newf(fault.Invalid, "The form has a field whose name is over %d characters or no text.", longestField)
	}
	if e := raw.Header.Get("Content-Transfer-Encoding"); e != "" && !slices.Contains([]string{"7bit", "8bit", "binary"}, strings.ToLower(e)) {
		return p, fault.Newf(fault.Invalid, "%s: the part is sent in another encoding than binary. Send its bytes as they are.", p.name).WithParam(p.name)
	}
	return p, nil
}

// text reads a part that is no file, as a JSON string.
func (p part) text(held *share, most int64) (json.RawMessage, error) {
	b, err := io.ReadAll(io.LimitReader(p, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(b)) > most:
		return nil, fault.Newf(fault.Invalid, "%s: is longer than %s.", p.name, humanBytes(most)).WithParam(p.name)
	case !utf8.Valid(b) || bytes.ContainsFunc(b, isControl):
		return nil, fault.Newf(fault.Invalid, "%s: must be a text in UTF-8.", p.name).WithParam(p.name)
	}
	quoted, err := encodeJSON(string(b))
	if err == nil && !held.take(int64(len(quoted))) {
		err = errFull(errNoRoom)
	}
	return quoted, err
}

// isControl tells what no text of a caller has in it.
func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }

// base64 reads a file as a JSON string in base64: so it is the same request as
// one that brings the picture in JSON.
func (p part) base64(held *share, most int64) (json.RawMessage, error) {
	var b bytes.Buffer
	b.WriteByte('"')
	enc := base64.NewEncoder(base64.StdEncoding, &b)
	n, err := io.Copy(enc, io.LimitReader(p, most+1))
	switch {
	case err != nil:
		return nil, err
	case n > most:
		return nil, errImageBytes(p.name, most)
	case n == 0:
		return nil, invalidImage(p.name, "the file is empty.")
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	b.WriteByte('"')
	if !held.take(int64(b.Cap())) {
		return nil, errFull(errNoRoom)
	}
	return b.Bytes(), nil
}
