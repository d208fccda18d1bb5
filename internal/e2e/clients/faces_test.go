package clients_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// faces is what an SDK got on OpenAI's own paths.
type faces struct {
	File struct {
		ID, Object, Purpose, Again string
		Bytes                      int
	}
	Images  []string // links
	First   seen     // as it was created
	Video   seen     // as it ended
	SHA256  string   // of the video's file
	Still   string   // content type
	Linked  string   // status of a video of an uploaded file
	Deleted bool
	Errors  []string // class or type, status, code, param
}

type seen struct {
	ID, Object, Status, Seconds, Size string
	Progress                          int
}

// TestFaces: unmodified SDKs make videos, edits and files here as at OpenAI.
func TestFaces(t *testing.T) {
	t.Parallel()
	s := start(t)
	pic := drawn(t)
	for name, visit := range map[string]func(*testing.T, string, []byte) faces{"node": nodeFaces, "go": goFaces} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := visit(t, s.apis[0].URL(), pic)
			if !strings.HasPrefix(f.File.ID, "file-") || f.File.Object != "file" || f.File.Purpose != "vision" || f.File.Bytes != len(pic) || f.File.Again != f.File.ID || !f.Deleted {
				t.Errorf("%+v", f.File)
			}
			if len(f.Images) != 3 {
				t.Errorf("%v", f.Images)
			}
			for _, link := range f.Images {
				if len(get(t, link)) < 1000 {
					t.Errorf("no image at %s", link)
				}
			}
			if f.First.Object != "video" || f.First.Status != "queued" || f.Video.ID != f.First.ID || f.Video.Status != "completed" || f.Video.Progress != 100 || f.Video.Seconds == "" || f.Video.Size == "" {
				t.Errorf("%+v\n%+v", f.First, f.Video)
			}
			if f.SHA256 != s.stored(t, f.Video.ID) || !strings.HasPrefix(f.Still, "image/") || f.Linked != "queued" {
				t.Errorf("%s %s %s", f.SHA256, f.Still, f.Linked)
			}
			want := []string{
				"NotFoundError 404 not_found ", "NotFoundError 404 not_found ", "NotFoundError 404 model_not_found model", "BadRequestError 400 invalid_image image",
			}
			if !slices.Equal(f.Errors, want) {
				t.Errorf("%q", f.Errors)
			}
			if n := s.charges(t)["waves by "+name]; n != 1 {
				t.Errorf("the video was paid for %d times", n)
			}
		})
	}
}

func drawn(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 400, 300))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stored gives the digest of a job's film, as the job tells it.
func (s *service) stored(t *testing.T, id string) string {
	t.Helper()
	resp, answer := s.ask(t, http.MethodGet, "/v1/jobs/"+id, "")
	var j struct{ Media []struct{ SHA256 string } }
	if err := json.Unmarshal(answer, &j); err != nil || len(j.Media) == 0 {
		t.Fatalf("%s: %v, %+v", resp.Status, err, j)
	}
	return j.Media[0].SHA256
}

func nodeFaces(t *testing.T, base string, pic []byte) (f faces) {
	t.Helper()
	input, err := json.Marshal(map[string]any{"base": base, "key": patient, "picture": pic})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), callsWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "faces.mjs")
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, said.String())
	}
	if err := json.Unmarshal(out.Bytes(), &f); err != nil {
		t.Fatalf("node said %.300q: %v", out.String(), err)
	}
	return f
}

