package ark

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
	"github.com/tintypehq/tintype/internal/upstream/sim/media"
	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
)

type imageResponse struct {
	Model   string      `json:"model"`
	Created int64       `json:"created"`
	Data    []imageData `json:"data"`
	Usage   *imageUsage `json:"usage,omitempty"`
	Error   *brief      `json:"error,omitempty"`
	Tools   []tool      `json:"tools,omitempty"`
}

type imageData struct {
	URL          string `json:"url,omitempty"`
	B64          string `json:"b64_json,omitempty"`
	Size         string `json:"size,omitempty"`
	OutputFormat string `json:"output_format,omitempty"`
	Error        *brief `json:"error,omitempty"`
}

type imageUsage struct {
	GeneratedImages int  `json:"generated_images"`
	OutputTokens    int  `json:"output_tokens"`
	TotalTokens     int  `json:"total_tokens"`
	InputImages     *int `json:"input_images,omitempty"`
}

// picturing is one call for images: what was asked and what is made.
type picturing struct {
	req     imageRequest
	model   model
	size    size
	refs    []picture
	tags    []faults.Fault
	n       int
	each    time.Duration
	created int64
	made    int
}

// images answers POST /images/generations.
func (p *Protocol) images(ctx context.Context, c *call) (faults.Answer, *problem) {
	c.Entry.Kind = ledger.Image
	j := &picturing{each: p.cfg.ImageTime}
	if bad := p.readImages(ctx, c, j); bad != nil {
		return faults.Answer{}, bad
	}
	var bad *problem
	if j.tags, bad = p.begin(ctx, c, faults.Create, j.req.Prompt); bad != nil {
		return faults.Answer{}, bad
	}
	if !c.Holder.Take("image "+j.model.id, j.n, c.Holder.IPM, p.cfg.Clock.Now()) {
		return faults.Answer{}, modelLimit("ModelAccountIpmRateLimitExceeded", "images per minute (IPM)")
	}
	defer p.cfg.Board.Enter(c.Holder)()
	p.cfg.Accepted(c, j.n)
	if f, ok := c.Set.Get(faults.Ready); ok {
		j.each = f.Duration(0) / time.Duration(j.n)
	}
	if bad := lie(c); bad != nil {
		return faults.Answer{}, bad
	}
	if c.NoAnswer() {
		return faults.Answer{}, nil
	}
	if j.req.Stream && !c.Spoilt() {
		j.created = p.cfg.Clock.Now().Unix()
		p.cfg.Stream(ctx, c, p.imageEvents(c, j), envelope{Error: internalError().withID(c.RequestID)})
		return faults.Answer{Status: 200}, nil
	}
	return p.allImages(ctx, c, j)
}

// readImages reads and checks the request.
func (p *Protocol) readImages(ctx context.Context, c *call, j *picturing) (bad *problem) {
	if bad = decode(c.Body, &j.req); bad != nil {
		return bad
	}
	c.Entry.Prompt, c.Entry.Inputs = j.req.Prompt, len(j.req.Image)
	if j.model, bad = p.mayUse(c, j.req.Model, imageModel); bad != nil {
		return bad
	}
	if bad = j.req.check(j.model); bad != nil {
		return bad
	}
	if j.refs, bad = j.req.inputs(ctx, p, j.model); bad != nil {
		return bad
	}
	j.size, bad = imageSize(j.model, j.req.Size, j.req.Prompt, j.refs)
	j.n = j.req.count()
	return bad
}

// allImages makes all of them and answers at once.
func (p *Protocol) allImages(ctx context.Context, c *call, j *picturing) (faults.Answer, *problem) {
	if clock.Sleep(ctx, p.cfg.Clock, j.each*time.Duration(j.n)) != nil {
		return faults.Answer{}, internalError() // nobody reads it: the caller has gone
	}
	j.created = p.cfg.Clock.Now().Unix()
	out := imageResponse{Model: j.model.id, Created: j.created, Data: []imageData{}, Tools: j.req.Tools}
	if c.Set.Has(faults.TopLevel) {
		out.Error = outputRejected("Image").brief(c.RequestID)
		return jsonAnswer(out)
	}
	for i := range j.n {
		d := p.oneImage(c, j, i)
		out.Data = append(out.Data, d)
		if stops(d.Error) {
			break
		}
	}
	out.Usage = j.usage()
	p.cfg.Book.Count(c.Seq, j.made)
	return jsonAnswer(out)
}

// stops tells whether a group ends with this error.
func stops(e *brief) bool { return e != nil && e.Code == "InternalServiceError" }

