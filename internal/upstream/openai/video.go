package openai

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

func (d *Driver) submitVideo(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, *upstream.Error) {
	path, r, refusal := d.videoRequest(s)
	if refusal != nil {
		return upstream.Submitted{}, refusal
	}
	c, refusal := d.submission(wire.Video, a, s, path, r)
	if refusal != nil {
		return upstream.Submitted{}, refusal
	}
	ans, raw, failure := c.Do(ctx, d.cfg.VideoTimeout, wire.SmallAnswer)
	switch {
	case failure != nil:
		return upstream.Submitted{}, failure
	case ans.StatusCode/100 != 2:
		return upstream.Submitted{}, d.refusal(ans, raw)
	}
	return d.created(ans, raw)
}

// videoRequest writes the request in the upstream's shape.
func (d *Driver) videoRequest(s upstream.Submission) (path string, r *request, refusal *upstream.Error) {
	spec, images := s.Spec, inputs(s)
	switch {
	case d.cfg.Videos == NoVideos:
		return "", nil, unable("This model makes no videos.", "model")
	case len(images) > 1:
		return "", nil, unable("This model takes one image.", "image")
	case len(s.LastFrame) > 0:
		return "", nil, unable("This model takes no last frame.", "last_frame")
	case spec.Resolution != "":
		return "", nil, unable("This model takes no resolution. Send size.", "resolution")
	case spec.Count > 1:
		return "", nil, unable("This model makes one video of a request.", "n")
	}
	r = &request{}
	r.set("model", spec.UpstreamModel)
	r.set("prompt", upstream.WithStyle(spec.Prompt, spec.Style))
	if d.cfg.Videos == NewAPI {
		return "/video/generations", r, d.asNewAPI(r, spec, images)
	}
	return "/videos", r, d.asVideos(r, spec, images)
}

func (d *Driver) seconds(spec job.Spec) int {
	if spec.Seconds != 0 {
		return spec.Seconds
	}
	return d.cfg.Seconds
}

// asVideos adds OpenAI's fields, in which the seconds are a text.
func (d *Driver) asVideos(r *request, spec job.Spec, images [][]byte) *upstream.Error {
	if n := d.seconds(spec); n != 0 {
		r.set("seconds", strconv.Itoa(n))
	}
	for _, data := range images {
		r.attach("input_reference", data)
	}
	r.extras(spec)
	return r.shape(spec, d.cfg.Video)
}

// asNewAPI adds new-api's fields: the size as two numbers, what only some models
// know in metadata.
func (d *Driver) asNewAPI(r *request, spec job.Spec, images [][]byte) *upstream.Error {
	var shape request
	if refusal := shape.shape(spec, d.cfg.Video); refusal != nil {
		return refusal
	}
	for _, f := range shape.fields {
		if w, h, ok := strings.Cut(f.text, "x"); ok && f.name == "size" {
			r.fields = append(r.fields, entry{"width", w, true}, entry{"height", h, true})
			continue
		}
		r.fields = append(r.fields, f)
	}
	if n := d.seconds(spec); n != 0 {
		r.number("duration", int64(n))
	}
	for _, data := range images {
		r.dataURI("image", data)
	}
	if spec.Seed != nil {
		r.number("seed", *spec.Seed)
	}
	if spec.NegativePrompt != "" {
		r.object("metadata", "negative_prompt", spec.NegativePrompt)
	}
	return nil
}

// videoAnswer is a video object of either shape, as far as we need it.
type videoAnswer struct {
	ID     name      `json:"id"`
	TaskID name      `json:"task_id"`
	Status string    `json:"status"`
	URL    string    `json:"url"`
	Error  *apiError `json:"error"`

	CreatedAt   rawjson.Number `json:"created_at"`   // Unix seconds
	CompletedAt rawjson.Number `json:"completed_at"` // not of every upstream

	// Data is what an upstream gives that has held the call until the video was
	// made, as Tintype does at /video/generations.
	Data json.RawMessage `json:"data"`
}

// name is an id, which some write as a number.
type name string

// UnmarshalJSON implements json.Unmarshaler. What is no id reads as none, so that
// it does not hide the rest.
func (n *name) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case json.Unmarshal(b, &s) == nil:
		*n = name(s)
	case len(b) > 0 && b[0] >= '0' && b[0] <= '9':
		*n = name(b)
	}
	return nil
}

// created reads a complete 200 of a create call.
func (d *Driver) created(a wire.Answer, raw []byte) (upstream.Submitted, *upstream.Error) {
	var v videoAnswer
	if failure := d.decode(a, raw, &v); failure != nil {
		return upstream.Submitted{}, failure
	}
	if sources := v.made(); len(sources) > 0 {
		return upstream.Submitted{Sources: sources}, nil
	}
	id := string(v.ID)
	if d.cfg.Videos == NewAPI && v.TaskID != "" {
		id = string(v.TaskID)
	}
	if id == "" {
		return upstream.Submitted{}, d.lacking(a, raw, "a 200 without an id")
	}
	return upstream.Submitted{UpstreamID: id}, nil
}

// made gives the videos of an answer that brought them at once.
func (v videoAnswer) made() []job.Source {
	var data []struct {
		URL   string `json:"url"`
		Cover string `json:"cover"`
	}
	if json.Unmarshal(v.Data, &data) != nil || len(data) == 0 || data[0].URL == "" {
		return nil
	}
	sources := []job.Source{{Role: job.Primary, URL: data[0].URL}}
	if data[0].Cover != "" {
		sources = append(sources, job.Source{Role: job.Cover, URL: data[0].Cover})
	}
	return sources
}
