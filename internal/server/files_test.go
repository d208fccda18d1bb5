package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const files = "/v1/files"

// upload uploads a picture.
func (h *house) upload(content []byte) tintype.File {
	h.Helper()
	a := h.post(files, newForm(h.TB).text("purpose", "vision").file("file", "cat.png", content))
	var f tintype.File
	if a.status != http.StatusOK {
		h.Fatalf("%d %s", a.status, a.body)
	}
	h.must(json.Unmarshal([]byte(a.body), &f))
	return f
}

// stock lists what the bucket holds of uploaded files.
func (h *house) stock() []string {
	h.Helper()
	found, err := filepath.Glob(filepath.Join(h.dir, "files", "*", "*"))
	h.must(err)
	return found
}

func TestFiles(t *testing.T) {
	t.Parallel()
	h := open(t)
	pic := picture(t, 400, 300)
	f := h.upload(pic)
	now := time.Now().Unix()
	if !strings.HasPrefix(f.ID, "file-") || f.Object != "file" || f.Bytes != int64(len(pic)) || f.Filename != "cat.png" || f.Purpose != "vision" || f.Status != "processed" ||
		f.CreatedAt < now-60 || f.CreatedAt > now || f.ExpiresAt != f.CreatedAt+30*24*3600 {
		t.Errorf("%+v", f)
	}
	var again tintype.File
	a := h.call(http.MethodGet, files+"/"+f.ID, "")
	h.must(json.Unmarshal([]byte(a.body), &again))
	if a.status != 200 || again != f {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := h.call(http.MethodDelete, files+"/"+f.ID, "", "Authorization", "Bearer "+otherKey); a.status != 404 {
		t.Errorf("a stranger deletes: %d %s", a.status, a.body)
	}
	if n := len(h.stock()); n != 2 {
		t.Errorf("%v", h.stock())
	}
	if a := h.call(http.MethodDelete, files+"/"+f.ID, ""); a.status != 200 || a.body != `{"id":"`+f.ID+`","object":"file","deleted":true}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	if left := h.stock(); len(left) != 0 {
		t.Errorf("the bucket holds %v", left)
	}
	gone := h.call(http.MethodGet, files+"/"+f.ID, "").body
	for _, id := range []string{f.ID, "file-" + string(job.NewID(time.Now())), "file-abc", "abc", "..%2f..%2fjobs"} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			a := h.call(method, files+"/"+id, "")
			if code, _, _ := errorOf(t, a.body); a.status != 404 || code != "not_found" || a.body != gone {
				t.Errorf("%s %s: %d %s", method, id, a.status, a.body)
			}
		}
	}
	if a := h.call(http.MethodGet, files+"/"+h.upload(pic).ID, "", "Authorization", "Bearer "+otherKey); a.status != 404 {
		t.Errorf("a stranger: %d %s", a.status, a.body)
	}
}

func TestFilesRefuse(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) {
		c.Limits = server.Limits{ImageBytes: 1 << 20, ImagePixels: 1_000_000}
		c.FileRetention = 2 * time.Hour
	}))
	pic := picture(t, 400, 300)
	with := func(name, value string) answer {
		return h.post(files, newForm(t).text(name, value).file("file", "a", pic))
	}
	sent := func(b []byte) answer { return h.post(files, newForm(t).text("purpose", "vision").file("file", "a", b)) }
	for name, tt := range map[string]struct {
		answer
		code, param, says string
	}{
		"JSON":              {h.call(http.MethodPost, files, `{"purpose":"vision"}`), "invalid_request", "Content-Type", "multipart/form-data"},
		"no file":           {h.post(files, newForm(t).text("purpose", "vision")), "invalid_request", "file", "required"},
		"a text":            {h.post(files, newForm(t).text("file", "x")), "invalid_request", "file", "with a filename"},
		"two files":         {h.post(files, newForm(t).file("file", "a", pic).file("file", "b", pic)), "invalid_request", "file", "one file"},
		"another purpose":   {with("purpose", "fine-tune"), "invalid_request", "purpose", "vision"},
		"another anchor":    {with("expires_after[anchor]", "last_active_at"), "invalid_request", "expires_after[anchor]", "created_at"},
		"too short a time":  {with("expires_after[seconds]", "59"), "invalid_request", "expires_after[seconds]", "from 3600 to 7200"},
		"too long a time":   {with("expires_after[seconds]", "7201"), "invalid_request", "expires_after[seconds]", "retention.files"},
		"no time":           {with("expires_after[seconds]", "soon"), "invalid_request", "expires_after[seconds]", "whole number"},
		"nothing":           {sent(nil), "invalid_image", "file", "empty"},
		"a web page":        {sent([]byte("<html><body>hello</body></html>")), "invalid_image", "file", "web page"},
		"half a picture":    {sent(pic[:len(pic)/2]), "invalid_image", "file", "stops before its end"},
		"too many bytes":    {sent(make([]byte, 1<<20+1)), "image_too_large", "file", "1 MiB"},
		"too many pixels":   {sent(picture(t, 1001, 1000)), "image_too_large", "file", "1000000 in all"},
		"an endless wish":   {with("purpose", strings.Repeat("x", 5000)), "invalid_request", "purpose", "longer than"},
		"a film":            {sent([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")), "invalid_image", "file", ""},
		"a drawing of text": {sent([]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`)), "invalid_image", "file", "not an image"},
	} {
		code, param, message := errorOf(t, tt.body)
		if tt.status != 400 || code != tt.code || param != tt.param || !strings.Contains(message, tt.says) {
			t.Errorf("%s: %d %s", name, tt.status, tt.body)
		}
	}
	if left := h.stock(); len(left) != 0 {
		t.Errorf("the bucket holds %v", left)
	}
	a := h.post(files, newForm(t).text("expires_after[anchor]", "created_at").text("expires_after[seconds]", "3600").text("future", "x").file("file", "../../a\tb.png", pic))
	var f tintype.File
	h.must(json.Unmarshal([]byte(a.body), &f))
	if a.status != 200 || f.ExpiresAt != f.CreatedAt+3600 || strings.ContainsAny(f.Filename, "/\t") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestUploadedBombs: what is no picture, or a bomb, is refused at the upload.
