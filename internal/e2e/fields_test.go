package e2e_test

import (
	"bytes"
	"encoding/base64"
	"image"
	_ "image/jpeg" // what the simulator paints
	_ "image/png"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestSeveralImages: images of one request come from one call; those that the upstream
// did not make are told, and the others are delivered.
func TestSeveralImages(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	for _, tt := range []struct {
		prompt  string
		made    int
		missing *tintype.Missing
	}{
		{"four cats", 4, nil},
		{"four cats sim:fail=1", 3, &tintype.Missing{N: 1, Message: "The upstream withheld the result by its content policy. Change the request and send it again."}},
		{"a cat, 2 pictures", 2, &tintype.Missing{N: 2, Message: "The upstream made fewer images than were asked for."}},
	} {
		a := c.call(request{url: c.apis[0].base() + imagePath, key: pooled, body: encode(fields{"prompt": tt.prompt, "n": 4, "size": "1024x1024"})})
		var made tintype.MediaResponse
		c.into(a, &made)
		if a.status != http.StatusOK || len(made.Data) != tt.made || len(made.Choices) != 1 || len(made.Choices[0].Message.Images) != tt.made || made.Usage == nil || made.Usage.Images != int64(tt.made) {
			t.Fatalf("%s: %d %s", tt.prompt, a.status, a.body)
		}
		seen := map[string]bool{}
		for _, one := range made.Data {
			seen[string(c.call(request{url: one.URL}).body)] = true
		}
		if len(seen) != tt.made {
			t.Errorf("%s: %d different files", tt.prompt, len(seen))
		}
		var j tintype.Job
		c.into(c.call(request{method: http.MethodGet, url: c.apis[0].base() + "/v1/jobs/" + made.ID, key: pooled}), &j)
		if j.Status != tintype.StatusSucceeded || j.N != 4 || len(j.Media) != tt.made || !reflect.DeepEqual(j.Missing, tt.missing) {
			t.Errorf("%s: %+v, missing %+v", tt.prompt, j, j.Missing)
		}
	}
}

// TestFieldsEmbedded: several references, a size and the bytes themselves from one
// process; a video between two frames, with a seed and a resolution. The simulator
// refuses what its models do not take.
func TestFieldsEmbedded(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	pic := base64.StdEncoding.EncodeToString(photograph())
	a := c.call(request{url: c.apis[0].base() + imagePath, key: pooled, body: encode(fields{
		"prompt": "two references", "images": []string{pic, "data:image/png;base64," + pic}, "size": "1280x720", "response_format": "b64_json",
	})})
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var made tintype.MediaResponse
	c.into(a, &made)
	if len(made.Data) != 1 || made.Data[0].URL != "" || len(made.Choices) != 1 || len(made.Choices[0].Message.Images) != 1 {
		t.Fatalf("%.300s", a.body)
	}
	b, err := base64.StdEncoding.DecodeString(made.Data[0].B64JSON)
	if err != nil {
		t.Fatal(err)
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil || size.Width != 1280 || size.Height != 720 {
		t.Errorf("%d × %d, %v", size.Width, size.Height, err)
	}
	link := c.call(request{url: made.Choices[0].Message.Images[0]})
	if !bytes.Equal(link.body, b) {
		t.Errorf("the link gives %d bytes, the answer %d", len(link.body), len(b))
	}

	a = c.call(request{url: c.apis[0].base() + videoPath, key: pooled, body: encode(fields{
		"prompt": "from here to there", "image": pic, "last_frame": pic, "seed": 7, "resolution": "480p", "duration": 3, "ratio": "16:9",
	})})
	var film tintype.MediaResponse
	c.into(a, &film)
	if a.status != http.StatusOK || len(film.Data) != 1 || film.Data[0].Cover == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	// The cover is the film's last frame, in the film's own size.
	cover := c.call(request{url: film.Data[0].Cover})
	if size, _, err = image.DecodeConfig(bytes.NewReader(cover.body)); err != nil || size.Width != 864 || size.Height != 480 {
		t.Errorf("the cover is %d × %d, %v", size.Width, size.Height, err)
	}

	a = c.call(request{url: c.apis[0].base() + imagePath, key: pooled, body: `{"prompt":"x","seed":7}`})
	if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), `"param":"seed"`) {
		t.Errorf("a seed for Seedream 4.0: %d %s", a.status, a.body)
	}
}
