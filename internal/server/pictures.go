package server

import (
	"encoding/json"
	"fmt"

	"github.com/tintypehq/tintype/internal/fault"
)

// pictures gives what a field says of pictures, in the form that the original
// contract has: texts. A field holds one or a list; each is a text, or an object
// with "image_url" or "file_id" as OpenAI has it.
func (f fields) pictures(name string) (texts []json.RawMessage, err error) {
	if f.missing(name) {
		return nil, nil
	}
	if f[name][0] != '[' {
		text, err := pictureText(name, f[name])
		if err != nil || string(text) == `""` {
			return nil, err
		}
		return []json.RawMessage{text}, nil
	}
	for one := range elements(f[name]) {
		text, err := pictureText(fmt.Sprintf("%s[%d]", name, len(texts)), one)
		if err != nil {
			return nil, err
		}
		if texts = append(texts, text); len(texts) > mostParts {
			return nil, fault.Newf(fault.Invalid, "%s: holds more than %d pictures.", name, mostParts).WithParam(name)
		}
	}
	return texts, nil
}

// pictureText gives the text of one picture.
func pictureText(at string, v json.RawMessage) (json.RawMessage, error) {
	for _, name := range []string{"image_url", "url"} { // the second is within the first, where that is an object
		if v[0] != '{' {
			break
		}
		if id := member(v, "file_id"); len(id) > 0 && id[0] == '"' {
			return id, nil
		}
		if inner := member(v, name); len(inner) > 0 {
			v = inner
		}
	}
	if v[0] != '"' {
		return nil, wrongType(at, `a text (URL, data URI, base64 or a file's id), {"image_url":"…"} or {"file_id":"…"}`, v)
	}
	return v, nil
}
