package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
)

// pictureFields are the fields in which a form may bring a file.
var pictureFields = []string{"image", "images", "input_reference", "last_frame", "mask"}

// readEither reads a request's body, JSON or a form, in the fields of JSON.
func (s *Server) readEither(c echo.Context) (f fields, free func(), err error) {
	if !isForm(c) {
		return s.readObject(c)
	}
	form := formFields{}
	free, err = s.readForm(c, func(held *share, p part) error {
		value, err := s.fieldValue(held, p)
		if err != nil {
			return err
		}
		return form.add(p.name, value)
	})
	if err != nil {
		return nil, free, err
	}
	return form.fields(), free, nil
}

// fieldValue reads one part of a form that asks for media.
func (s *Server) fieldValue(held *share, p part) (json.RawMessage, error) {
	most := s.cfg.Limits.ImageBytes
	field, _, _ := strings.Cut(p.name, "[")
	picture := slices.Contains(pictureFields, field)
	switch {
	case p.isFile && !picture:
		return nil, fault.Newf(fault.Invalid, "%s: is sent as a file. Files may be: %s.", p.name, strings.Join(pictureFields, ", ")).WithParam(p.name)
	case p.isFile:
		return p.base64(held, most)
	case picture: // a link, a file's id, or base64, which may have line ends
		return p.text(held, int64(base64.StdEncoding.EncodedLen(int(most)))*11/10)
	}
	const spare, longestRune = 64 << 10, 4
	return p.text(held, spare+longestRune*int64(s.cfg.Limits.PromptRunes))
}

// formFields are the fields of a form by their names: all values of each, in
// their order, and those that were written name[key] by key.
type formFields map[string]*formField

type formField struct {
	values []json.RawMessage
	list   bool // it was written name[]
	keys   map[string]json.RawMessage
}

// add takes one value in. "name[]" and "name[0]" are entries of a list,
// "name[key]" is a member of an object.
func (f formFields) add(name string, value json.RawMessage) error {
	field, key, bracket := strings.Cut(name, "[")
	key, closed := strings.CutSuffix(key, "]")
	if bracket && (!closed || strings.ContainsAny(key, "[]")) || field == "" {
		return fault.Newf(fault.Invalid, "The form has a field %q; only name, name[] and name[key] are read.", clip(name)).WithParam(clip(name))
	}
	all := f[field]
	if all == nil {
		all = &formField{keys: map[string]json.RawMessage{}}
		f[field] = all
	}
	switch {
	case !bracket:
		all.values = append(all.values, value)
	case strings.Trim(key, "0123456789") == "":
		all.values, all.list = append(all.values, value), true
	default:
		all.keys[key] = value
	}
	return nil
}

// fields gives the form as the JSON that says the same.
func (f formFields) fields() fields {
	out := fields{}
	for name, field := range f {
		out[name] = field.value(name)
	}
	return out
}

func (f *formField) value(name string) json.RawMessage {
	switch n := len(f.values); {
	case n == 0:
		object, _ := json.Marshal(f.keys) // a map of valid JSON
		return object
	case f.list || n > 1 && slices.Contains(pictureFields, name):
		return slices.Concat([]byte("["), bytes.Join(raws(f.values), []byte(",")), []byte("]"))
	default:
		return plainValue(name, f.values[n-1])
	}
}

func raws(values []json.RawMessage) [][]byte {
	out := make([][]byte, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

// plainValue gives a text of a form in the type that the field has in JSON. Numbers
// are read from texts anyway.
func plainValue(name string, value json.RawMessage) json.RawMessage {
	if text := strings.ToLower(string(value)); name == "stream" && (text == `"true"` || text == `"false"`) {
		return json.RawMessage(strings.Trim(text, `"`))
	}
	return value
}
