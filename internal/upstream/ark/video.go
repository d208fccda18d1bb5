package ark

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

const tasksPath = "/contents/generations/tasks"

func (d *Driver) submitVideo(ctx context.Context, a account.Account, s upstream.Submission) (upstream.Submitted, *upstream.Error) {
	body, refusal := d.videoBody(s)
	if refusal != nil {
		return upstream.Submitted{}, refusal
	}
	c := d.submission(wire.Video, a, s, tasksPath, body)
	ans, raw, failure := c.Do(ctx, d.cfg.VideoTimeout, wire.SmallAnswer)
	switch {
	case failure != nil:
		return upstream.Submitted{}, failure
	case ans.StatusCode/100 != 2:
		return upstream.Submitted{}, d.refusal(ans, raw)
	}
	return d.created(ans, raw)
}

// created reads a complete 200 of a create call.
func (d *Driver) created(a wire.Answer, raw []byte) (upstream.Submitted, *upstream.Error) {
	var ans struct {
		ID    string    `json:"id"`
		Error *apiError `json:"error"`
	}
	if len(raw) == 0 {
		return upstream.Submitted{}, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("an empty 200"))
	}
	err := json.Unmarshal(raw, &ans)
	switch {
	case err != nil:
		return upstream.Submitted{}, wire.Ambiguous(upstream.Unknown, wire.SaysGarbled, err)
	case ans.ID != "":
		return upstream.Submitted{UpstreamID: ans.ID}, nil
	case ans.Error == nil || ans.Error.Code == "":
		return upstream.Submitted{}, wire.Ambiguous(upstream.Empty, wire.SaysEmpty, errors.New("a 200 without an id"))
	}
	e := d.classify(a.Call, 0, a.Header, *ans.Error)
	e.Outcome = wire.OutcomeOfClass(e.Class)
	return upstream.Submitted{}, e
}

// videoBody writes the request. Settings go into fields, never into the text.
func (d *Driver) videoBody(s upstream.Submission) ([]byte, *upstream.Error) {
	spec := s.Spec
	p := d.profile(spec.UpstreamModel, upstream.VideoModel)
	if err := p.checkWishes(s); err != nil {
		return nil, err
	}
	ratio, ok := p.ratio(spec.Ratio, len(s.Image) > 0)
	if !ok {
		return nil, wire.Refused(fault.New(fault.Invalid, "Videos are made as 16:9, 4:3, 1:1, 3:4, 9:16, 21:9 or adaptive.").WithParam("ratio"))
	}
	o := newObject(roomFor(s))
	o.Str("model", spec.UpstreamModel)
	o.content(withoutFlags(upstream.WithStyle(spec.Prompt, spec.Style)), s)
	if ratio != "" {
		o.Str("ratio", ratio)
	}
	settings := d.cfg.Settings[spec.UpstreamModel]
	settings.Resolution, settings.Seconds = cmp.Or(spec.Resolution, settings.Resolution), cmp.Or(spec.Seconds, settings.Seconds)
	o.videoSettings(p.Video, settings)
	if spec.Seed != nil {
		o.Int("seed", *spec.Seed)
	}
	o.Bool("watermark", false)
	o.Bool("return_last_frame", true) // the cover
	if p.Video.Identifier {
		o.Str("safety_identifier", wire.Attempt(s))
	}
	return o.Done(), nil
}

// content adds the text and the pictures: frames of the video, or references.
func (o *object) content(prompt string, s upstream.Submission) {
	o.Key("content").Text(`[{"type":"text","text":`)
	o.Buf = rawjson.AppendString(o.Buf, prompt)
	o.Text("}")
	o.picture(s.Spec.Input, s.Image, "first_frame")
	o.picture(s.Spec.LastFrame, s.LastFrame, "last_frame")
	for i, b := range s.References {
		o.picture(reference(s, i), b, "reference_image")
	}
	o.Text("]")
}

// picture adds an image and what it is to the video.
func (o *object) picture(in *job.Input, b []byte, role string) {
	if len(b) == 0 {
		return
	}
	o.Text(`,{"type":"image_url","image_url":{"url":`)
	o.dataURI(inputType(in, b), b)
	o.Text(`},"role":"` + role + `"}`)
}

// videoSettings adds what the configuration, or else the family, decides.
func (o *object) videoSettings(v VideoProfile, s Settings) {
	if s.Resolution == "" {
		s.Resolution = v.Resolution
	}
	if s.Seconds == 0 {
		s.Seconds = v.Seconds
	}
	if s.Resolution != "" {
		o.Str("resolution", s.Resolution)
	}
	if s.Seconds != 0 {
		o.Int("duration", int64(s.Seconds))
	}
	if v.Audio || s.Audio {
		o.Bool("generate_audio", s.Audio) // the upstream's default is true, at a higher price
	}
}

// ratio gives the value of the field "ratio"; empty means to leave it out. It is
// false for a ratio that no video has.
func (p Profile) ratio(ratio string, withImage bool) (string, bool) {
	switch {
	case ratio != "" && !slices.Contains(videoRatios(), ratio):
		return "", false
	case withImage && !p.Video.RatioWithImage:
		return "", true
	case ratio == "" && withImage:
		return ratioAdaptive, true
	case ratio == "":
		return videoRatios()[0], true
	}
	return ratio, true
}