// goFaces does the same with OpenAI's SDK for Go, which has a poller.
//
//nolint:staticcheck // SA1019: OpenAI ends its own videos; the shape lives on in what callers have
func goFaces(t *testing.T, base string, pic []byte) (f faces) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callsWithin)
	defer cancel()
	client := openai.NewClient(option.WithBaseURL(base+"/v1"), option.WithAPIKey(patient))
	must := func(err error) {
		if t.Helper(); err != nil {
			t.Fatal(err)
		}
	}
	picture := func() io.Reader { return openai.File(bytes.NewReader(pic), "fox.png", "image/png") }
	file, err := client.Files.New(ctx, openai.FileNewParams{
		File: picture(), Purpose: openai.FilePurposeVision, ExpiresAfter: openai.FileNewParamsExpiresAfter{Seconds: 3600},
	})
	must(err)
	again, err := client.Files.Get(ctx, file.ID)
	must(err)
	f.File.ID, f.File.Object, f.File.Purpose, f.File.Bytes, f.File.Again = file.ID, string(file.Object), string(file.Purpose), int(file.Bytes), again.ID

	edit, err := client.Images.Edit(ctx, openai.ImageEditParams{
		Prompt: "an edit by go", Image: openai.ImageEditParamsImageUnion{OfFile: picture()}, Model: "Seedream 4.0", Size: openai.ImageEditParamsSize1024x1024,
	})
	must(err)
	pair, err := client.Images.Edit(ctx, openai.ImageEditParams{
		Prompt: "an edit of two by go", Image: openai.ImageEditParamsImageUnion{OfFileArray: []io.Reader{picture(), picture()}}, Model: "Seedream 4.0",
	})
	must(err)
	byFile, err := client.Images.Generate(ctx, openai.ImageGenerateParams{Prompt: "by file by go", Model: "Seedream 4.0"}, option.WithJSONSet("image", file.ID))
	must(err)
	f.Images = []string{edit.Data[0].URL, pair.Data[0].URL, byFile.Data[0].URL}

	first, err := client.Videos.New(ctx, openai.VideoNewParams{
		Prompt: "waves by go", Model: "doubao-video", Size: openai.VideoSize1280x720,
		InputReference: openai.VideoNewParamsInputReferenceUnion{OfFile: picture()},
	})
	must(err)
	video, err := client.Videos.PollStatus(ctx, first.ID, 100)
	must(err)
	f.First, f.Video = seenOf(first), seenOf(video)
	film, err := client.Videos.DownloadContent(ctx, video.ID, openai.VideoDownloadContentParams{})
	must(err)
	hash := sha256.New()
	_, err = io.Copy(hash, film.Body)
	must(errors.Join(err, film.Body.Close()))
	f.SHA256 = hex.EncodeToString(hash.Sum(nil))
	still, err := client.Videos.DownloadContent(ctx, video.ID, openai.VideoDownloadContentParams{Variant: openai.VideoDownloadContentParamsVariantThumbnail})
	must(err)
	must(still.Body.Close())
	f.Still = still.Header.Get("Content-Type")
	linked, err := client.Videos.New(ctx, openai.VideoNewParams{
		Prompt: "rain by go", Model: "doubao-video",
		InputReference: openai.VideoNewParamsInputReferenceUnion{OfImageInputReference: &openai.ImageInputReferenceParam{
			ImageURL: openai.String("data:image/png;base64," + base64.StdEncoding.EncodeToString(pic)),
		}},
	})
	must(err)
	f.Linked = string(linked.Status)
	deleted, err := client.Files.Delete(ctx, file.ID)
	must(err)
	f.Deleted = deleted.Deleted

	_, noFile := client.Files.Get(ctx, file.ID)
	_, noVideo := client.Videos.Get(ctx, "video_123")
	_, noModel := client.Videos.New(ctx, openai.VideoNewParams{Prompt: "x", Model: openai.VideoModelSora2})
	_, noPicture := client.Images.Edit(ctx, openai.ImageEditParams{Prompt: "x", Image: openai.ImageEditParamsImageUnion{OfFile: strings.NewReader("no picture")}})
	for _, err := range []error{noFile, noVideo, noModel, noPicture} {
		f.Errors = append(f.Errors, classOf(err))
	}
	return f
}

func seenOf(v *openai.Video) seen {
	return seen{v.ID, string(v.Object), string(v.Status), string(v.Seconds), string(v.Size), int(v.Progress)}
}

// classOf writes an error as the SDK for Node calls it.
func classOf(err error) string {
	e, ok := errors.AsType[*openai.Error](err)
	if !ok {
		return fmt.Sprint(err)
	}
	class := map[int]string{400: "BadRequestError", 404: "NotFoundError"}[e.StatusCode]
	return fmt.Sprint(class, " ", e.StatusCode, " ", e.Code, " ", e.Param)
}
