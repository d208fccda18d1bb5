package openai

import (
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/media"
	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
)

// imageRequest is the body of both calls for images.
type imageRequest struct {
	Model          string `json:"model"`
	Prompt         string `json:"prompt"`
	N              *int   `json:"n"`
	Size           string `json:"size"`
	Quality        string `json:"quality"`
	Style          string `json:"style"`
	Background     string `json:"background"`
	OutputFormat   string `json:"output_format"`
	ResponseFormat string `json:"response_format"`
	User           string `json:"user"`
	Seed           *int64 `json:"seed"`
	NegativePrompt string `json:"negative_prompt"`
	Ratio          string `json:"ratio"`

	refs []image.Image
	tags []faults.Fault
	w, h int
}

// generations answers POST /images/generations.
func (p *Protocol) generations(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	c.Entry.Kind = "image"
	var r imageRequest
	if bad := decode(c.Body, &r); bad != nil {
		return faults.Answer{}, bad
	}
	return p.images(ctx, c, &r)
}

// edits answers POST /images/edits.
func (p *Protocol) edits(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	c.Entry.Kind = "image"
	var r imageRequest
	fields, files, bad := form(c, "n", "seed")
	if bad == nil {
		bad = decode(fields, &r)
	}
	if bad != nil {
		return faults.Answer{}, bad
	}
	for name, all := range files {
		if name != "image" && name != "image[]" || name == "image" && len(all) > 1 {
			return faults.Answer{}, invalid(name, "Unknown or duplicate file '"+name+"'.")
		}
		for _, data := range all {
			img, bad := picture(data, "image")
			if bad != nil {
				return faults.Answer{}, bad
			}
			r.refs = append(r.refs, paint.Thumb(img))
		}
	}
	if len(r.refs) == 0 {
		return faults.Answer{}, missing("image")
	}
	return p.images(ctx, c, &r)
}

func (r *imageRequest) count() int {
	if r.N == nil {
		return 1
	}
	return *r.N
}

func (r *imageRequest) check() (bad *problem) {
	switch {
	case r.Prompt == "":
		return missing("prompt")
	case r.count() < 1 || r.count() > 10:
		return invalid("n", "n must be between 1 and 10.")
	case r.ResponseFormat != "" && r.Model == "gpt-image-1":
		return &problem{Status: 400, Type: badRequest, Param: "response_format", Code: "unknown_parameter", Message: "Unknown parameter: 'response_format'."}
	case r.ResponseFormat != "" && r.ResponseFormat != "url" && r.ResponseFormat != "b64_json":
		return invalid("response_format", "response_format must be url or b64_json.")
	}
	r.w, r.h, bad = pixels(r.Size, 1024, 1024)
	return bad
}

// images makes them and answers at once.
func (p *Protocol) images(ctx context.Context, c *desk.Call, r *imageRequest) (faults.Answer, *problem) {
	c.Entry.Prompt = r.Prompt
	bad := p.mayUse(c, r.Model)
	if bad == nil {
		bad = r.check()
	}
	if bad == nil {
		r.tags, bad = p.begin(ctx, c, faults.Create, r.Prompt)
	}
	if bad != nil {
		return faults.Answer{}, bad
	}
	n := r.count()
	if !c.Holder.Take("image "+r.Model, n, c.Holder.IPM, p.desk.Clock.Now()) {
		return faults.Answer{}, tooMany("")
	}
	defer p.desk.Board.Enter(c.Holder)()
	p.desk.Accepted(c, n)
	if bad := lie(c); bad != nil {
		return faults.Answer{}, bad
	}
	if c.NoAnswer() {
		return faults.Answer{}, nil
	}
	each := p.desk.ImageTime
	if f, ok := c.Set.Get(faults.Ready); ok {
		each = f.Duration(0) / time.Duration(n)
	}
	if clock.Sleep(ctx, p.desk.Clock, each*time.Duration(n)) != nil {
		return faults.Answer{}, internalError() // nobody reads it: the caller has gone
	}
	return p.allImages(c, r)
}

// allImages is the answer: what fails leaves nothing but the error, as one call
// has one outcome here.
func (p *Protocol) allImages(c *desk.Call, r *imageRequest) (faults.Answer, *problem) {
	switch {
	case c.Set.Has(faults.TopLevel): // a 200 with an error, as gateways answer that have begun
		return jsonAnswer(rejected().envelope())
	case c.Set.Has(faults.Fail):
		return faults.Answer{}, rejected()
	case c.Set.Has(faults.Broken):
		return faults.Answer{}, internalError()
	}
	data := []map[string]string{}
	for i := range r.count() {
		it := r.item(c, i)
		if r.Model == "gpt-image-1" || r.ResponseFormat == "b64_json" {
			raw, err := p.desk.Media.Bytes(it)
			if err != nil {
				return faults.Answer{}, internalError()
			}
			data = append(data, map[string]string{"b64_json": base64.StdEncoding.EncodeToString(raw)})
			continue
		}
		p.desk.Media.Put(it)
		data = append(data, map[string]string{"url": p.desk.Link(c, it, c.Set.Has(faults.Expired) || faults.Set(r.tags).Has(faults.Expired))})
	}
	tokens := len(data) * r.w * r.h / 256
	return jsonAnswer(map[string]any{
		"created": p.desk.Clock.Now().Unix(), "data": data,
		"usage": map[string]int{"input_tokens": 10, "output_tokens": tokens, "total_tokens": tokens + 10},
	})
}

// item is the i-th image as media. It is drawn when it is read.
func (r *imageRequest) item(c *desk.Call, i int) *media.Item {
	spec := paint.Spec{
		Prompt: r.Prompt, Seed: int64(i), Width: r.w, Height: r.h,
		Caption: []string{r.Model, fmt.Sprintf("%dx%d", r.w, r.h), r.Prompt},
	}
	if r.Seed != nil {
		spec.Seed += *r.Seed << 8
	}
	if len(r.refs) > 0 {
		spec.Input = r.refs[0]
	}
	it := &media.Item{
		Path: fmt.Sprintf("openai/%s_%d.png", c.RequestID, i), ContentType: "image/png",
		Seq: c.Seq, Prompt: r.Prompt, Faults: r.tags,
		Make: func() ([]byte, error) { return paint.PNG(spec) },
	}
	if f, ok := c.Set.Get(faults.Size); ok {
		it.SizeBytes = f.SizeBytes()
	}
	return it
}
