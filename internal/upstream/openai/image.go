package openai

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

func (d *Driver) submitImage(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, *upstream.Error) {
	path, r, refusal := d.imageRequest(s)
	if refusal != nil {
		return upstream.Submitted{}, refusal
	}
	c, refusal := d.submission(wire.Image, a, s, path, r)
	if refusal != nil {
		return upstream.Submitted{}, refusal
	}
	var raw []byte
	var blobs [][]byte
	ans, failure := c.Read(ctx, d.cfg.ImageTimeout, func(a wire.Answer) (err error) {
		if a.StatusCode/100 != 2 {
			raw, err = a.Whole(wire.SmallAnswer)
			return err
		}
		raw, blobs, err = d.readImages(a)
		return err
	})
	switch {
	case failure != nil:
		return upstream.Submitted{}, failure
	case ans.StatusCode/100 != 2:
		return upstream.Submitted{}, d.refusal(ans, raw)
	}
	return d.images(ans, raw, blobs, s.Spec.Count)
}

// imageRequest writes the request: to the generations, or to the edits if it
// brings images.
func (d *Driver) imageRequest(s upstream.Submission) (path string, r *request, refusal *upstream.Error) {
	spec, images := s.Spec, inputs(s)
	switch {
	case len(images) == 0 && !d.cfg.Images:
		return "", nil, unable("This model needs an image.", "image")
	case len(images) > 0 && !d.cfg.Edits:
		return "", nil, unable("This model takes no image.", "image")
	case spec.Count > d.cfg.Image.MaxCount:
		return "", nil, wire.Refused(fault.Newf(fault.Invalid, "This model makes at most %d images of one request.", d.cfg.Image.MaxCount).WithParam("n"))
	case spec.Resolution != "":
		return "", nil, unable("This model takes no resolution. Send size.", "resolution")
	}
	r = &request{}
	r.set("model", spec.UpstreamModel)
	r.set("prompt", upstream.WithStyle(spec.Prompt, spec.Style))
	if spec.Count > 0 {
		r.number("n", int64(spec.Count))
	}
	if refusal := r.shape(spec, d.cfg.Image); refusal != nil {
		return "", nil, refusal
	}
	r.set("response_format", d.cfg.ResponseFormat)
	r.extras(spec)
	if len(images) == 0 {
		return "/images/generations", r, nil
	}
	// One image is a field "image" to everybody; only a list of them is written
	// with brackets, as OpenAI's own clients do.
	name := "image"
	if len(images) > 1 {
		name = "image[]"
	}
	for _, data := range images {
		r.attach(name, data)
	}
	return "/images/edits", r, nil
}

// imageAnswer is a 200. Its images are links, or bytes: then URL or B64 is the
// index that [rawjson.SplitBase64] has left in their place.
type imageAnswer struct {
	Data []struct {
		URL   string    `json:"url"`
		B64   string    `json:"b64_json"`
		Error *apiError `json:"error"`
	} `json:"data"`
	Usage *struct {
		OutputTokens rawjson.Number `json:"output_tokens"`
		TotalTokens  rawjson.Number `json:"total_tokens"`
	} `json:"usage"`
}

// readImages reads an answer whose images may be inside. What cannot be read
// is left for images to find: the answer came whole.
func (d *Driver) readImages(a wire.Answer) (raw []byte, blobs [][]byte, err error) {
	if a.ContentLength > d.cfg.AnswerBytes {
		return nil, nil, wire.ErrTooBig
	}
	body := &io.LimitedReader{R: a.Body, N: d.cfg.AnswerBytes + 1}
	raw, blobs, err = rawjson.SplitBase64(body, func(key string, dataURI bool) bool {
		return key == "b64_json" || key == "url" && dataURI
	}, wire.SmallAnswer)
	switch {
	case body.N <= 0, errors.Is(err, bufio.ErrTooLong):
		return nil, nil, wire.ErrTooBig
	case errors.Is(err, rawjson.ErrEncoding):
		return []byte("not base64"), nil, nil
	}
	return raw, blobs, err
}

// images reads a complete 200. Whatever cannot be read may have been paid. Fewer
// images than asked for are a success: they may have been paid.
func (d *Driver) images(a wire.Answer, raw []byte, blobs [][]byte, asked int) (upstream.Submitted, *upstream.Error) {
	var ans imageAnswer
	if len(bytes.TrimSpace(raw)) == 0 {
		return upstream.Submitted{}, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("an empty 200"))
	}
	if err := json.Unmarshal(raw, &ans); err != nil {
		return upstream.Submitted{}, d.garbled(a, raw, err)
	}
	sources, first, err := ans.sources(blobs)
	switch {
	case err != nil:
		return upstream.Submitted{}, wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, err)
	case len(sources) > 0:
		usage := ans.usage(len(sources))
		if first != nil && len(sources) < asked {
			usage = usage.Missing(d.inside(a.Call, a.Header, *first).Fault.Message)
		}
		return upstream.Submitted{Sources: sources, Usage: usage}, nil
	case first != nil:
		return upstream.Submitted{}, d.inside(a.Call, a.Header, *first)
	}
	return upstream.Submitted{}, d.lacking(a, raw, "a 200 without images")
}

// sources gives the images, and the first error in the place of one.
func (ans imageAnswer) sources(blobs [][]byte) (sources []job.Source, first *apiError, err error) {
	for _, item := range ans.Data {
		text := cmp.Or(item.B64, item.URL) // bytes first, where there are both: they do not expire
		if text == "" {
			if first == nil {
				first = item.Error
			}
			continue
		}
		src := job.Source{Role: job.Primary}
		i, err := strconv.Atoi(text)
		switch {
		case err == nil && i >= 0 && i < len(blobs) && len(blobs[i]) > 0:
			src.Data = blobs[i]
		case err == nil || item.B64 != "":
			return nil, nil, errors.New("an image of no bytes")
		default:
			src.URL = item.URL
		}
		sources = append(sources, src)
	}
	return sources, first, nil
}

func (ans imageAnswer) usage(images int) *job.Usage {
	u := &job.Usage{Images: int64(images)}
	if ans.Usage != nil {
		u.OutputTokens, u.TotalTokens = int64(ans.Usage.OutputTokens), int64(ans.Usage.TotalTokens)
	}
	return u
}
