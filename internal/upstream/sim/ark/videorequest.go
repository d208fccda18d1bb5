package ark

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

type videoRequest struct {
	Model             string      `json:"model"`
	Content           []videoPart `json:"content"`
	Resolution        *string     `json:"resolution"`
	Ratio             *string     `json:"ratio"`
	Duration          *int64      `json:"duration"`
	Frames            *int64      `json:"frames"`
	Seed              *int64      `json:"seed"`
	CameraFixed       *bool       `json:"camera_fixed"`
	Watermark         *bool       `json:"watermark"`
	GenerateAudio     *bool       `json:"generate_audio"`
	ReturnLastFrame   *bool       `json:"return_last_frame"`
	CallbackURL       *string     `json:"callback_url"`
	ServiceTier       *string     `json:"service_tier"`
	ExpiresAfter      *int64      `json:"execution_expires_after"`
	Priority          *int64      `json:"priority"`
	Draft             *bool       `json:"draft"`
	Tools             []tool      `json:"tools"`
	SafetyIdentifier  *string     `json:"safety_identifier"`
	OutputFormat      *string     `json:"output_format"`
	OmniReferenceType *string     `json:"omni_reference_task_type"`
}

type videoPart struct {
	Type      string     `json:"type"`
	Text      string     `json:"text"`
	ImageURL  *urlObject `json:"image_url"`
	VideoURL  *urlObject `json:"video_url"`
	AudioURL  *urlObject `json:"audio_url"`
	DraftTask *struct {
		ID string `json:"id"`
	} `json:"draft_task"`
	Role string `json:"role"`
}

type urlObject struct {
	URL string `json:"url"`
}

