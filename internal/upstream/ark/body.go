package ark

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
)

// object builds a JSON object in one buffer. A reference image goes straight
// into it as base64, once, and no encoder reads those megabytes again.
type object struct{ buf []byte }

func newObject(sizeHint int) *object {
	return &object{append(make([]byte, 0, sizeHint), '{')}
}

// key begins a field. Keys are ours and need no escaping.
func (o *object) key(name string) *object {
	o.comma()
	o.buf = append(o.buf, '"')
	o.buf = append(o.buf, name...)
	o.buf = append(o.buf, '"', ':')
	return o
}

func (o *object) str(name, value string) {
	o.key(name).buf = appendString(o.buf, value)
}

func (o *object) boolean(name string, value bool) {
	o.key(name).buf = strconv.AppendBool(o.buf, value)
}

func (o *object) integer(name string, value int64) {
	o.key(name).buf = strconv.AppendInt(o.buf, value, 10)
}

// raw adds a value that is JSON already.
func (o *object) raw(name string, value []byte) {
	o.key(name).buf = append(o.buf, value...)
}

// span adds a field whose key and value come from other JSON.
func (o *object) span(key, value []byte) {
	o.comma()
	o.buf = append(append(append(o.buf, '"'), key...), '"', ':')
	o.buf = append(o.buf, value...)
}

func (o *object) comma() {
	if o.buf[len(o.buf)-1] != '{' {
		o.buf = append(o.buf, ',')
	}
}

// text adds part of a value as it is.
func (o *object) text(s string) { o.buf = append(o.buf, s...) }

// dataURI adds bytes as a string in the form that the upstream takes images in.
func (o *object) dataURI(contentType string, data []byte) {
	o.text(`"data:` + contentType + `;base64,`)
	o.buf = base64.StdEncoding.AppendEncode(o.buf, data)
	o.text(`"`)
}

// done ends the object and gives its bytes.
func (o *object) done() []byte {
	o.buf = append(o.buf, '}')
	return o.buf
}

func appendString(buf []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		b = []byte(`""`) // never: a string always has a JSON form
	}
	return append(buf, b...)
}

// imageType gives the lower-case content type that a data URI has to name.
func imageType(contentType string) string {
	t, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	t = strings.TrimSpace(t)
	if t == "image/jpg" {
		return "image/jpeg"
	}
	if strings.Trim(strings.TrimPrefix(t, "image/"), "abcdefghijklmnopqrstuvwxyz0123456789.+-") != "" || !strings.HasPrefix(t, "image/") {
		return "image/png" // not a type at all; the upstream looks at the bytes anyway
	}
	return t
}
