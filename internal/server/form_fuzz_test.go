package server_test

import (
	"encoding/json"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/server"
)

// FuzzForm: whatever is posted as a form becomes valid JSON, field by field, or a
// fault that is the caller's.
func FuzzForm(f *testing.F) {
	head := "--b\r\nContent-Disposition: form-data; name="
	for _, seed := range []string{
		head + "\"prompt\"\r\n\r\na cat\r\n--b--\r\n", head + "\"image[]\"; filename=\"a.png\"\r\n\r\n\x89PNG\r\n--b--\r\n",
		head + "\"a[b]\"\r\n\r\nx\r\n" + head + "\"a\"\r\n\r\ny\r\n--b--", head + "\"stream\"\r\n\r\ntrue\r\n" + head + "x", "--b--", "",
		head + "\"images[0]\"\r\n\r\n\u2028\"\\</script>\r\n" + head + "\"images[x]\"\r\n\r\n\r\n--b--\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := server.Form(body, "b")
		if err != nil {
			if code := fault.From(err).Code; code != fault.Invalid && code != fault.InvalidImage {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		for name, value := range fields {
			if name == "" || !json.Valid(value) {
				t.Errorf("%q: field %q is %q", body, name, value)
			}
		}
	})
}
