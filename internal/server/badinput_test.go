package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

// badCase is a request that must be refused at the door.
type badCase struct {
	name    string
	path    string
	body    string
	headers []string
	status  int
	code    string
	param   string
	says    string // part of the message
}

func mediaCases(pageURL string) []badCase {
	image := func(v string) string {
		b, _ := json.Marshal(map[string]string{"prompt": "x", "image": v})
		return string(b)
	}
	data := func(b []byte) string { return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b) }
	png8 := blank(8, 8)
	return []badCase{
		{"unknown model", images, `{"model":"nope","prompt":"x"}`, nil, 404, "model_not_found", "model", "nope"},
		{"model of another kind", images, `{"model":"doubao-video","prompt":"x"}`, nil, 404, "model_not_found", "model", "video"},
		{"model of a wrong type", images, `{"model":4,"prompt":"x"}`, nil, 400, "invalid_request", "model", "model: must be a string, not a number"},
		{"no prompt", images, `{}`, nil, 400, "invalid_request", "prompt", "required"},
		{"null prompt", videos, `{"prompt":null}`, nil, 400, "invalid_request", "prompt", "required"},
		{"blank prompt", images, `{"prompt":" \n"}`, nil, 400, "invalid_request", "prompt", "required"},
		{"prompt of a wrong type", images, `{"prompt":["x"]}`, nil, 400, "invalid_request", "prompt", "prompt: must be a string, not an array"},
		{"prompt in another case", images, `{"Prompt":"x"}`, nil, 400, "invalid_request", "prompt", "required"},
		{"long prompt", images, fmt.Sprintf(`{"prompt":%q}`, strings.Repeat("字", 101)), nil, 400, "invalid_request", "prompt", "has 101 characters; the limit is 100"},
		{"ratio outside of the set", images, `{"prompt":"x","ratio":"4:3"}`, nil, 400, "invalid_request", "ratio", "1:1, 16:9, 9:16"},
		{"video ratio outside of the set", videos, `{"prompt":"x","ratio":"3:2"}`, nil, 400, "invalid_request", "ratio", "16:9, 1:1"},
		{"ratio of a wrong type", images, `{"prompt":"x","ratio":1.5}`, nil, 400, "invalid_request", "ratio", "a string"},
		{"style of a wrong type", images, `{"prompt":"x","style":{}}`, nil, 400, "invalid_request", "style", "an object"},
		{"endless style", images, fmt.Sprintf(`{"prompt":"x","style":%q}`, strings.Repeat("s", 65)), nil, 400, "invalid_request", "style", "65"},
		{"stream of a wrong type", images, `{"prompt":"x","stream":"yes"}`, nil, 400, "invalid_request", "stream", "true or false, not a string"},
		{"unknown response_format", images, `{"prompt":"x","response_format":"gif"}`, nil, 400, "invalid_request", "response_format", "b64_json"},
		{"image of a wrong type", images, `{"prompt":"x","image":["a"]}`, nil, 400, "invalid_request", "image", "an array"},
		{"image for a model that takes none", images, `{"model":"text only","prompt":"x","image":"aGk="}`, nil, 400, "invalid_request", "image", "takes no input image"},
		{"not base64", images, image("hello, world"), nil, 400, "invalid_image", "image", "neither"},
		{"another scheme", images, image("file:///etc/passwd"), nil, 400, "invalid_image", "image", "only http and https"},
		{"data URI without base64", images, image("data:image/png,abc"), nil, 400, "invalid_image", "image", "base64"},
		{"data URI without data", images, image("data:image/png;base64"), nil, 400, "invalid_image", "image", "comma"},
		{"not an image", images, image(base64.StdEncoding.EncodeToString([]byte("just some text, no image"))), nil, 400, "invalid_image", "image", "not an image"},
		{"truncated image", images, image(data(picture20()[:2000])), nil, 400, "invalid_image", "image", "stops before its end"},
		{"too small", images, image(data(png8)), nil, 400, "invalid_image", "image", "8 × 8"},
		{"too narrow", images, image(data(blank(400, 20))), nil, 400, "invalid_image", "image", "between"},
		{"too small for a video", videos, image(data(blank(299, 400))), nil, 400, "invalid_image", "image", "300 at least"},
		{"too wide for a video", videos, image(data(blank(1600, 400))), nil, 400, "invalid_image", "image", "between 0.4 and 2.5"},
		{"too many pixels", images, image(data(blank(1001, 1000))), nil, 400, "image_too_large", "image", "1000000"},
		{"too large a side for a video", videos, image(data(blank(6001, 100))), nil, 400, "image_too_large", "image", "6000"},
		{"too many bytes", images, image(base64.StdEncoding.EncodeToString(make([]byte, 70_000))), nil, 400, "image_too_large", "image", "65536 bytes"},
		{"a page", images, image(pageURL + "/page"), nil, 400, "invalid_image", "image", "web page"},
		{"missing", images, image(pageURL + "/missing"), nil, 400, "invalid_image", "image", "404"},
		{"huge file", images, image(pageURL + "/huge"), nil, 400, "image_too_large", "image", "65536"},
		{"unreachable", images, image("http://127.0.0.1:1/x.png"), nil, 400, "invalid_image", "image", "cannot be reached"},
		{"nobody there", images, image("http://no..host/x.png"), nil, 400, "invalid_image", "image", "cannot be reached"},
		{"private address", images, image("http://10.0.0.1/x.png"), nil, 400, "invalid_image", "image", "private"},
		{"another service's port", images, image("http://93.184.216.34:22/x.png"), nil, 400, "invalid_image", "image", "80, 443 and those from 1024 on"},
		{"metadata address", images, image("http://169.254.169.254/latest/meta-data"), nil, 400, "invalid_image", "image", "private"},
		{"credentials in the URL", images, image("http://u:p@127.0.0.1/x.png"), nil, 400, "invalid_image", "image", "user name"},
	}
}

