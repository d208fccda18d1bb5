package ark_test

import (
	"slices"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

// TestWishesThatCannotBe: what a model cannot do is refused by name and before
// anything is sent.
func TestWishesThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, created))
	d := driver(t, w.URL+"/api/v3")
	jpeg, seed := []byte("\xff\xd8\xff\xe0"), int64(7)
	const (
		seedream4, seedream3, seededit = "doubao-seedream-4-0-250828", "doubao-seedream-3-0-t2i-250415", "doubao-seededit-3-0-i2i-250628"
		dance1, dance1Fast             = "doubao-seedance-1-0-pro-250528", "doubao-seedance-1-0-pro-fast-251015"
		dance2, t2v, i2v               = "doubao-seedance-2-0-260128", "doubao-seedance-1-0-lite-t2v-250428", "doubao-seedance-1-0-lite-i2v-250428"
	)
	for _, tt := range []struct {
		kind         job.Kind
		model, param string
		change       func(*upstream.Submission)
	}{
		{job.Image, seedream3, "image", func(s *upstream.Submission) { s.Image = jpeg }},
		{job.Image, seededit, "image", func(*upstream.Submission) {}},
		{job.Image, seededit, "images", func(s *upstream.Submission) { s.Image, s.References = jpeg, [][]byte{jpeg} }},
		{job.Image, seedream4, "images", func(s *upstream.Submission) { s.Image, s.References = jpeg, slices.Repeat([][]byte{jpeg}, 14) }},
		{job.Image, seedream4, "seed", func(s *upstream.Submission) { s.Spec.Seed = &seed }},
		{job.Image, seedream4, "n", func(s *upstream.Submission) { s.Spec.Count = 5 }},
		{job.Image, seedream4, "n", func(s *upstream.Submission) {
			s.Spec.Count, s.Image, s.References = 2, jpeg, slices.Repeat([][]byte{jpeg}, 13)
		}},
		{job.Image, seedream3, "n", func(s *upstream.Submission) { s.Spec.Count = 2 }},
		{job.Image, "ep-of-no-family", "n", func(s *upstream.Submission) { s.Spec.Count = 2 }},
		{job.Image, seedream4, "negative_prompt", func(s *upstream.Submission) { s.Spec.NegativePrompt = "fog" }},
		{job.Image, seedream4, "resolution", func(s *upstream.Submission) { s.Spec.Resolution = "3K" }},
		{job.Image, seedream4, "last_frame", func(s *upstream.Submission) { s.Image, s.LastFrame = jpeg, jpeg }},
		{job.Video, dance2, "seed", func(s *upstream.Submission) { s.Spec.Seed = &seed }},
		{job.Video, dance2, "images", func(s *upstream.Submission) { s.Image, s.References = jpeg, [][]byte{jpeg} }},
		{job.Video, dance2, "images", func(s *upstream.Submission) { s.References = slices.Repeat([][]byte{jpeg}, 10) }},
		{job.Video, dance1, "images", func(s *upstream.Submission) { s.References = [][]byte{jpeg} }},
		{job.Video, dance1, "last_frame", func(s *upstream.Submission) { s.LastFrame = jpeg }},
		{job.Video, dance1Fast, "last_frame", func(s *upstream.Submission) { s.Image, s.LastFrame = jpeg, jpeg }},
		{job.Video, dance1, "resolution", func(s *upstream.Submission) { s.Spec.Resolution = "4k" }},
		{job.Video, dance1, "size", func(s *upstream.Submission) { s.Spec.Size = "1280x720" }},
		{job.Video, t2v, "image", func(s *upstream.Submission) { s.Image = jpeg }},
		{job.Video, i2v, "image", func(*upstream.Submission) {}},
	} {
		s := video("x")
		s.Spec.Kind, s.Spec.UpstreamModel, s.Spec.Ratio = tt.kind, tt.model, ""
		tt.change(&s)
		_, err := d.Submit(t.Context(), acc(), s)
		if e := fails(t, err); e.Outcome != upstream.Rejected || e.Class != upstream.InvalidInput || e.Fault.Param != tt.param {
			t.Errorf("%s %s: %v", tt.model, tt.param, e)
		}
	}
	if n := len(w.requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestVideoReferences: pictures that are no frames go as references, with the ratio
// that was asked for.
func TestVideoReferences(t *testing.T) {
	t.Parallel()
	jpeg := []byte("\xff\xd8\xff\xe0")
	for model, rest := range map[string]string{
		"doubao-seedance-2-5-260628":          `"resolution":"720p","duration":5,"generate_audio":false,"watermark":false,"return_last_frame":true`,
		"doubao-seedance-1-0-lite-i2v-250428": `"resolution":"720p","duration":5,"watermark":false,"return_last_frame":true`,
	} {
		w := newWire(t, reply(200, created))
		s := video("x")
		s.Spec.UpstreamModel, s.Spec.Ratio, s.References = model, "1:1", [][]byte{jpeg, jpeg}
		s.Spec.References = []job.Input{{ContentType: "image/webp"}}
		if _, err := driver(t, w.URL+"/api/v3").Submit(t.Context(), acc(), s); err != nil {
			t.Fatal(err)
		}
		r := w.only(t)
		if id := r.header.Get("X-Client-Request-Id"); model == "doubao-seedance-2-5-260628" {
			rest += `,"safety_identifier":"` + id + `"`
		}
		picture := func(kind string) string {
			return `{"type":"image_url","image_url":{"url":"data:image/` + kind + `;base64,/9j/4A=="},"role":"reference_image"}`
		}
		sameJSON(t, r.body, `{"model":"`+model+`","content":[{"type":"text","text":"x"},`+picture("webp")+`,`+picture("jpeg")+`],"ratio":"1:1",`+rest+`}`)
	}
}

// TestFill: what callers may ask of a model is what its family can, within the
// ratios that the operator has left.
func TestFill(t *testing.T) {
	t.Parallel()
	fill := func(id string, ratios ...string) upstream.Model {
		p, ok := ark.ProfileOf(id, "")
		if !ok {
			t.Fatal(id)
		}
		m := upstream.Model{Ratios: ratios}
		p.Fill(&m)
		return m
	}
	m := fill("doubao-seedream-4-0-250828", "1:1", "7:5")
	if want := []string{"1024x1024", "2048x2048", "4096x4096"}; !slices.Equal(m.Sizes, want) || m.Seed || m.MaxCount != 4 || m.MaxTogether != 15 || m.ReferenceImages != 14 {
		t.Errorf("two ratios: %+v", m)
	}
	if m = fill("doubao-seedream-3-0-t2i-250415"); len(m.Sizes) != 8 || len(m.Resolutions) != 0 || !m.Seed || m.MaxCount > 1 {
		t.Errorf("3.0: %+v", m)
	}
	if m = fill("doubao-seedance-2-0-260128"); m.References != 9 || m.ReferenceImages != 1 || !m.LastFrame || m.Seed || !slices.Contains(m.Resolutions, "4k") ||
		m.Seconds[0] != 4 || m.Seconds[len(m.Seconds)-1] != 15 {
		t.Errorf("2.0: %+v", m)
	}
	if m = fill("doubao-seedance-1-0-pro-fast-251015"); m.References != 0 || m.LastFrame || !m.Seed {
		t.Errorf("1.0 fast: %+v", m)
	}
}
