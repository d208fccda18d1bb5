package server

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// maxStyleRunes is far above any known style's name.
const maxStyleRunes = 64

// mediaRequest is a request for an image or a video, checked as far as that
// costs nothing.
type mediaRequest struct {
	spec       job.Spec // without Input, References and LastFrame
	image      string   // the input image as the caller wrote it; empty: none
	imageParam string   // the field it stood in; empty: "image"
	references []sentImage
	lastFrame  string
}

// readMediaRequest checks the fields one by one; the first that is wrong is
// named.
func (s *Server) readMediaRequest(kind job.Kind, f fields) (mediaRequest, error) {
	var r mediaRequest
	name, err := f.text("model")
	if err != nil {
		return r, err
	}
	model, err := s.cfg.Models.Find(upstream.ModelKind(kind), name)
	if err != nil {
		return r, err
	}
	r.spec = job.Spec{Kind: kind, Model: name, Upstream: model.Upstream, UpstreamModel: model.ID, Fallbacks: model.Fallbacks}
	if name == "" {
		r.spec.Model = model.Name
	}
	if r.spec.Prompt, err = s.prompt(f); err != nil {
		return r, err
	}
	if r.image, err = inputImage(model, f); err != nil {
		return r, err
	}
	if err = readReferences(model, f, &r); err != nil {
		return r, err
	}
	if r.image == "" && len(r.references) == 0 && model.NeedsImage {
		return r, fault.Newf(fault.Invalid, "image: required. The model %q works from an image.", model.Name).WithParam("image")
	}
	if r.spec.Ratio, err = ratio(model, f, r.image != ""); err != nil {
		return r, err
	}
	if r.spec.Style, err = style(kind, f); err != nil {
		return r, err
	}
	return r, s.readFields(model, f, &r)
}

func (s *Server) prompt(f fields) (string, error) {
	prompt, err := f.text("prompt")
	switch {
	case err != nil:
		return "", err
	case strings.TrimSpace(prompt) == "":
		return "", fault.New(fault.Invalid, "prompt: required. Say what to make.").WithParam("prompt")
	}
	if n, most := utf8.RuneCountInString(prompt), s.cfg.Limits.PromptRunes; n > most {
		return "", fault.Newf(fault.Invalid, "prompt: has %d characters; the limit is %d.", n, most).WithParam("prompt")
	}
	return prompt, nil
}

func inputImage(m *upstream.Model, f fields) (string, error) {
	image, err := f.text("image")
	image = strings.TrimSpace(image)
	switch {
	case err != nil:
		return "", err
	case image != "" && m.ReferenceImages == 0:
		return "", fault.Newf(fault.Invalid, "image: the model %q takes no input image. Leave the field out or choose another model.", m.Name).WithParam("image")
	}
	return image, nil
}

// ratio gives the ratio in the model's own writing. Without a wish it is Part
// A's default, but that an image made from another one follows that one.
func ratio(m *upstream.Model, f fields, hasImage bool) (string, error) {
	sent, err := f.text("ratio")
	if err != nil {
		return "", err
	}
	if asked := canonicalRatio(sent); asked != "" {
		if !slices.Contains(m.Ratios, asked) {
			return "", fault.Newf(fault.Invalid, "ratio: %q is not one that the model %q can make. %s", clip(sent), m.Name, allowedRatios(m)).WithParam("ratio")
		}
		return asked, nil
	}
	if hasImage && m.Kind == upstream.ImageModel || len(m.Ratios) == 0 {
		return "", nil
	}
	usual := "1:1"
	if m.Kind == upstream.VideoModel {
		usual = "16:9"
	}
	if slices.Contains(m.Ratios, usual) {
		return usual, nil
	}
	return m.Ratios[0], nil
}

func allowedRatios(m *upstream.Model) string {
	if len(m.Ratios) == 0 {
		return "Leave the field out."
	}
	return "Allowed: " + strings.Join(m.Ratios, ", ") + "."
}

// canonicalRatio reads a ratio as Chinese and other keyboards write it.
func canonicalRatio(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '：' || r == '∶' || r == '﹕':
			return ':'
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case r == ' ' || r == '\u3000' || r == '\u00a0' || r == '\t' || r == '\r' || r == '\n':
			return -1
		}
		return r
	}, strings.ToLower(s))
}

func style(kind job.Kind, f fields) (string, error) {
	switch kind {
	case job.Video:
		return "", nil // not a field of this path: ignored, as any unknown one
	case job.Image:
	}
	v, err := f.text("style")
	if err != nil {
		return "", err
	}
	v = strings.TrimSpace(v)
	if n := utf8.RuneCountInString(v); n > maxStyleRunes {
		return "", fault.Newf(fault.Invalid, "style: has %d characters; the limit is %d. Longer wishes belong into the prompt.", n, maxStyleRunes).WithParam("style")
	}
	return v, nil
}

func responseFormat(kind job.Kind, f fields) (tintype.ResponseFormat, error) {
	v, err := f.text("response_format")
	if err != nil {
		return "", err
	}
	if kind == job.Video && v != "" && v != string(tintype.FormatURL) {
		return "", fault.Newf(fault.Invalid, "response_format: %q is not for videos. Allowed: url.", clip(v)).WithParam("response_format")
	}
	switch format := tintype.ResponseFormat(v); format {
	case "", tintype.FormatURL:
		return tintype.FormatURL, nil
	case tintype.FormatBase64:
		return format, nil
	}
	return "", fault.Newf(fault.Invalid, "response_format: %q is not known. Allowed: url, b64_json.", clip(v)).WithParam("response_format")
}