func requestCases() []badCase {
	return []badCase{
		{"malformed", images, "{\n \"prompt\": \"x\",\n oops}", nil, 400, "invalid_request", "", "line 3, column 2"},
		{"cut off", images, `{"prompt":"x"`, nil, 400, "invalid_request", "", "not valid JSON"},
		{"two values", images, `{"prompt":"x"}{}`, nil, 400, "invalid_request", "", "line 1, column 15"},
		{"no object", images, `["prompt"]`, nil, 400, "invalid_request", "", "must be a JSON object"},
		{"null", images, `null`, nil, 400, "invalid_request", "", "must be a JSON object"},
		{"empty", images, ``, nil, 400, "invalid_request", "", "empty"},
		{"not UTF-8", images, "{\"prompt\":\"\xff\xfe\"}", nil, 400, "invalid_request", "", "UTF-8"},
		{"too deep", images, `{"prompt":"x","a":` + strings.Repeat("[", 120) + strings.Repeat("]", 120) + `}`, nil, 400, "invalid_request", "", "100 levels"},
		{"a form", images, "--b\r\n\r\n--b--", []string{"Content-Type", "multipart/form-data; boundary=b"}, 400, "invalid_request", "Content-Type", "JSON"},
		{"compressed", images, "x", []string{"Content-Encoding", "gzip"}, 400, "invalid_request", "Content-Encoding", "plain"},
		{"too large", images, `{"prompt":"` + strings.Repeat("a", 200_000) + `"}`, nil, 413, "request_too_large", "", "131072"},
		{"no authorization", images, `{"prompt":"x"}`, []string{"Authorization", ""}, 401, "authentication_error", "Authorization", "missing"},
		{"another scheme", images, `{"prompt":"x"}`, []string{"Authorization", "Basic abc"}, 401, "authentication_error", "Authorization", "Bearer"},
		{"no credential", images, `{"prompt":"x"}`, []string{"Authorization", "Bearer "}, 401, "authentication_error", "Authorization", "Bearer"},
		{"two words", images, `{"prompt":"x"}`, []string{"Authorization", "Bearer a b"}, 401, "authentication_error", "Authorization", "Bearer"},
		{"unknown gateway key", images, `{"prompt":"x"}`, []string{"Authorization", "Bearer tt_unknown"}, 401, "authentication_error", "Authorization", "not known"},
		{"dead upstream credential", images, `{"prompt":"x"}`, []string{"Authorization", "Bearer revoked"}, 401, "upstream_credential_rejected", "Authorization", "does not accept"},
		{"dead upstream credential, video", videos, `{"prompt":"x"}`, []string{"Authorization", "Bearer revoked"}, 401, "upstream_credential_rejected", "Authorization", "does not accept"},
		{"malformed wait", images, `{"prompt":"x"}`, []string{"Prefer", "wait=soon"}, 400, "invalid_request", "Prefer", "1 to 300"},
		{"endless wait", images, `{"prompt":"x"}`, []string{"Prefer", "wait=301"}, 400, "invalid_request", "Prefer", "1 to 300"},
		{"no wait", images, `{"prompt":"x"}`, []string{"Prefer", "respond-async, wait=0"}, 400, "invalid_request", "Prefer", "1 to 300"},
	}
}