// prompt is all text of the request, flags included.
func (r *videoRequest) prompt() string {
	var texts []string
	for _, part := range r.Content {
		if part.Type == "text" {
			texts = append(texts, part.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// check finds the first thing that Ark would refuse, but for the bytes of
// pictures.
func (r *videoRequest) check(m model) *problem {
	for _, f := range []func(model) *problem{r.checkParts, r.checkRoles, r.checkSupport, r.checkShape, r.checkRanges} {
		if bad := f(m); bad != nil {
			return bad
		}
	}
	return nil
}

func (r *videoRequest) checkParts(model) *problem {
	if len(r.Content) == 0 {
		return missing("content")
	}
	something := false
	for i, part := range r.Content {
		at := fmt.Sprintf("content[%d]", i)
		if bad := part.check(at); bad != nil {
			return bad
		}
		something = something || part.Type != "text" || strings.TrimSpace(part.Text) != ""
	}
	if !something {
		return missing("content.text")
	}
	return nil
}

func (c videoPart) check(at string) *problem {
	if c.Type == "text" {
		if c.Role != "" {
			return invalid(at+".role", "a text has no role")
		}
		if c.Text == "" {
			return missing(at + ".text")
		}
		return nil
	}
	if c.Type == "draft_task" {
		if c.DraftTask == nil || c.DraftTask.ID == "" {
			return missing(at + ".draft_task.id")
		}
		return nil
	}
	media := map[string]*urlObject{"image_url": c.ImageURL, "video_url": c.VideoURL, "audio_url": c.AudioURL}
	u, known := media[c.Type]
	switch {
	case !known:
		return invalid(at+".type", "invalid value: `%s`, supported values are: `text`, `image_url`, `video_url`, `audio_url`, `draft_task`", c.Type)
	case u == nil || u.URL == "":
		return missing(at + "." + c.Type + ".url")
	}
	roles := map[string][]string{
		"image_url": {"", "first_frame", "last_frame", "reference_image"},
		"video_url": {"reference_video"}, "audio_url": {"reference_audio"},
	}
	if c.Type != "image_url" && !strings.HasPrefix(u.URL, "http://") && !strings.HasPrefix(u.URL, "https://") && !strings.HasPrefix(u.URL, "asset://") {
		return invalid(at+"."+c.Type+".url", "only URLs and assets are supported")
	}
	return oneOf(at+".role", c.Role, roles[c.Type]...)
}

// tally counts the parts by role; images without one count as "".
func (r *videoRequest) tally() (roles map[string]int, texts, images int) {
	roles = map[string]int{}
	for _, part := range r.Content {
		switch part.Type {
		case "text":
			texts++
		case "image_url":
			images++
			roles[part.Role]++
		default:
			roles[part.Role]++
		}
	}
	return roles, texts, images
}

func (r *videoRequest) checkRoles(m model) *problem {
	n, texts, images := r.tally()
	t := m.video
	frames := n["first_frame"] + n["last_frame"] + n[""]
	refs := n["reference_image"] + n["reference_video"] + n["reference_audio"]
	switch {
	case texts > 1:
		return invalid("content", "at most one text is supported")
	case images > 0 && t.textOnly:
		return invalid("content", "model %s does not support image input", m.id)
	case images == 0 && t.needsImage:
		return missing("content.image_url")
	case n["reference_image"] > t.images, n["reference_video"] > t.videos, n["reference_audio"] > t.audios:
		return invalid("content", "model %s supports at most %d reference images, %d videos and %d audios", m.id, t.images, t.videos, t.audios)
	case frames > 0 && refs > 0:
		return invalid("content", "first and last frames cannot be mixed with references")
	case frames > 2, frames == 2 && (n["first_frame"] != 1 || n["last_frame"] != 1):
		return invalid("content", "two images need the roles first_frame and last_frame")
	case frames == 1 && n["last_frame"] == 1:
		return invalid("content", "a last_frame needs a first_frame")
	case frames == 2 && !t.lastFrame:
		return invalid("content", "model %s does not support last_frame", m.id)
	}
	return nil
}

func (r *videoRequest) checkSupport(m model) *problem {
	t := m.video
	n, _, images := r.tally()
	for _, f := range []struct {
		name     string
		set, has bool
	}{
		{"seed", r.Seed != nil, t.seeds},
		{"camera_fixed", r.CameraFixed != nil, t.seeds && n["reference_image"] == 0},
		{"frames", r.Frames != nil, t.frames},
		{"generate_audio", r.GenerateAudio != nil, t.audio},
		{"service_tier", r.ServiceTier != nil && *r.ServiceTier == "flex", t.flex},
		{"draft", r.Draft != nil, t.draft},
		{"priority", r.Priority != nil, t.newer},
		{"safety_identifier", r.SafetyIdentifier != nil, t.newer},
		{"tools", r.Tools != nil, t.newer && images == 0},
		{"output_format", r.OutputFormat != nil, t.outputFormat},
		{"omni_reference_task_type", r.OmniReferenceType != nil, t.outputFormat},
	} {
		if f.set && !f.has {
			return unsupported(f.name, m.id)
		}
	}
	return nil
}

// checkShape is about ratio, resolution and length.
func (r *videoRequest) checkShape(m model) *problem {
	t := m.video
	n, _, _ := r.tally()
	if r.Resolution != nil {
		if bad := oneOf("resolution", *r.Resolution, t.resolutions...); bad != nil {
			return bad
		}
	}
	if r.Ratio != nil {
		if bad := oneOf("ratio", *r.Ratio, append(slices.Clone(videoRatios), "adaptive")...); bad != nil {
			return bad
		}
		if t.sizes == "2.5" && n["first_frame"]+n[""] > 0 && *r.Ratio != "adaptive" {
			return invalid("ratio", "with a first_frame it must be absent or `adaptive` for model %s", m.id)
		}
	}
	if r.Duration != nil && !t.lasts(*r.Duration) {
		return invalid("duration", "the specified duration is not supported for model %s", m.id)
	}
	if f := r.Frames; f != nil && (*f < 29 || *f > 289 || (*f-25)%4 != 0) {
		return invalid("frames", "the value must be 25+4n between 29 and 289")
	}
	return nil
}

// lasts tells whether a model can make videos of that many seconds.
func (t videoTraits) lasts(seconds int64) bool {
	return seconds == -1 && t.anySeconds || seconds >= int64(t.minSeconds) && seconds <= int64(t.maxSeconds)
}

func (r *videoRequest) checkRanges(model) *problem {
	var tier, format, omni *problem
	if r.ServiceTier != nil {
		tier = oneOf("service_tier", *r.ServiceTier, "default", "flex")
	}
	if r.OutputFormat != nil {
		format = oneOf("output_format", *r.OutputFormat, "mp4", "mov")
	}
	if r.OmniReferenceType != nil {
		omni = oneOf("omni_reference_task_type", *r.OmniReferenceType, "auto", "reference", "edit", "extend")
	}
	found := []*problem{
		tier, format, omni,
		between("seed", r.Seed, -1, 1<<32-1),
		between("execution_expires_after", r.ExpiresAfter, 3600, 259200),
		between("priority", r.Priority, 0, 9),
	}
	if s := r.SafetyIdentifier; s != nil && len(*s) > 64 {
		found = append(found, invalid("safety_identifier", "it must be at most 64 characters"))
	}
	if u := r.CallbackURL; u != nil && !strings.HasPrefix(*u, "http://") && !strings.HasPrefix(*u, "https://") {
		found = append(found, invalid("callback_url", "it must be an http(s) URL"))
	}
	for i, t := range r.Tools {
		found = append(found, oneOf(fmt.Sprintf("tools[%d].type", i), t.Type, "web_search"))
	}
	return first(found)
}

// inputs gets and checks the pictures.
func (r *videoRequest) inputs(ctx context.Context, p *Protocol) ([]picture, *problem) {
	var out []picture
	for i, part := range r.Content {
		if part.ImageURL == nil {
			continue
		}
		pic, bad := p.picture(ctx, part.ImageURL.URL, rules{
			param: fmt.Sprintf("content[%d].image_url", i), formats: everyFormat, minSide: 300, maxSide: 6000,
			maxTotal: maxPixels, minRatio: 0.4, maxRatio: 2.5, asset: true,
		})
		if bad != nil {
			return nil, bad
		}
		out = append(out, pic)
	}
	return out, nil
}

// applyFlags reads the flags that older clients write at the end of the text,
// such as "--dur 5". They win over the fields, so that a client that lets a
// user's prompt through is noticed. A wrong value is ignored, but for a
// duration, which is refused.
func (r *videoRequest) applyFlags(m model) *problem {
	words := strings.Fields(r.prompt())
	for i := 0; i+1 < len(words); i++ {
		name, isFlag := strings.CutPrefix(words[i], "--")
		if !isFlag {
			continue
		}
		value := words[i+1]
		number, err := strconv.ParseInt(value, 10, 64)
		switch name {
		case "resolution", "rs":
			setIf(&r.Resolution, value, slices.Contains(m.video.resolutions, value))
		case "ratio", "rt":
			setIf(&r.Ratio, value, slices.Contains(videoRatios, value) || value == "adaptive")
		case "duration", "dur":
			if err != nil || !m.video.lasts(number) {
				return invalid("contents[0].text.duration", "the specified duration is not supported for model %s", m.id)
			}
			r.Duration = &number
		case "frames":
			setIf(&r.Frames, number, err == nil && m.video.frames && number >= 29 && number <= 289 && (number-25)%4 == 0)
		case "seed":
			setIf(&r.Seed, number, err == nil && m.video.seeds && number >= -1 && number <= 1<<32-1)
		case "camerafixed", "cf":
			setIf(&r.CameraFixed, value == "true", m.video.seeds)
		case "watermark", "wm":
			setIf(&r.Watermark, value == "true", true)
		}
	}
	return nil
}

func setIf[T any](field **T, value T, ok bool) {
	if ok {
		*field = &value
	}
}
