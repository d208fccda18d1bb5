package rawjson

import (
	"encoding/json"
	"strconv"
)

// Object builds a JSON object in one buffer.
type Object struct {
	Buf []byte // what is written so far; a value may be appended after Key
}

// NewObject begins an object that will have about so many bytes.
func NewObject(sizeHint int) *Object { return Begin(make([]byte, 0, sizeHint)) }

// Begin begins an object in a buffer, over what was there.
func Begin(buf []byte) *Object { return &Object{append(buf[:0], '{')} }

// Key begins a field. It is not escaped.
func (o *Object) Key(name string) *Object {
	o.comma()
	o.Buf = append(o.Buf, '"')
	o.Buf = append(o.Buf, name...)
	o.Buf = append(o.Buf, '"', ':')
	return o
}

// Str adds a string.
func (o *Object) Str(name, value string) {
	o.Key(name).Buf = AppendString(o.Buf, value)
}

// Bool adds a truth value.
func (o *Object) Bool(name string, value bool) {
	o.Key(name).Buf = strconv.AppendBool(o.Buf, value)
}

// Int adds a whole number.
func (o *Object) Int(name string, value int64) {
	o.Key(name).Buf = strconv.AppendInt(o.Buf, value, 10)
}

// Raw adds a value that is JSON already.
func (o *Object) Raw(name string, value []byte) {
	o.Key(name).Buf = append(o.Buf, value...)
}

// Span adds a field whose key and value come from other JSON.
func (o *Object) Span(key, value []byte) {
	o.comma()
	o.Buf = append(append(append(o.Buf, '"'), key...), '"', ':')
	o.Buf = append(o.Buf, value...)
}

func (o *Object) comma() {
	if o.Buf[len(o.Buf)-1] != '{' {
		o.Buf = append(o.Buf, ',')
	}
}

// Text adds part of a value as it is.
func (o *Object) Text(s string) { o.Buf = append(o.Buf, s...) }

// Done ends the object and gives its bytes.
func (o *Object) Done() []byte {
	o.Buf = append(o.Buf, '}')
	return o.Buf
}

// AppendString adds a text as a JSON string.
func AppendString(buf []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		b = []byte(`""`) // never: a string always has a JSON form
	}
	return append(buf, b...)
}
