package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// formOf writes a form of texts and one file.
func (c *cluster) formOf(texts map[string]string, file string, content []byte) (body string, header []string) {
	c.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, text := range texts {
		if err := w.WriteField(name, text); err != nil {
			c.Fatal(err)
		}
	}
	part, err := w.CreateFormFile(file, "photo.png")
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		c.Fatal(err)
	}
	return b.String(), []string{"Content-Type", w.FormDataContentType()}
}

// postForm makes a call with a form and wants a 200.
func (c *cluster) postForm(path string, texts map[string]string, file string, content []byte, into any) {
	c.Helper()
	body, header := c.formOf(texts, file, content)
	a := c.call(request{url: c.apis[0].base() + path, key: gatewayKey, body: body, headers: header})
	if a.status != http.StatusOK {
		c.Fatalf("POST %s: %d %s", path, a.status, a.body)
	}
	c.into(a, into)
}

// TestFaces goes through OpenAI's doors: a video from a picture by /v1/videos, made
// while it is asked for at the other API; an edit; and an image of an uploaded file.
func TestFaces(t *testing.T) {
	t.Parallel()
	c := start(t)
	var v tintype.VideoObject
	c.postForm("/v1/videos", map[string]string{"prompt": c.prompt("waves by form"), "size": "1280x720"}, "input_reference", photograph(), &v)
	if v.Object != "video" || v.Status != "queued" && v.Status != "in_progress" {
		t.Errorf("%+v", v)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := until(ctx, func() error {
		a := c.call(request{url: c.apis[1].base() + "/v1/videos/" + v.ID, key: gatewayKey})
		if c.into(a, &v); v.Status != "completed" {
			return fmt.Errorf("%d %s", a.status, a.body)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if v.Progress != 100 || v.Seconds == "" || v.Size == "" || v.CompletedAt == nil || v.ExpiresAt == nil {
		t.Errorf("%+v", v)
	}
	var j tintype.Job
	c.into(c.call(request{url: c.apis[1].base() + "/v1/jobs/" + v.ID, key: gatewayKey}), &j)
	content := c.apis[1].base() + "/v1/videos/" + v.ID + "/content"
	film := c.call(request{url: content + "?variant=video", key: gatewayKey})
	if sum := sha256.Sum256(film.body); film.status != http.StatusOK || hex.EncodeToString(sum[:]) != j.Media[0].SHA256 || film.header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%d %v, %d bytes", film.status, film.header, len(film.body))
	}
	part := c.call(request{url: content, key: gatewayKey, headers: []string{"Range", "bytes=100-199"}})
	if part.status != http.StatusPartialContent || !bytes.Equal(part.body, film.body[100:200]) {
		t.Errorf("%d, %d bytes", part.status, len(part.body))
	}
	if still := c.call(request{url: content + "?variant=thumbnail", key: gatewayKey}); still.status != http.StatusOK || !strings.HasPrefix(still.header.Get("Content-Type"), "image/") {
		t.Errorf("%d %v", still.status, still.header)
	}
	var task tintype.VideoTask
	c.into(c.call(request{url: c.apis[0].base() + videoPath + "/" + v.ID, key: gatewayKey}), &task)
	if task.Status != "succeeded" || task.Format != "mp4" || !bytes.Equal(c.call(request{url: task.URL}).body, film.body) {
		t.Errorf("%+v", task)
	}

	var edited tintype.MediaResponse
	c.postForm("/v1/images/edits", map[string]string{"prompt": c.prompt("at night"), "size": "1024x1024"}, "image[]", photograph(), &edited)
	if len(edited.Data) != 1 || len(c.call(request{url: edited.Data[0].URL}).body) < 1000 {
		t.Errorf("%+v", edited)
	}

	var f tintype.File
	c.postForm("/v1/files", map[string]string{"purpose": "vision"}, "file", photograph(), &f)
	a := c.call(request{url: c.apis[1].base() + imagePath, key: gatewayKey, body: encode(fields{"prompt": c.prompt("by file"), "image": f.ID})})
	var made tintype.MediaResponse
	if c.into(a, &made); a.status != http.StatusOK || len(made.Data) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := c.call(request{method: http.MethodDelete, url: c.apis[1].base() + "/v1/files/" + f.ID, key: gatewayKey}); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}