// oneImage makes the i-th image, or its error.
func (p *Protocol) oneImage(c *call, j *picturing, i int) imageData {
	if f, ok := c.Set.Get(faults.Fail); ok && (f.Value == "" || f.Int(0) == i) {
		return imageData{Error: outputRejected("Image").brief(c.RequestID)}
	}
	if c.Set.Has(faults.Broken) {
		return imageData{Error: internalError().brief(c.RequestID)}
	}
	it := j.item(c, i)
	d := imageData{}
	if !j.model.image.noSize {
		d.Size = j.size.String()
	}
	if j.model.image.layers {
		d.OutputFormat = j.format()
	}
	if j.req.ResponseFormat == "b64_json" {
		data, err := p.cfg.Media.Bytes(it)
		if err != nil {
			return imageData{Error: internalError().brief(c.RequestID)}
		}
		d.B64 = base64.StdEncoding.EncodeToString(data)
	} else {
		p.cfg.Media.Put(it)
		d.URL = p.cfg.Link(c, it, c.Set.Has(faults.Expired) || expires(j.tags))
	}
	j.made++
	return d
}

// expires tells whether the tags ask for a link that has expired, which for a
// task they ask for when it is looked at.
func expires(tags []faults.Fault) bool { return faults.Set(tags).Has(faults.Expired) }

func (j *picturing) format() string {
	if j.req.OutputFormat != nil {
		return *j.req.OutputFormat
	}
	return "jpeg"
}

// item is the i-th image as media. It is drawn when it is read.
func (j *picturing) item(c *call, i int) *media.Item {
	spec := paint.Spec{
		Prompt: j.req.Prompt, Seed: int64(i), Width: j.size.w, Height: j.size.h,
		Caption: []string{j.model.id, ratioName(j.size) + "  " + j.size.String(), j.req.Prompt},
	}
	if j.req.Seed != nil {
		spec.Seed += *j.req.Seed << 8
	}
	if len(j.refs) > 0 {
		spec.Input = j.refs[0].thumb
	}
	it := &media.Item{
		Path:        fmt.Sprintf("ark-content-generation-v2-cn-beijing/%s/%s_%d.%s", j.model.undated(), c.RequestID, i, j.format()),
		ContentType: "image/" + j.format(), Seq: c.Seq, Prompt: j.req.Prompt, Faults: j.tags,
	}
	if j.req.Watermark == nil || *j.req.Watermark {
		spec.Mark, it.Process = "AI generated", "image/watermark"
	}
	if f, ok := c.Set.Get(faults.Size); ok {
		it.SizeBytes = f.SizeBytes()
	}
	it.Make = func() ([]byte, error) { return paint.JPEG(spec) }
	if j.format() == "png" {
		it.Make = func() ([]byte, error) { return paint.PNG(spec) }
	}
	return it
}

func (j *picturing) usage() *imageUsage {
	n := j.made * j.size.w * j.size.h / 256
	u := &imageUsage{GeneratedImages: j.made, OutputTokens: n, TotalTokens: n}
	if j.model.image.layers {
		refs := len(j.refs)
		u.InputImages = &refs
	}
	return u
}

type imageEvent struct {
	Type    string      `json:"type"`
	Model   string      `json:"model"`
	Created int64       `json:"created"`
	Index   *int        `json:"image_index,omitempty"`
	URL     string      `json:"url,omitempty"`
	B64     string      `json:"b64_json,omitempty"`
	Size    string      `json:"size,omitempty"`
	Error   *brief      `json:"error,omitempty"`
	Usage   *imageUsage `json:"usage,omitempty"`
}

// imageEvents are the events of the streamed answer. The images are made when
// the plan is, since their names follow from it; drawing happens later.
func (p *Protocol) imageEvents(c *call, j *picturing) []desk.Event {
	if c.Set.Has(faults.TopLevel) {
		return []desk.Event{{After: j.each, Name: "error", Data: func() any {
			return map[string]*brief{"error": outputRejected("Image").brief(c.RequestID)}
		}}}
	}
	var out []desk.Event
	add := func(after time.Duration, name string, body imageEvent) {
		body.Type, body.Model = "image_generation."+name, j.model.id
		out = append(out, desk.Event{After: after, Name: body.Type, Data: func() any {
			body.Created = p.cfg.Clock.Now().Unix()
			return body
		}})
	}
	for i := range j.n {
		d := p.oneImage(c, j, i)
		name := "partial_succeeded"
		if d.Error != nil {
			name = "partial_failed"
		}
		add(j.each, name, imageEvent{Index: &i, URL: d.URL, B64: d.B64, Size: d.Size, Error: d.Error})
		if stops(d.Error) {
			break
		}
	}
	p.cfg.Book.Count(c.Seq, j.made)
	add(0, "completed", imageEvent{Usage: j.usage()})
	return out
}
