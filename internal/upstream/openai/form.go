package openai

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream/rawjson"
)

// request is a submission in the making: the same fields become JSON, or a form
// where a file is among them.
type request struct {
	fields []entry
	files  []file
	bytes  int // about
}

type entry struct {
	name string
	text string
	json bool // text is JSON and no string
}

type file struct {
	name string
	data []byte
}

// set adds a text; an empty one is left out.
func (r *request) set(name, text string) {
	if text != "" {
		r.fields = append(r.fields, entry{name: name, text: text})
		r.bytes += len(text)
	}
}

// number adds a number.
func (r *request) number(name string, n int64) {
	r.fields = append(r.fields, entry{name: name, text: strconv.FormatInt(n, 10), json: true})
}

// object adds an object of one text.
func (r *request) object(name, key, text string) {
	o := rawjson.NewObject(len(text) + len(key))
	o.Str(key, text)
	r.fields = append(r.fields, entry{name: name, text: string(o.Done()), json: true})
}

// attach adds a file, which makes a form of the request.
func (r *request) attach(name string, data []byte) {
	r.files = append(r.files, file{name, data})
	r.bytes += len(data)
}

// dataURI adds an image as a text.
func (r *request) dataURI(name string, data []byte) {
	r.set(name, "data:"+contentType(data)+";base64,"+base64.StdEncoding.EncodeToString(data))
}

// encode writes the body.
func (r *request) encode() (body []byte, contentType string, err error) {
	if len(r.files) == 0 {
		return r.asJSON(), "application/json", nil
	}
	return r.asForm()
}

func (r *request) asJSON() []byte {
	o := rawjson.NewObject(r.bytes + 1<<10)
	for _, f := range r.fields {
		if f.json {
			o.Raw(f.name, json.RawMessage(f.text))
		} else {
			o.Str(f.name, f.text)
		}
	}
	return o.Done()
}

func (r *request) asForm() ([]byte, string, error) {
	var b bytes.Buffer
	b.Grow(r.bytes + 4<<10)
	w := multipart.NewWriter(&b)
	for _, f := range r.fields {
		if err := w.WriteField(f.name, f.text); err != nil {
			return nil, "", err
		}
	}
	for i, f := range r.files {
		kind := contentType(f.data)
		part, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename="image-%d.%s"`, f.name, i, extension(kind))},
			"Content-Type":        {kind},
		})
		if err != nil {
			return nil, "", err
		}
		if _, err := part.Write(f.data); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil { // it writes the last line
		return nil, "", err
	}
	return b.Bytes(), w.FormDataContentType(), nil
}

// contentType is an image's type by its bytes. The door has checked that it is
// one; what it cannot name passes as PNG, since services look themselves.
func contentType(data []byte) string {
	if t := http.DetectContentType(data); strings.HasPrefix(t, "image/") {
		return t
	}
	return "image/png"
}

// extension is what a file of that type is called: some services go by it.
func extension(contentType string) string {
	ext := strings.TrimPrefix(contentType, "image/")
	if ext == "jpeg" {
		return "jpg"
	}
	return ext
}
