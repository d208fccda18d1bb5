package ark_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

const oneImage = `{"model":"m","created":1757388756,"data":[{"url":"https://tos.example/a.jpeg?X-Tos-Signature=ab%2Fc","size":"2048x2048"}],
 "usage":{"generated_images":1,"output_tokens":16384,"total_tokens":16384}}`

// TestImageRequest compares what goes over the wire, all of it.
func TestImageRequest(t *testing.T) {
	t.Parallel()
	png := []byte("\x89PNG\r\n\x1a\n\x00")
	tests := []struct {
		name   string
		change func(*upstream.Submission)
		want   string
	}{
		{"4.0", func(*upstream.Submission) {}, `{"model":"doubao-seedream-4-0-250828","prompt":"a <b>猫</b>\n","size":"2048x2048",
			"response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"style", func(s *upstream.Submission) { s.Spec.Style, s.Spec.Ratio = "卡通", "16:9" }, `{"model":"doubao-seedream-4-0-250828",
			"prompt":"a <b>猫</b>\n，卡通风格","size":"2848x1600",
			"response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"5.0 pro knows no groups", func(s *upstream.Submission) {
			s.Spec.UpstreamModel, s.Spec.Ratio = "doubao-seedream-5-0-pro-260628", "4:3"
		}, `{"model":"doubao-seedream-5-0-pro-260628","prompt":"a <b>猫</b>\n","size":"2368x1776","response_format":"url","watermark":false}`},
		{"3.0", func(s *upstream.Submission) {
			s.Spec.UpstreamModel, s.Spec.Ratio = "doubao-seedream-3-0-t2i-250415", "21:9"
		}, `{"model":"doubao-seedream-3-0-t2i-250415","prompt":"a <b>猫</b>\n","size":"1512x648","response_format":"url","watermark":false}`},
		{"image and no ratio", func(s *upstream.Submission) {
			s.Image, s.Spec.Ratio = png, ""
			s.Spec.Input = &job.Input{ContentType: "image/PNG"}
		}, `{"model":"doubao-seedream-4-0-250828","prompt":"a <b>猫</b>\n","image":"data:image/png;base64,iVBORw0KGgoA","size":"2K",
			"response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"image and ratio", func(s *upstream.Submission) {
			s.Image, s.Spec.Ratio = png, "3:2"
			s.Spec.Input = &job.Input{ContentType: "image/jpg"}
		}, `{"model":"doubao-seedream-4-0-250828","prompt":"a <b>猫</b>\n","image":"data:image/jpeg;base64,iVBORw0KGgoA","size":"2496x1664",
			"response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"image of no type", func(s *upstream.Submission) { s.Image = png }, `{"model":"doubao-seedream-4-0-250828","prompt":"a <b>猫</b>\n",
			"image":"data:image/png;base64,iVBORw0KGgoA","size":"2048x2048",
			"response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"seededit", func(s *upstream.Submission) {
			s.Image, s.Spec.UpstreamModel, s.Spec.Ratio = png, "doubao-seededit-3-0-i2i-250628", ""
		}, `{"model":"doubao-seededit-3-0-i2i-250628","prompt":"a <b>猫</b>\n","image":"data:image/png;base64,iVBORw0KGgoA","size":"adaptive",
			"response_format":"url","watermark":false}`},
		{"several references", func(s *upstream.Submission) {
			s.Image, s.References, s.Spec.Ratio = png, [][]byte{png, png}, "1:1"
			s.Spec.References = []job.Input{{ContentType: "image/webp"}, {}}
		}, `{"model":"doubao-seedream-4-0-250828","prompt":"a <b>猫</b>\n",
			"image":["data:image/png;base64,iVBORw0KGgoA","data:image/webp;base64,iVBORw0KGgoA","data:image/png;base64,iVBORw0KGgoA"],"size":"2048x2048",
			"response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"asked size", func(s *upstream.Submission) { s.Spec.Size, s.Spec.Ratio = "4096x4096", "16:9" }, `{"model":"doubao-seedream-4-0-250828","prompt":"a <b>猫</b>\n",
			"size":"4096x4096","response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"asked tier", func(s *upstream.Submission) { s.Spec.Resolution, s.Spec.Ratio = "1K", "1:1" }, `{"model":"doubao-seedream-4-0-250828","prompt":"a <b>猫</b>\n",
			"size":"1024x1024","response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"several", func(s *upstream.Submission) { s.Spec.Count, s.Spec.Style = 3, "卡通" }, `{"model":"doubao-seedream-4-0-250828","prompt":"a <b>猫</b>\n，卡通风格\n生成3张图片。",
			"size":"2048x2048","response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"auto",
			"sequential_image_generation_options":{"max_images":3}}`},
		{"one of several", func(s *upstream.Submission) { s.Spec.Count = 1 }, `{"model":"doubao-seedream-4-0-250828","prompt":"a <b>猫</b>\n","size":"2048x2048",
			"response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"seed", func(s *upstream.Submission) {
			n := int64(11)
			s.Spec.UpstreamModel, s.Spec.Ratio, s.Spec.Seed = "doubao-seedream-3-0-t2i-250415", "21:9", &n
		}, `{"model":"doubao-seedream-3-0-t2i-250415","prompt":"a <b>猫</b>\n","size":"1512x648","response_format":"url","watermark":false,"seed":11}`},
		{"unknown family", func(s *upstream.Submission) { s.Spec.UpstreamModel = "ep-1" }, `{"model":"ep-1","prompt":"a <b>猫</b>\n","size":"2048x2048",
			"response_format":"url","watermark":false}`},
		{"named family", func(s *upstream.Submission) { s.Spec.UpstreamModel, s.Spec.Ratio = "ep-pro", "16:9" }, `{"model":"ep-pro","prompt":"a <b>猫</b>\n",
			"size":"2816x1584","response_format":"url","watermark":false}`},
		{"configured tier", func(s *upstream.Submission) { s.Spec.UpstreamModel, s.Spec.Ratio = "ep-4k", "16:9" }, `{"model":"ep-4k","prompt":"a <b>猫</b>\n",
			"size":"5504x3040","response_format":"url","watermark":false}`},
		{"configured tier and other ratio", func(s *upstream.Submission) {
			s.Spec.UpstreamModel, s.Spec.Ratio = "doubao-seedream-4-5-251128", "2:1"
		}, `{"model":"doubao-seedream-4-5-251128","prompt":"a <b>猫</b>\n",
			"size":"5792x2896","response_format":"url","watermark":false,"stream":false,"sequential_image_generation":"disabled"}`},
		{"configured tier and image", func(s *upstream.Submission) {
			s.Spec.UpstreamModel, s.Spec.Ratio, s.Image = "ep-4k", "", png
		}, `{"model":"ep-4k","prompt":"a <b>猫</b>\n","image":"data:image/png;base64,iVBORw0KGgoA",
			"size":"4K","response_format":"url","watermark":false}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, reply(200, oneImage))
			d := driver(t, w.URL+"/api/v3/", func(c *ark.Config) {
				c.Families = map[string]ark.Family{"ep-pro": ark.Seedream50Pro}
				c.Settings = map[string]ark.Settings{"ep-4k": {Size: "4K"}, "doubao-seedream-4-5-251128": {Size: "4K"}}
			})
			s := image("a <b>猫</b>\n")
			tt.change(&s)
			if _, err := d.Submit(t.Context(), acc(), s); err != nil {
				t.Fatal(err)
			}
			got := w.only(t)
			sameJSON(t, got.body, tt.want)
			if got.method != "POST" || got.path != "/api/v3/images/generations" {
				t.Errorf("%s %s", got.method, got.path)
			}
		})
	}
}

func TestSubmitHeaders(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, oneImage))
	if _, err := driver(t, w.URL).Submit(t.Context(), acc(), image("x")); err != nil {
		t.Fatal(err)
	}
	h := w.only(t).header
	if h.Get("Authorization") != "Bearer "+key || h.Get("Content-Type") != "application/json" || h.Get("Accept") != "application/json" {
		t.Errorf("headers: %v", h)
	}
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key", "Accept-Encoding", "Expect"} {
		if v, ok := h[name]; ok {
			t.Errorf("%s: %v", name, v)
		}
	}
	if id := h.Get("X-Client-Request-Id"); len(id) != 32 || strings.Contains(id, "01j") {
		t.Errorf("X-Client-Request-Id: %q", id)
	}
}

func TestImageAnswer(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, oneImage))
	got, err := driver(t, w.URL).Submit(t.Context(), acc(), image("x"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Sources) != 1 || got.Sources[0].URL != "https://tos.example/a.jpeg?X-Tos-Signature=ab%2Fc" || got.Sources[0].Role != job.Primary {
		t.Errorf("sources: %+v", got.Sources)
	}
	if got.Usage == nil || *got.Usage != (job.Usage{OutputTokens: 16384, TotalTokens: 16384, Images: 1}) {
		t.Errorf("usage: %+v", got.Usage)
	}
}

func TestImageBytesInAnswer(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, `{"data":[{"b64_json":"aGVsbG8="},{"error":{"code":"OutputImageSensitiveContentDetected","message":"m"}}],"usage":{"generated_images":1.0}}`))
	got, err := driver(t, w.URL).Submit(t.Context(), acc(), image("x"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Sources) != 1 || string(got.Sources[0].Data) != "hello" || got.Usage.Images != 1 {
		t.Errorf("got %+v, %+v", got.Sources, got.Usage)
	}
}

// TestFewerImagesThanAsked: what was made is kept, since it is paid for, and why the
// rest is missing is told in words of ours.
func TestFewerImagesThanAsked(t *testing.T) {
	t.Parallel()
	const policy = `{"error":{"code":"OutputImageSensitiveContentDetected","message":"m. Request id: 0217"}}`
	for name, tt := range map[string]struct {
		answer string
		count  int
		made   int
		why    string
	}{
		"all":                   {`{"data":[{"url":"https://a/1"},{"url":"https://a/2"}],"usage":{"generated_images":2}}`, 2, 2, ""},
		"one refused":           {`{"data":[{"url":"https://a/1"},` + policy + `,{"url":"https://a/3"}],"usage":{"generated_images":2}}`, 3, 2, "content policy"},
		"the first refused":     {`{"data":[` + policy + `,{"url":"https://a/2"}]}`, 2, 1, "content policy"},
		"the group broke off":   {`{"data":[{"url":"https://a/1"},{"error":{"code":"InternalServiceError","message":"m"}}],"usage":{"generated_images":1}}`, 4, 1, "upstream"},
		"fewer without a word":  {`{"data":[{"url":"https://a/1"}],"usage":{"generated_images":1}}`, 2, 1, ""},
		"more than were wanted": {`{"data":[{"url":"https://a/1"},{"url":"https://a/2"},{"url":"https://a/3"}],"usage":{"generated_images":3}}`, 2, 3, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, reply(200, tt.answer))
			s := image("x")
			s.Spec.Count = tt.count
			got, err := driver(t, w.URL).Submit(t.Context(), acc(), s)
			if err != nil || len(got.Sources) != tt.made {
				t.Fatalf("%+v, %v", got, err)
			}
			why := ""
			if got.Usage != nil {
				why = got.Usage.Missed
			}
			if (tt.why == "") != (why == "") || !strings.Contains(why, tt.why) || strings.Contains(why, "equest id") {
				t.Errorf("missing because %q", why)
			}
		})
	}
}

// TestImageErrorPlaces: an error can stand in a 400, beside the images and in
// the place of one.
func TestImageErrorPlaces(t *testing.T) {
	t.Parallel()
	const policy = `{"code":"OutputImageSensitiveContentDetected","message":"The request failed because the output image may contain sensitive information. Request id: 0217"}`
	tests := []struct {
		name, body string
		status     int
		class      upstream.Class
		outcome    upstream.Outcome
		code       fault.Code
	}{
		{"envelope", `{"error":` + policy + `}`, 400, upstream.ContentRejected, upstream.Rejected, fault.ContentPolicy},
		{"top level", `{"created":1,"error":` + policy + `}`, 200, upstream.ContentRejected, upstream.Rejected, fault.ContentPolicy},
		{"top level beside nothing", `{"data":[],"error":` + policy + `}`, 200, upstream.ContentRejected, upstream.Rejected, fault.ContentPolicy},
		{"in place of the image", `{"data":[{"error":` + policy + `}]}`, 200, upstream.ContentRejected, upstream.Rejected, fault.ContentPolicy},
		{"internal, in place of the image", `{"data":[{"error":{"code":"InternalServiceError","message":"m"}}]}`, 200, upstream.Transient, upstream.Ambiguous, fault.OutcomeUnknown},
		{"nothing", `{"data":[]}`, 200, upstream.Empty, upstream.Ambiguous, fault.OutcomeUnknown},
		{"null", `null`, 200, upstream.Empty, upstream.Ambiguous, fault.OutcomeUnknown},
		{"bad base64", `{"data":[{"b64_json":"%%"}]}`, 200, upstream.Unknown, upstream.Ambiguous, fault.OutcomeUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, reply(tt.status, tt.body))
			_, err := driver(t, w.URL).Submit(t.Context(), acc(), image("x"))
			e := fails(t, err)
			if e.Class != tt.class || e.Outcome != tt.outcome || e.Fault.Code != tt.code {
				t.Errorf("got %v", e)
			}
		})
	}
}

func TestRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		s     upstream.Submission
		model string
		param string
	}{
		{"ratio", with(image("x"), "abc", nil), "", "ratio"},
		{"ratio 17:1", with(image("x"), "17:1", nil), "", "ratio"},
		{"ratio 0:1", with(image("x"), "0:1", nil), "", "ratio"},
		{"ratio of 3.0", with(image("x"), "5:4", nil), "doubao-seedream-3-0-t2i-250415", "ratio"},
		{"image for 3.0", with(image("x"), "1:1", []byte("x")), "doubao-seedream-3-0-t2i-250415", "image"},
		{"no image for seededit", with(image("x"), "", nil), "doubao-seededit-3-0-i2i-250628", "image"},
		{"video ratio", with(video("x"), "3:2", nil), "", "ratio"},
		{"image for t2v", with(video("x"), "16:9", []byte("x")), "doubao-seedance-1-0-lite-t2v-250428", "image"},
		{"no image for i2v", with(video("x"), "16:9", nil), "doubao-seedance-1-0-lite-i2v-250428", "image"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, reply(200, oneImage))
			if tt.model != "" {
				tt.s.Spec.UpstreamModel = tt.model
			}
			_, err := driver(t, w.URL).Submit(t.Context(), acc(), tt.s)
			e := fails(t, err)
			wantFault(t, e.Fault, fault.Invalid, tt.param)
			if e.Class != upstream.InvalidInput || e.Outcome != upstream.Rejected || len(w.requests()) != 0 {
				t.Errorf("got %v after %d requests", e, len(w.requests()))
			}
		})
	}
}

func with(s upstream.Submission, ratio string, img []byte) upstream.Submission {
	s.Spec.Ratio, s.Image = ratio, img
	return s
}

// TestEveryRatioFits asks for every ratio of two numbers up to 16 that is legal
// and checks the size that goes over the wire against the model's limits.
func TestEveryRatioFits(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, oneImage))
	d := driver(t, w.URL)
	for _, model := range []string{"doubao-seedream-5-0-pro-260628", "doubao-seedream-5-0-260128", "doubao-seedream-4-0-250828"} {
		p, ok := ark.ProfileOf(model, "")
		if !ok {
			t.Fatal(model)
		}
		for a := 1; a <= 16; a++ {
			for b := 1; b <= 16; b++ {
				s := with(image("x"), fmt.Sprintf("%d:%d", a, b), nil)
				s.Spec.UpstreamModel = model
				if _, err := d.Submit(t.Context(), acc(), s); err != nil {
					t.Fatal(s.Spec.Ratio, err)
				}
			}
		}
		for _, r := range w.requests() {
			checkSize(t, p, r.body)
		}
	}
}

func checkSize(t *testing.T, p ark.Profile, body []byte) {
	t.Helper()
	var req struct{ Model, Size string }
	if err := json.Unmarshal(body, &req); err != nil {
		t.Fatal(err)
	}
	if q, _ := ark.ProfileOf(req.Model, ""); q.Family != p.Family {
		return
	}
	ws, hs, _ := strings.Cut(req.Size, "x")
	w, errW := strconv.Atoi(ws)
	h, errH := strconv.Atoi(hs)
	area, aspect := w*h, float64(w)/float64(h)
	switch {
	case errW != nil || errH != nil || w%8 != 0 || h%8 != 0:
		t.Errorf("%s: %s is not two multiples of 8", p.Family, req.Size)
	case area < p.Image.MinPixels || area > p.Image.MaxPixels:
		t.Errorf("%s: %s has %d pixels, outside of %d to %d", p.Family, req.Size, area, p.Image.MinPixels, p.Image.MaxPixels)
	case aspect > 16 || aspect < 1.0/16:
		t.Errorf("%s: %s is too wide or too tall", p.Family, req.Size)
	case math.Abs(float64(area)/(2048*2048)-1) > 0.15:
		t.Errorf("%s: %s is far from 2K", p.Family, req.Size)
	}
}
