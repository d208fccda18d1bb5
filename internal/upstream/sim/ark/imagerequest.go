package ark

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

type imageRequest struct {
	Model            string         `json:"model"`
	Prompt           string         `json:"prompt"`
	Image            stringOrList   `json:"image"`
	Size             string         `json:"size"`
	ResponseFormat   string         `json:"response_format"`
	Watermark        *bool          `json:"watermark"`
	Stream           bool           `json:"stream"`
	Sequential       *string        `json:"sequential_image_generation"`
	SequentialOption *groupOptions  `json:"sequential_image_generation_options"`
	OptimizePrompt   *bool          `json:"optimize_prompt"`
	OptimizeOptions  *optimizeWords `json:"optimize_prompt_options"`
	OutputFormat     *string        `json:"output_format"`
	Seed             *int64         `json:"seed"`
	GuidanceScale    *float64       `json:"guidance_scale"`
	Tools            []tool         `json:"tools"`
	Layers           *bool          `json:"layer_decomposition"`
	Background       *string        `json:"background"`
}

type groupOptions struct {
	MaxImages *int `json:"max_images"`
}

type optimizeWords struct {
	Mode     *string `json:"mode"`
	Thinking *string `json:"thinking"`
}

type tool struct {
	Type string `json:"type"`
}

// maxPromptRunes is ours: Ark only advises 300 characters, and refuses what is
// far beyond them.
const maxPromptRunes = 8000

// check finds the first thing that Ark would refuse, but for size and image.
func (r *imageRequest) check(m model) *problem {
	if r.Prompt == "" {
		return missing("prompt")
	}
	if len([]rune(r.Prompt)) > maxPromptRunes {
		return invalid("prompt", "it is too long")
	}
	if bad := oneOf("response_format", r.ResponseFormat, "", "url", "b64_json"); bad != nil {
		return bad
	}
	if bad := r.checkSupport(m); bad != nil {
		return bad
	}
	return r.checkValues()
}

// checkSupport refuses what the model does not have.
func (r *imageRequest) checkSupport(m model) *problem {
	t := m.image
	for _, f := range []struct {
		name     string
		set, has bool
	}{
		{"sequential_image_generation", r.Sequential != nil, t.groups},
		{"sequential_image_generation_options", r.SequentialOption != nil, t.groups},
		{"stream", r.Stream, t.groups},
		{"output_format", r.OutputFormat != nil, t.formats},
		{"seed", r.Seed != nil, t.seeds},
		{"guidance_scale", r.GuidanceScale != nil, t.seeds},
		{"tools", r.Tools != nil, t.search},
		{"layer_decomposition", r.Layers != nil, t.layers},
		{"background", r.Background != nil, t.layers},
		{"image", len(r.Image) > 0, t.refs > 0},
	} {
		if f.set && !f.has {
			return unsupported(f.name, m.id)
		}
	}
	if o := r.OptimizeOptions; o != nil && o.Mode != nil && *o.Mode == "fast" && !t.fast {
		return unsupported("optimize_prompt_options.mode", m.id)
	}
	if t.needsRef && len(r.Image) == 0 {
		return missing("image")
	}
	if len(r.Image) > t.refs {
		return invalid("image", "at most %d reference images are supported", t.refs)
	}
	return nil
}

func (r *imageRequest) checkValues() *problem {
	enum := func(name string, v *string, allowed ...string) *problem {
		if v == nil {
			return nil
		}
		return oneOf(name, *v, allowed...)
	}
	found := []*problem{
		enum("sequential_image_generation", r.Sequential, "auto", "disabled"),
		enum("output_format", r.OutputFormat, "jpeg", "png"),
		enum("background", r.Background, "opaque", "transparent"),
		between("seed", r.Seed, -1, 1<<31-1),
	}
	if o := r.OptimizeOptions; o != nil {
		found = append(
			found, enum("optimize_prompt_options.mode", o.Mode, "standard", "fast"),
			enum("optimize_prompt_options.thinking", o.Thinking, "auto", "enabled", "disabled"),
		)
	}
	if o := r.SequentialOption; o != nil && o.MaxImages != nil && (*o.MaxImages < 1 || *o.MaxImages > maxGroup) {
		found = append(found, invalid("sequential_image_generation_options.max_images", "the value must be between 1 and %d", maxGroup))
	}
	if g := r.GuidanceScale; g != nil && (*g < 1 || *g > 10) {
		found = append(found, invalid("guidance_scale", "the value must be between 1 and 10"))
	}
	for i, t := range r.Tools {
		found = append(found, oneOf(fmt.Sprintf("tools[%d].type", i), t.Type, "web_search"))
	}
	return first(found)
}

// first is the first problem that is one.
func first(found []*problem) *problem {
	if i := slices.IndexFunc(found, func(b *problem) bool { return b != nil }); i >= 0 {
		return found[i]
	}
	return nil
}

func between(name string, v *int64, low, high int64) *problem {
	if v != nil && (*v < low || *v > high) {
		return invalid(name, "the value must be between %d and %d", low, high)
	}
	return nil
}

// maxGroup is how many reference pictures and results there may be together.
const maxGroup = 15

var howMany = regexp.MustCompile(`(\d{1,2})\s*(?:张|幅|images|pictures)`)

// count is how many pictures will be made: as many as the prompt says, else
// as max_images allows, else four.
func (r *imageRequest) count() int {
	if r.Sequential == nil || *r.Sequential != "auto" {
		return 1
	}
	n, most := 4, maxGroup-len(r.Image)
	if o := r.SequentialOption; o != nil && o.MaxImages != nil {
		most = min(most, *o.MaxImages)
		n = most
	}
	if m := howMany.FindStringSubmatch(r.Prompt); m != nil {
		if said, err := strconv.Atoi(m[1]); err == nil {
			n = said
		}
	}
	return max(1, min(n, most))
}

// inputs gets and checks the reference pictures.
func (r *imageRequest) inputs(ctx context.Context, p *Protocol, m model) ([]picture, *problem) {
	formats := everyFormat
	low := 1.0 / 16
	if m.image.maxRatio == 3 {
		formats, low = []string{"jpeg", "png"}, 1.0/3
	}
	var out []picture
	for i, ref := range r.Image {
		param := "image"
		if len(r.Image) > 1 {
			param = fmt.Sprintf("image[%d]", i)
		}
		pic, bad := p.picture(ctx, ref, rules{
			param: param, formats: formats, minSide: 15, minTotal: 1, maxTotal: maxPixels,
			minRatio: low, maxRatio: m.image.maxRatio,
		})
		if bad != nil {
			return nil, bad
		}
		out = append(out, pic)
	}
	return out, nil
}