func TestUploadedBombs(t *testing.T) {
	t.Parallel()
	h := open(t)
	for name, tt := range bombs(t) {
		if tt.code == "" {
			continue
		}
		for path, field := range map[string]string{files: "file", edits: "image", openaiVideos: "input_reference"} {
			a := h.post(path, newForm(t).text("prompt", "x").file(field, "a.png", tt.file))
			if code, param, _ := errorOf(t, a.body); a.status != 400 || code != string(tt.code) || param != field {
				t.Errorf("%s to %s: %d %s; want %s", name, path, a.status, a.body, tt.code)
			}
		}
	}
	if left := h.stock(); len(left) != 0 {
		t.Errorf("the bucket holds %v", left)
	}
	h.nothingHappened()
}

// TestFilesArePictures: a file's id is good wherever a picture may stand, for whom
// it belongs to.
func TestFilesArePictures(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models = rich(t) }))
	pic := picture(t, 400, 300)
	f := h.upload(pic)
	id := f.ID
	for _, tt := range []struct {
		path, body string
		inputs     int
	}{
		{images, `"image":"` + id + `"`, 1},
		{images, `"images":["` + id + `","` + id + `"]`, 2},
		{videos, `"image":"` + id + `","last_frame":"` + id + `"`, 2},
		{openaiVideos, `"input_reference":"` + id + `"`, 1},
		{openaiVideos, `"input_reference":{"file_id":"` + id + `"}`, 1},
		{edits, `"image":"` + id + `"`, 1},
		{edits, `"images":[{"file_id":"` + id + `"},{"image_url":"` + id + `"}]`, 2},
	} {
		j, err := h.store.Get(t.Context(), h.create(tt.path, `{"prompt":"x",`+tt.body+`}`))
		h.must(err)
		if len(j.Spec.Inputs()) != tt.inputs {
			t.Errorf("%s %s: %+v", tt.path, tt.body, j.Spec)
		}
		for _, in := range j.Spec.Inputs() {
			// The job has a copy of its own: it may outlive the file.
			r, err := h.blobs.Open(t.Context(), in.Key, 0, -1)
			h.must(err)
			if in.SizeBytes != int64(len(pic)) || in.Width != 400 || !strings.HasPrefix(in.Key, j.ID.Dir()) || r.Object.SizeBytes != in.SizeBytes {
				t.Errorf("%s: %+v", tt.path, in)
			}
			h.must(r.Close())
		}
		a := h.call(http.MethodPost, tt.path, `{"prompt":"x",`+tt.body+`}`, "Authorization", "Bearer "+otherKey)
		code, param, message := errorOf(t, a.body)
		if a.status != 404 || code != "not_found" || param == "" || !strings.HasPrefix(message, param+": there is no file") {
			t.Errorf("a stranger, %s %s: %d %s", tt.path, tt.body, a.status, a.body)
		}
	}
	// The rules of the model are looked at again.
	small := h.upload(picture(t, 20, 10)).ID
	if a := h.call(http.MethodPost, videos, `{"prompt":"x","model":"doubao-video","image":"`+small+`"}`); a.status == 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestChatSeesFiles: the upstream gets the picture itself.