func chatCases() []badCase {
	user := func(content string) string { return `{"messages":[{"role":"user","content":` + content + `}]}` }
	part := func(url string) string {
		return user(`[{"type":"text","text":"?"},{"type":"image_url","image_url":{"url":"` + url + `"}}]`)
	}
	const at = "messages[0].content[1].image_url"
	return []badCase{
		{"unknown model", chats, `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, nil, 404, "model_not_found", "model", ""},
		{"no messages", chats, `{}`, nil, 400, "invalid_request", "messages", "required"},
		{"messages of a wrong type", chats, `{"messages":"hi"}`, nil, 400, "invalid_request", "messages", "an array"},
		{"empty messages", chats, `{"messages":[]}`, nil, 400, "invalid_request", "messages", "at least one"},
		{"too many messages", chats, `{"messages":[` + strings.Repeat(`{"role":"user","content":"x"},`, 10) + `{"role":"user","content":"x"}]}`, nil, 400, "invalid_request", "messages", "limit is 10"},
		{"a message of a wrong type", chats, `{"messages":["hi"]}`, nil, 400, "invalid_request", "messages[0]", "an object"},
		{"no role", chats, `{"messages":[{"content":"x"}]}`, nil, 400, "invalid_request", "messages[0].role", "one of"},
		{"unknown role", chats, `{"messages":[{"role":"user","content":"x"},{"role":"boss","content":"x"}]}`, nil, 400, "invalid_request", "messages[1].role", "one of"},
		{"no content", chats, `{"messages":[{"role":"user"}]}`, nil, 400, "invalid_request", "messages[0].content", "required"},
		{"content of a wrong type", chats, user("7"), nil, 400, "invalid_request", "messages[0].content", "a number"},
		{"a part of a wrong type", chats, user(`["x"]`), nil, 400, "invalid_request", "messages[0].content[0]", "type"},
		{"a part without type", chats, user(`[{"text":"x"}]`), nil, 400, "invalid_request", "messages[0].content[0]", "type"},
		{"text of a wrong type", chats, user(`[{"type":"text","text":1}]`), nil, 400, "invalid_request", "messages[0].content[0].text", "a string"},
		{"an image without URL", chats, user(`[{"type":"image_url"}]`), nil, 400, "invalid_request", "messages[0].content[0].image_url", "url"},
		{"private image", chats, part("http://192.168.1.1/a.png"), nil, 400, "invalid_image", at, "private"},
		{"image that nobody has", chats, part("http://no..host/a.png"), nil, 400, "invalid_image", at, "cannot be reached"},
		{"data URI of another type", chats, part("data:text/html;base64,aGk="), nil, 400, "invalid_image", at, "text/html"},
		{"data URI too large", chats, part("data:image/png;base64," + strings.Repeat("AAAA", 25_000)), nil, 400, "image_too_large", at, "65536"},
		{"data URI that is no picture", chats, part("data:image/png;base64,aGVsbG8gd29ybGQ="), nil, 400, "invalid_image", at, "not an image"},
		{"data URI that is cut off", chats, part("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture20()[:2000])), nil, 400, "invalid_image", at, "stops before its end"},
		{"data URI that is no base64", chats, part("data:image/png;base64,!!"), nil, 400, "invalid_image", at, "base64"},
		{"too small a picture", chats, part("data:image/png;base64," + base64.StdEncoding.EncodeToString(blank(13, 15))), nil, 400, "invalid_image", at, "196"},
		{"too large a picture", chats, part("data:image/png;base64," + base64.StdEncoding.EncodeToString(blank(1001, 1000))), nil, 400, "image_too_large", at, "1000000"},
		{"too many images", chats, `{"messages":[` + crowd(199) + `,` + crowd(99) + `]}`, nil, 400, "invalid_request", "messages[1].content[57].image_url", "too many images"},
		{"stream of a wrong type", chats, `{"messages":[{"role":"user","content":"x"}],"stream":1}`, nil, 400, "invalid_request", "stream", "a number"},
		{"stream_options of a wrong type", chats, `{"messages":[{"role":"user","content":"x"}],"stream_options":true}`, nil, 400, "invalid_request", "stream_options", "an object"},
		{"include_usage of a wrong type", chats, `{"messages":[{"role":"user","content":"x"}],"stream_options":{"include_usage":"y"}}`, nil, 400, "invalid_request", "stream_options.include_usage", "true or false"},
		{"no authorization", chats, `{}`, []string{"Authorization", ""}, 401, "authentication_error", "Authorization", "missing"},
		{"dead upstream credential", chats, `{"messages":[{"role":"user","content":"x"}]}`, []string{"Authorization", "Bearer revoked"}, 401, "upstream_credential_rejected", "Authorization", "does not accept"},
	}
}

// crowd is a message of the user with as many images.
func crowd(n int) string {
	return `{"role":"user","content":[` + strings.Repeat(`{"type":"image_url","image_url":{"url":"http://127.0.0.1/a.png"}},`, n) + `{"type":"text","text":"?"}]}`
}

// TestBadInput: every bad request has its own answer, nothing is enqueued and
// nothing is spent.
func TestBadInput(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) {
		c.Limits = server.Limits{PromptRunes: 100, BodyBytes: 128 << 10, ImageBytes: 64 << 10, ImagePixels: 1_000_000, Messages: 10}
	}))
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>hi</body></html>")
		case "/huge":
			_, _ = w.Write(make([]byte, 100_000))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(page.Close)
	cases := append(append(mediaCases(page.URL), requestCases()...), chatCases()...)
	for _, tt := range cases {
		t.Run(tt.path[4:9]+" "+tt.name, func(t *testing.T) {
			a := h.call(http.MethodPost, tt.path, tt.body, tt.headers...)
			code, param, message := errorOf(t, a.body)
			if a.status != tt.status || code != tt.code || param != tt.param {
				t.Errorf("got %d %s (param %q)\nwant %d %s (param %q)\n%s", a.status, code, param, tt.status, tt.code, tt.param, a.body)
			}
			if !strings.Contains(message, tt.says) {
				t.Errorf("message %q does not say %q", message, tt.says)
			}
			if a.header.Get("X-Should-Retry") != "false" || a.header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", a.header)
			}
			if strings.Contains(a.body, "no..host") || strings.Contains(a.body, h.redis.Addr()) {
				t.Errorf("the message tells too much: %s", message)
			}
		})
	}
	h.nothingHappened()
}

// nothingHappened fails if anything was enqueued, stored or paid.
func (h *house) nothingHappened() {
	h.Helper()
	if b := h.bells(); len(b) != 0 {
		h.Errorf("bells were rung: %v", b)
	}
	for _, key := range h.redis.Keys() {
		if strings.Contains(key, "job:") || strings.Contains(key, "ev:") || strings.Contains(key, "cred:") {
			h.Errorf("Redis holds %s", key)
		}
	}
	for _, sub := range h.sim.Ledger().Submissions {
		if sub.Charged || sub.Outcome == ledger.Accepted {
			h.Errorf("a submission was accepted: %+v", sub)
		}
	}
}

// TestRefusedJobLeavesNoImage: an input image of a job that no account can
// serve is taken back.
func TestRefusedJobLeavesNoImage(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(h.store.SyncAccounts(t.Context(), "ark", nil))
	body, _ := json.Marshal(map[string]string{"prompt": "x", "image": base64.StdEncoding.EncodeToString(picture(t, 64, 64))})
	a := h.call(http.MethodPost, images, string(body))
	if code, _, _ := errorOf(t, a.body); a.status != 503 || code != "pool_exhausted" {
		t.Errorf("%d %s", a.status, a.body)
	}
	h.nothingHappened()
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, "input-0") && !strings.Contains(path, "+meta") {
			t.Errorf("%s is left behind", path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
}

// blank is a PNG of one colour: small, whatever its size.
func blank(w, h int) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h)))
	return b.Bytes()
}

func picture20() []byte {
	img := image.NewGray(image.Rect(0, 0, 100, 100))
	for i := range img.Pix {
		img.Pix[i] = byte(i * i * 31)
	}
	var b bytes.Buffer
	_ = (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, img)
	return b.Bytes()
}
