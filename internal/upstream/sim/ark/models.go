package ark

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// modelKind is what a model is for; it goes into messages.
type modelKind string

const (
	chatModel  modelKind = "chat completions"
	imageModel modelKind = "image generation"
	videoModel modelKind = "content generation"
)

// model is one of Ark's models.
type model struct {
	id    string // with its date, as the answers name it
	kind  modelKind
	chat  chatTraits
	image imageTraits
	video videoTraits
}

type chatTraits struct {
	thinks bool
}

// imageTraits are what the image models differ in.
type imageTraits struct {
	family      string // column of the table of sizes
	tiers       []string
	defaultSize string
	minPixels   int
	maxPixels   int
	refs        int     // pictures at most
	needsRef    bool    // cannot do without
	maxRatio    float64 // of an input picture's sides
	groups      bool    // and streaming
	seeds       bool    // and guidance_scale
	formats     bool    // output_format
	fast        bool    // optimize_prompt_options.mode fast
	search      bool    // tools
	layers      bool    // layer_decomposition, background
	noSize      bool    // answers without size
}

// videoTraits are what the video models differ in.
type videoTraits struct {
	sizes        string // column of the table of sizes
	resolutions  []string
	resolution   string // default
	minSeconds   int
	maxSeconds   int
	anySeconds   bool // takes -1
	seconds      int  // default
	textRatio    string
	textOnly     bool
	needsImage   bool
	lastFrame    bool // takes first and last frame
	images       int  // reference images at most
	videos       int
	audios       int
	seeds        bool // seed and camera_fixed
	frames       bool
	flex         bool
	audio        bool // generate_audio
	draft        bool
	newer        bool // 2.x: priority, tools, safety_identifier (this last one's models are not documented; others may have it)
	outputFormat bool // and omni_reference_task_type
}

var (
	upTo1080 = []string{"480p", "720p", "1080p"}
	upTo720  = []string{"480p", "720p"}
	upTo4K   = []string{"480p", "720p", "1080p", "4k"}
)

var table = map[string]model{
	"seed-2-1-pro-260628":          {kind: chatModel, chat: chatTraits{thinks: true}},
	"seed-2-1-turbo-260628":        {kind: chatModel, chat: chatTraits{thinks: true}},
	"seed-2-0-pro-260215":          {kind: chatModel, chat: chatTraits{thinks: true}},
	"seed-2-0-lite-260215":         {kind: chatModel, chat: chatTraits{thinks: true}},
	"seed-2-0-lite-260428":         {kind: chatModel, chat: chatTraits{thinks: true}},
	"seed-2-0-mini-260215":         {kind: chatModel, chat: chatTraits{thinks: true}},
	"seed-2-0-mini-260428":         {kind: chatModel, chat: chatTraits{thinks: true}},
	"seed-1-8-251228":              {kind: chatModel, chat: chatTraits{thinks: true}},
	"seed-1-6-251015":              {kind: chatModel, chat: chatTraits{thinks: true}},
	"1-5-pro-32k-250115":           {kind: chatModel},
	"1-5-vision-pro-32k-250115":    {kind: chatModel},
	"seedream-5-0-pro-260628":      {kind: imageModel, image: imageTraits{family: "pro", tiers: []string{"1K", "1.5K", "2K"}, defaultSize: "2K", minPixels: 921600, maxPixels: 4624220, refs: 10, maxRatio: 16, formats: true, fast: true, layers: true}},
	"seedream-5-0-260128":          {kind: imageModel, image: seedream5},
	"seedream-5-0-lite-260128":     {kind: imageModel, image: seedream5},
	"seedream-4-5-251128":          {kind: imageModel, image: imageTraits{family: "4", tiers: []string{"2K", "4K"}, defaultSize: "2048x2048", minPixels: 3686400, maxPixels: 16777216, refs: 14, maxRatio: 16, groups: true}},
	"seedream-4-0-250828":          {kind: imageModel, image: imageTraits{family: "4", tiers: []string{"1K", "2K", "4K"}, defaultSize: "2048x2048", minPixels: 921600, maxPixels: 16777216, refs: 14, maxRatio: 16, groups: true, fast: true}},
	"seedream-3-0-t2i-250415":      {kind: imageModel, image: imageTraits{family: "3", defaultSize: "1024x1024", minPixels: 512 * 512, maxPixels: 2048 * 2048, seeds: true, noSize: true}},
	"seededit-3-0-i2i-250628":      {kind: imageModel, image: imageTraits{family: "3", tiers: []string{"adaptive"}, defaultSize: "adaptive", minPixels: 1 << 30, refs: 1, needsRef: true, maxRatio: 3, seeds: true, noSize: true}},
	"seedance-2-5-260628":          {kind: videoModel, video: videoTraits{sizes: "2.5", resolutions: upTo1080, resolution: "720p", minSeconds: 4, maxSeconds: 30, anySeconds: true, seconds: -1, textRatio: "adaptive", lastFrame: true, images: 30, videos: 10, audios: 10, audio: true, newer: true, outputFormat: true}},
	"seedance-2-0-260128":          {kind: videoModel, video: seedance2(upTo4K)},
	"seedance-2-0-fast-260128":     {kind: videoModel, video: seedance2(upTo720)},
	"seedance-2-0-mini-260615":     {kind: videoModel, video: seedance2(upTo720)},
	"seedance-1-5-pro-251215":      {kind: videoModel, video: videoTraits{sizes: "2.0", resolutions: upTo1080, resolution: "720p", minSeconds: 4, maxSeconds: 12, anySeconds: true, seconds: 5, textRatio: "adaptive", lastFrame: true, seeds: true, flex: true, audio: true, draft: true}},
	"seedance-1-0-pro-250528":      {kind: videoModel, video: seedance1("1080p", videoTraits{lastFrame: true})},
	"seedance-1-0-pro-fast-251015": {kind: videoModel, video: seedance1("1080p", videoTraits{})},
	"seedance-1-0-lite-t2v-250428": {kind: videoModel, video: seedance1("720p", videoTraits{textOnly: true})},
	"seedance-1-0-lite-i2v-250428": {kind: videoModel, video: seedance1("720p", videoTraits{needsImage: true, lastFrame: true, images: 4})},
}

