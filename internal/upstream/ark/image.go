package ark

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// imageAnswerBytes is the most that is read of an answer with images inside.
const imageAnswerBytes = 64 << 20

func (d *Driver) submitImage(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, *upstream.Error) {
	body, refusal := d.imageBody(s)
	if refusal != nil {
		return upstream.Submitted{}, refusal
	}
	c := d.submission(wire.Image, a, s, "/images/generations", body)
	ans, raw, failure := c.Do(ctx, d.cfg.ImageTimeout, imageAnswerBytes)
	switch {
	case failure != nil:
		return upstream.Submitted{}, failure
	case ans.StatusCode/100 != 2:
		return upstream.Submitted{}, d.refusal(ans, raw)
	}
	return d.images(ans, raw, s.Spec.Count)
}

// imageBody writes the request: only fields that every model of the family
// takes.
func (d *Driver) imageBody(s upstream.Submission) ([]byte, *upstream.Error) {
	spec := s.Spec
	p := d.profile(spec.UpstreamModel, upstream.ImageModel)
	if err := p.checkWishes(s); err != nil {
		return nil, err
	}
	size, ok := spec.Size, spec.Size != ""
	if !ok {
		size, ok = p.size(spec.Ratio, cmp.Or(spec.Resolution, d.cfg.Settings[spec.UpstreamModel].Size), len(s.Image) > 0)
	}
	if !ok {
		return nil, wire.Refused(fault.New(fault.Invalid, "This model cannot make that ratio. GET /v1/models lists the ratios of each model.").WithParam("ratio"))
	}
	o := newObject(roomFor(s))
	o.Str("model", spec.UpstreamModel)
	o.Str("prompt", withCount(upstream.WithStyle(spec.Prompt, spec.Style), spec.Count))
	o.images(s)
	o.Str("size", size)
	o.Str("response_format", "url")
	o.Bool("watermark", false) // the upstream's default is true
	if spec.Seed != nil {
		o.Int("seed", *spec.Seed)
	}
	if p.Image.Groups {
		o.group(spec.Count)
		o.Bool("stream", false)
	}
	return o.Done(), nil
}

// group says how many images there are to be. It is one call whatever the number,
// and each image that was made is charged.
func (o *object) group(n int) {
	if n < 2 {
		o.Str("sequential_image_generation", "disabled")
		return
	}
	o.Str("sequential_image_generation", "auto")
	o.Key("sequential_image_generation_options").Text(fmt.Sprintf(`{"max_images":%d}`, n))
}

// withCount puts the number of images into the prompt as well: "auto" has the model
// decide by the prompt, and max_images only bounds it.
func withCount(prompt string, n int) string {
	if n < 2 {
		return prompt
	}
	return fmt.Sprintf("%s\n生成%d张图片。", prompt, n)
}

// images adds the references: one as a text, several as a list.
func (o *object) images(s upstream.Submission) {
	if len(s.Image) == 0 {
		return
	}
	o.Key("image")
	if len(s.References) == 0 {
		o.dataURI(inputType(s.Spec.Input, s.Image), s.Image)
		return
	}
	o.Text("[")
	o.dataURI(inputType(s.Spec.Input, s.Image), s.Image)
	for i, b := range s.References {
		o.Text(",")
		o.dataURI(inputType(reference(s, i), b), b)
	}
	o.Text("]")
}

func inputType(in *job.Input, b []byte) string {
	if in != nil && in.ContentType != "" {
		return imageType(in.ContentType)
	}
	return imageType(http.DetectContentType(b))
}

// imageAnswer is a 200. An error can be in the place of each image, and beside
// all of them.
type imageAnswer struct {
	Data []struct {
		URL   string    `json:"url"`
		B64   string    `json:"b64_json"`
		Error *apiError `json:"error"`
	} `json:"data"`
	Error *apiError `json:"error"`
	Usage *struct {
		Images       rawjson.Number `json:"generated_images"`
		OutputTokens rawjson.Number `json:"output_tokens"`
		TotalTokens  rawjson.Number `json:"total_tokens"`
	} `json:"usage"`
}

// images reads a complete 200. Whatever cannot be read may have been paid. Fewer
// images than asked for are a success: they are paid for.
func (d *Driver) images(a wire.Answer, raw []byte, asked int) (upstream.Submitted, *upstream.Error) {
	var ans imageAnswer
	if len(raw) == 0 {
		return upstream.Submitted{}, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("an empty 200"))
	}
	if err := json.Unmarshal(raw, &ans); err != nil {
		return upstream.Submitted{}, wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, err)
	}
	sources, first, err := ans.sources()
	switch {
	case err != nil:
		return upstream.Submitted{}, wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, err)
	case len(sources) > 0:
		usage := ans.usage()
		if first != nil && len(sources) < asked {
			usage = usage.Missing(d.classify(a.Call, 0, a.Header, *first).Fault.Message)
		}
		return upstream.Submitted{UpstreamID: wire.RequestID(a.Header), Sources: sources, Usage: usage}, nil
	case first == nil:
		return upstream.Submitted{}, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("a 200 without images"))
	}
	e := d.classify(a.Call, 0, a.Header, *first)
	e.Outcome = wire.OutcomeOfClass(e.Class)
	return upstream.Submitted{}, e
}

// sources gives the images, and the first error in any of the places.
func (ans imageAnswer) sources() (sources []job.Source, first *apiError, err error) {
	for _, item := range ans.Data {
		switch {
		case item.URL != "":
			sources = append(sources, job.Source{Role: job.Primary, URL: item.URL})
		case item.B64 != "":
			b, err := decodeBase64(item.B64)
			if err != nil {
				return nil, nil, err
			}
			sources = append(sources, job.Source{Role: job.Primary, Data: b})
		case item.Error != nil && first == nil:
			first = item.Error
		}
	}
	if first == nil {
		first = ans.Error
	}
	return sources, first, nil
}

func decodeBase64(s string) ([]byte, error) {
	if strings.HasPrefix(s, "data:") {
		_, s, _ = strings.Cut(s, ",")
	}
	return base64.StdEncoding.DecodeString(s)
}

func (ans imageAnswer) usage() *job.Usage {
	if ans.Usage == nil {
		return nil
	}
	u := ans.Usage
	return &job.Usage{OutputTokens: int64(u.OutputTokens), TotalTokens: int64(u.TotalTokens), Images: int64(u.Images)}
}