func TestChatSeesFiles(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.upload(picture(t, 40, 30)).ID
	ask := func(image string, headers ...string) answer {
		return h.call(http.MethodPost, chats, `{"messages":[{"role":"system","content":"be brief about file-x"},{"role":"user","content":[{"type":"text","text":"what is it?"},`+
			`{"type":"image_url","image_url":`+image+`},{"type":"image_url","image_url":{"url":"`+h.dataURI(picture(t, 30, 40))+`"}}]}]}`, headers...)
	}
	for _, image := range []string{`"` + id + `"`, `{"url":"` + id + `","detail":"low"}`, `{ "file_id" : "` + id + `" }`} {
		if a := ask(image); a.status != 200 || !strings.Contains(a.body, "chat.completion") {
			t.Errorf("%s: %d %s", image, a.status, a.body)
		}
	}
	for name, a := range map[string]answer{
		"a stranger":   ask(`{"url":"`+id+`"}`, "Authorization", "Bearer "+otherKey),
		"unknown":      ask(`{"url":"file-abc"}`),
		"unknown, too": ask(`{"file_id":"file-` + string(job.NewID(time.Now())) + `"}`),
	} {
		code, param, _ := errorOf(t, a.body)
		if a.status != 404 || code != "not_found" || param != "messages[1].content[1].image_url" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// TestNoBytesInRedis: a picture travels in the bucket, however it came.
func TestNoBytesInRedis(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Models = rich(t) }))
	pic := picture(t, 1500, 1500) // 2 MiB
	text := base64.StdEncoding.EncodeToString(pic)
	h.create(images, `{"prompt":"x","image":"data:image/png;base64,`+text+`"}`, "Idempotency-Key", "k")
	h.create(edits, `{"prompt":"x","images":["`+text+`","`+h.upload(pic).ID+`"]}`, "X-Stainless-Retry-Count", "0")
	if a := h.post(openaiVideos, newForm(t).text("prompt", "x").file("input_reference", "a", pic)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	dump := h.redis.Dump()
	const most = 64 << 10
	if len(dump) > most || strings.Contains(dump, text[1000:1040]) || strings.Contains(dump, string(pic[1000:1030])) {
		t.Errorf("Redis holds %d bytes", len(dump))
	}
}

// TestFilesExpire by the clock: nothing needs to remove them.
func TestFilesExpire(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pic := picture(t, 40, 30)
	synctest.Test(t, func(t *testing.T) {
		for after, want := range map[time.Duration]bool{0: true, 59 * time.Minute: true, time.Hour: false, 30 * 24 * time.Hour: false} {
			if got := server.FileLives(t.Context(), dir, pic, time.Hour, after); got != want {
				t.Errorf("after %s: %v", after, got)
			}
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) == 0 {
		t.Errorf("%v %v", left, err)
	}
}

// TestFilesWithoutABucket: nothing is said to be stored that is not.
func TestFilesWithoutABucket(t *testing.T) {
	t.Parallel()
	h := open(t)
	f := h.upload(picture(t, 40, 30))
	h.must(os.RemoveAll(h.dir))
	h.must(os.WriteFile(h.dir, nil, 0o600)) // no folder can be made here
	a := h.post(files, newForm(t).text("purpose", "vision").file("file", "a", picture(t, 40, 30)))
	if code, _, _ := errorOf(t, a.body); a.status != 503 || code != "service_unavailable" || strings.Contains(a.body, h.dir) {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = h.call(http.MethodGet, files+"/"+f.ID, "")
	if a.status != 503 && a.status != 404 || strings.Contains(a.body, h.dir) {
		t.Errorf("%d %s", a.status, a.body)
	}
}
