package config

import (
	"regexp"
	"slices"
	"strings"
)

// DefaultOpenAIURL is OpenAI's own API.
const DefaultOpenAIURL = "https://api.openai.com/v1"

// OpenAI is what an upstream with the driver openai has, and how it wants to be
// asked. Servers with this API differ in what they have.
type OpenAI struct {
	// Endpoints are what it has: chat, images, edits (images of images), and
	// either videos (as OpenAI has them) or new_api_videos (as new-api has them).
	Endpoints []Endpoint `yaml:"endpoints" default:"chat,images"`

	// ResponseFormat asks for images as url or b64_json. Empty: as the upstream
	// likes; both are read.
	ResponseFormat ImageFormat `yaml:"response_format"`

	// ImageSizes and VideoSizes give the size in pixels that stands for an aspect
	// ratio: texts "16:9=1536x864". "16:9=" sends the ratio itself in a field
	// "ratio", as Tintype takes it. Empty: OpenAI's own.
	ImageSizes []string `yaml:"image_sizes"`
	VideoSizes []string `yaml:"video_sizes"`

	// MaxImages is how many images one request may ask for (n).
	MaxImages int `yaml:"max_images" default:"1" range:"1..4"`

	// Thumbnails also gets a still of each video (endpoint videos).
	Thumbnails bool `yaml:"thumbnails" default:"false"`
}

// Endpoint is one thing that an upstream of the driver openai has.
type Endpoint string

// The endpoints.
const (
	ChatEndpoint   Endpoint = "chat"
	ImagesEndpoint Endpoint = "images"
	EditsEndpoint  Endpoint = "edits"
	VideosEndpoint Endpoint = "videos"
	NewAPIEndpoint Endpoint = "new_api_videos"
)

func (Endpoint) values() []string {
	return texts(ChatEndpoint, ImagesEndpoint, EditsEndpoint, VideosEndpoint, NewAPIEndpoint)
}

// ImageFormat is how images are asked for.
type ImageFormat string

// The formats.
const (
	FormatURL   ImageFormat = "url"
	FormatBytes ImageFormat = "b64_json"
)

func (ImageFormat) values() []string { return texts(FormatURL, FormatBytes) }

// Has tells whether the upstream has an endpoint.
func (o OpenAI) Has(e Endpoint) bool { return slices.Contains(o.Endpoints, e) }

// Makes tells whether the upstream makes a kind of thing.
func (o OpenAI) Makes(kind ModelKind) bool {
	switch kind {
	case ChatModel:
		return o.Has(ChatEndpoint)
	case ImageModel:
		return o.Has(ImagesEndpoint) || o.Has(EditsEndpoint)
	case VideoModel:
		return o.Has(VideosEndpoint) || o.Has(NewAPIEndpoint)
	}
	return false
}

// Sizes reads texts such as "16:9=1536x864"; nil of none.
func Sizes(list []string) map[string]string {
	var out map[string]string
	for _, text := range list {
		ratio, size, _ := strings.Cut(text, "=")
		if out == nil {
			out = map[string]string{}
		}
		out[ratio] = size
	}
	return out
}

var ratioSize = regexp.MustCompile(`^[1-9]\d{0,3}:[1-9]\d{0,3}=([1-9]\d{1,4}x[1-9]\d{1,4})?$`)

func (l *loader) checkOpenAI(path string, u Upstream) {
	if u.Driver != OpenAIDriver {
		for _, name := range []string{"endpoints", "response_format", "image_sizes", "video_sizes", "max_images", "thumbnails"} {
			if at := path + ".openai." + name; l.isSet(at) {
				l.report(at, "has an effect with the driver openai alone")
			}
		}
		return
	}
	if len(u.OpenAI.Endpoints) == 0 {
		l.report(path+".openai.endpoints", "must name at least one of %s", strings.Join(Endpoint("").values(), ", "))
	}
	if u.OpenAI.Has(VideosEndpoint) && u.OpenAI.Has(NewAPIEndpoint) {
		l.report(path+".openai.endpoints", "may name one of videos and new_api_videos, not both")
	}
	for name, list := range map[string][]string{"image_sizes": u.OpenAI.ImageSizes, "video_sizes": u.OpenAI.VideoSizes} {
		for i, text := range list {
			if !ratioSize.MatchString(text) {
				l.report(index(path+".openai."+name, i), "must be a ratio and a size, such as \"16:9=1536x864\", or \"16:9=\"")
			}
		}
	}
}

// driverOf gives the driver of an upstream; empty if there is no such upstream.
func (l *loader) driverOf(upstream string) Driver {
	for _, u := range l.cfg.Upstreams {
		if u.Name == upstream {
			return u.Driver
		}
	}
	return ""
}

// checkForeignModel reports what a model of an upstream that is not Ark cannot have.
func (l *loader) checkForeignModel(path string, m Model) {
	driver := l.driverOf(m.Upstream)
	for _, name := range []string{"family", "resolution", "resolutions", "duration", "durations", "generate_audio", "thinking"} {
		if at := path + "." + name; l.isSet(at) {
			l.report(at, "has no effect on models of an upstream with the driver %s", driver)
		}
	}
	if at := path + ".max_n"; l.isSet(at) && (m.Kind != ImageModel || driver != OpenAIDriver) {
		l.report(at, "has no effect on %s models of an upstream with the driver %s", m.Kind, driver)
	}
	for _, u := range l.cfg.Upstreams {
		if u.Name == m.Upstream && u.Driver == OpenAIDriver && !u.OpenAI.Makes(m.Kind) {
			l.report(path+".kind", "is %s, which the upstream %s does not make (upstreams[].openai.endpoints)", m.Kind, u.Name)
		}
	}
}