var seedream5 = imageTraits{
	family: "4", tiers: []string{"2K", "3K", "4K"}, defaultSize: "2048x2048", minPixels: 3686400, maxPixels: 16777216,
	refs: 14, maxRatio: 16, groups: true, formats: true, search: true,
}

func seedance2(resolutions []string) videoTraits {
	return videoTraits{
		sizes: "2.0", resolutions: resolutions, resolution: "720p", minSeconds: 4, maxSeconds: 15, anySeconds: true, seconds: 5,
		textRatio: "adaptive", lastFrame: true, images: 9, videos: 3, audios: 3, audio: true, newer: true,
	}
}

func seedance1(resolution string, t videoTraits) videoTraits {
	t.sizes, t.resolutions, t.resolution = "1.0", upTo1080, resolution
	t.minSeconds, t.maxSeconds, t.seconds, t.textRatio = 2, 12, 5, "16:9"
	t.seeds, t.frames, t.flex = true, true, true
	return t
}

var (
	vendor = regexp.MustCompile(`^(doubao|dreamina|dola)-`)
	date   = regexp.MustCompile(`-\d{6}$`)
)

// resolve finds a model by its id (with or without the vendor's prefix, as the
// regions differ in that), by its id without the date (the newest then), by
// an endpoint id, or by ep- and a model's id.
func (p *Protocol) resolve(name string) (model, bool) {
	if id, ok := p.cfg.Endpoints[name]; ok {
		name = id
	} else if id, ok := strings.CutPrefix(name, "ep-"); ok {
		name = id
	}
	base := vendor.ReplaceAllString(name, "")
	if m, ok := table[base]; ok {
		m.id = name
		return m, true
	}
	base = strings.ReplaceAll(base, ".", "-")
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(table))) {
		if date.ReplaceAllString(id, "") == base {
			m := table[id]
			m.id = "doubao-" + id
			return m, true
		}
	}
	return model{}, false
}

// undated is the model's id as it appears in media paths.
func (m model) undated() string { return date.ReplaceAllString(m.id, "") }

// models answers GET /models.
func (p *Protocol) models(ctx context.Context, c *call) (faults.Answer, *problem) {
	if bad := p.trouble(ctx, c, faults.List, "models", "", nil); bad != nil {
		return faults.Answer{}, bad
	}
	type entry struct {
		ID       string   `json:"id"`
		Object   string   `json:"object"`
		Domain   string   `json:"domain"`
		TaskType []string `json:"task_type"`
	}
	out := struct {
		Object string  `json:"object"`
		Data   []entry `json:"data"`
	}{Object: "list"}
	for _, id := range slices.Sorted(maps.Keys(table)) {
		m, e := table[id], entry{ID: "doubao-" + id, Object: "model"}
		switch m.kind {
		case chatModel:
			e.Domain, e.TaskType = "LLM", []string{"TextGeneration"}
		case imageModel:
			e.Domain, e.TaskType = "ImageGeneration", []string{"TextToImage", "ImageToImage"}
		case videoModel:
			e.Domain, e.TaskType = "VideoGeneration", []string{"TextToVideo", "ImageToVideo"}
		}
		if c.Holder.MayUse(e.ID) {
			out.Data = append(out.Data, e)
		}
	}
	return jsonAnswer(out)
}
