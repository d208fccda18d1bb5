package server_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/server"
)

// formBody is a form as OpenAI's SDKs write one.
type formBody struct {
	testing.TB
	b bytes.Buffer
	w *multipart.Writer
}

func newForm(tb testing.TB) *formBody {
	tb.Helper()
	f := &formBody{TB: tb}
	f.w = multipart.NewWriter(&f.b)
	return f
}

// text adds a field, file a file.
func (f *formBody) text(name, value string) *formBody {
	f.Helper()
	if err := f.w.WriteField(name, value); err != nil {
		f.Fatal(err)
	}
	return f
}

func (f *formBody) file(name, filename string, content []byte) *formBody {
	f.Helper()
	part, err := f.w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, name, filename)},
		"Content-Type":        {"application/octet-stream"},
	})
	if err == nil {
		_, err = part.Write(content)
	}
	if err != nil {
		f.Fatal(err)
	}
	return f
}

func (f *formBody) done() (body, contentType string) {
	f.Helper()
	if err := f.w.Close(); err != nil {
		f.Fatal(err)
	}
	return f.b.String(), f.w.FormDataContentType()
}

// post sends a form.
func (h *house) post(path string, f *formBody, headers ...string) answer {
	h.Helper()
	body, contentType := f.done()
	return h.call(http.MethodPost, path, body, append([]string{"Content-Type", contentType}, headers...)...)
}

// TestHostileForms: a form that cannot be one is refused with what is wrong, and
// leaves nothing behind.
func TestHostileForms(t *testing.T) {
	t.Parallel()
	h := open(t)
	pic := picture(t, 400, 300)
	good, kind := newForm(t).text("prompt", "x").file("image", "a.png", pic).done()
	boundary := kind[strings.Index(kind, "boundary="):]
	crowd := newForm(t)
	for i := range 101 {
		crowd.text(fmt.Sprintf("f%d", i), "")
	}
	many, manyKind := crowd.done()
	form := func(head, value string) string {
		return "--b\r\n" + head + "\r\n\r\n" + value + "\r\n--b--\r\n"
	}
	field := func(name, value string) string {
		return form(`Content-Disposition: form-data; name="`+name+`"`, value)
	}
	const b = "multipart/form-data; boundary=b"
	for _, tt := range []struct {
		name, kind, body string
		param, says      string
	}{
		{"no boundary", "multipart/form-data", good, "Content-Type", "boundary"},
		{"an endless boundary", "multipart/form-data; boundary=" + strings.Repeat("x", 71), good, "Content-Type", "70 characters"},
		{"another kind of form", "multipart/mixed; " + boundary, good, "Content-Type", "multipart/form-data"},
		{"another boundary", "multipart/form-data; boundary=other", good, "", "boundary"},
		{"cut off in a file", kind, good[:len(good)/2], "", "breaks off"},
		{"cut off behind a part", kind, strings.TrimSuffix(good, "--\r\n"), "", "breaks off"},
		{"no bytes", kind, "", "", "breaks off"},
		{"too many parts", manyKind, many, "", "more than 100 parts"},
		{"a huge name", b, field(strings.Repeat("n", 200_000), "x"), "", "over 100 characters"},
		{"no name", b, form("Content-Disposition: form-data", "x"), "", "without a name"},
		{"no head", b, form("X: y", "x"), "", "without a name"},
		{"a broken head", b, "--b\r\nno head at all\r\n\r\nx\r\n--b--\r\n", "", "breaks off"},
		{"an endless head", b, form(strings.Repeat("A: b\r\n", 20_000)+`Content-Disposition: form-data; name="x"`, "x"), "", "breaks off"},
		{"another encoding", b, form("Content-Disposition: form-data; name=\"prompt\"\r\nContent-Transfer-Encoding: base64", "eA=="), "prompt", "Send its bytes"},
		{"no text", b, field("prompt", "\xff\xfe"), "prompt", "UTF-8"},
		{"control characters", b, field("prompt", "a\x00b"), "prompt", "UTF-8"},
		{"a prompt without end", b, field("prompt", strings.Repeat("x", 200_000)), "prompt", "longer than"},
		{"a prompt as a file", b, form(`Content-Disposition: form-data; name="prompt"; filename="x"`, "x"), "prompt", "sent as a file"},
		{"brackets", b, field("a[b", "x"), "a[b", "name[key]"},
		{"brackets in brackets", b, field("a[b][c]", "x"), "a[b][c]", "name[key]"},
		{"nothing but brackets", b, field("[]", "x"), "[]", "name[key]"},
		{"no picture", b, form(`Content-Disposition: form-data; name="image"; filename="x"`, ""), "image", "empty"},
		{"a web page", b, form(`Content-Disposition: form-data; name="image"; filename="x.png"`, "<html>") + "", "prompt", "required"},
		{"too large a picture", b, form(`Content-Disposition: form-data; name="image[]"; filename="x"`, strings.Repeat("x", 10<<20+1)), "image[]", "10 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/v1/images/edits", "/v1/files"} {
				if path == "/v1/files" && tt.param != "Content-Type" && tt.says != "boundary" && tt.says != "breaks off" {
					continue
				}
				a := h.call(http.MethodPost, path, tt.body, "Content-Type", tt.kind)
				_, param, message := errorOf(t, a.body)
				if a.status != 400 || param != tt.param && tt.name != "brackets" || !strings.Contains(message, tt.says) || len(message) > 400 {
					t.Errorf("%s: %d %s", path, a.status, a.body)
				}
			}
		})
	}
	t.Cleanup(h.nothingHappened)
}

// TestFormsBeyondTheBudget: what a form's pictures become counts, too.
func TestFormsBeyondTheBudget(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits = server.Limits{BodyBytes: 1 << 20, BodyBudget: 2 << 20} }))
	a := h.post("/v1/images/edits", newForm(t).text("prompt", "x").file("image[]", "a", make([]byte, 500_000)).file("image[]", "b", make([]byte, 400_000)))
	if code, _, _ := errorOf(t, a.body); a.status != 503 || code != "queue_full" || a.header.Get("Retry-After") != "1" {
		t.Errorf("%d %s", a.status, a.body)
	}
	// It was all given back.
	if a := h.post("/v1/images/edits", newForm(t).text("prompt", "x").file("image", "a", picture(t, 300, 300)), "Prefer", "respond-async"); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := h.post("/v1/images/edits", newForm(t).text("prompt", "x").file("image", "a", make([]byte, 1<<20))); a.status != 413 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
