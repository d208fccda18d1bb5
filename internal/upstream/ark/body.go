package ark

import (
	"encoding/base64"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream/rawjson"
)

// object is a request in the making. A reference image goes straight into it as
// base64, once, and no encoder reads those megabytes again.
type object struct{ rawjson.Object }

func newObject(sizeHint int) *object {
	return &object{*rawjson.NewObject(sizeHint)}
}

// dataURI adds bytes as a string in the form that the upstream takes images in.
func (o *object) dataURI(contentType string, data []byte) {
	o.Text(`"data:` + contentType + `;base64,`)
	o.Buf = base64.StdEncoding.AppendEncode(o.Buf, data)
	o.Text(`"`)
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
