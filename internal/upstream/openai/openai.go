// Package openai is the driver for services with OpenAI's API: OpenAI itself,
// gateways such as new-api, servers of one's own, and another Tintype.
//
// Images are made while the submit call waits and come back with it, as links or
// as bytes. A video is a task of one of two shapes, see [VideoShape], that is
// asked after with the key that created it. Sources: OpenAI's public API
// reference; new-api's documentation of its video calls; for Tintype its own
// API.
//
// Nobody echoes a mark of ours, so a submission whose answer was lost stays
// ambiguous. How submissions are sent once is told in package wire. What an
// error says about money is decided here for the worst of the services behind
// this API, see outcomeOf.
package openai

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// BaseURL is where OpenAI's own API is.
const BaseURL = "https://api.openai.com/v1"

// VideoShape is how an upstream wants to be asked for videos.
type VideoShape string

// The shapes.
const (
	// NoVideos: the upstream makes none.
	NoVideos VideoShape = ""

	// Videos is OpenAI's: POST /videos, GET and DELETE /videos/{id}, and the
	// bytes, for the same key, at /videos/{id}/content.
	Videos VideoShape = "videos"

	// NewAPI is new-api's: POST /video/generations, and GET
	// /video/generations/{task_id}, which tells a link. There is no way to
	// cancel.
	NewAPI VideoShape = "new_api"
)

// Config is what a driver needs. Zero durations mean the default.
type Config struct {
	// BaseURL is the API's root with its version, without a slash at the end.
	// Empty means the constant BaseURL.
	BaseURL string

	// What the upstream has. A request for anything else is refused here.
	Chat   bool
	Images bool // POST /images/generations
	Edits  bool // POST /images/edits, for requests with input images
	Videos VideoShape

	// Thumbnails also asks for a still of each video, at
	// /videos/{id}/content?variant=thumbnail; for Videos alone.
	Thumbnails bool

	Image Format
	Video Format

	// ResponseFormat asks for images as "url" or "b64_json". Empty leaves the
	// field out, which OpenAI's newer models want; answers of both kinds are
	// read whatever it says.
	ResponseFormat string

	// Seconds is the length of a video whose request names none; zero leaves it
	// to the upstream.
	Seconds int

	// ImageTimeout and VideoTimeout bound a submission from the first lookup to
	// the last byte of the answer. An image is made meanwhile, and a video too
	// where the upstream holds the call for it. Defaults: 5 min and 1 min.
	ImageTimeout, VideoTimeout time.Duration

	StatusTimeout time.Duration // one free call, such as a status call; default 20 s

	// ChatHeaderTimeout is how long the first byte of a chat answer may take;
	// an answer that is not streamed comes all at once, when it is complete.
	// Default 5 min. ChatIdleTimeout is the longest silence within an answer.
	// Default 2 min.
	ChatHeaderTimeout, ChatIdleTimeout time.Duration

	// AnswerBytes is the most that is read of an answer with images inside, as
	// it comes over the wire. Default 128 MiB.
	AnswerBytes int64

	// Network replaces parts of the connections.
	Network wire.Network
}

// Format is what shapes the upstream makes.
type Format struct {
	// Ratios gives the size, in pixels, that stands for each aspect ratio:
	// "16:9" → "1280x720". Another ratio is refused. Nil means OpenAI's own: for
	// images 1:1, 3:2 and 2:3, for videos 16:9 and 9:16. With an empty size the
	// ratio is sent as it is, in a field "ratio", which Tintype takes.
	Ratios map[string]string

	// Sizes are those that a request may name; empty means any.
	Sizes []string

	// MaxCount is how many images one request may ask for; zero means one.
	MaxCount int
}

// Driver speaks to one upstream. It is safe for concurrent use.
type Driver struct {
	base    string
	cfg     Config
	submits *http.Transport // a fresh connection for each request
	pooled  *http.Transport
	now     func() time.Time
}

var (
	_ upstream.Driver = (*Driver)(nil)
	_ upstream.Opener = (*Driver)(nil)
)

// New makes a driver. Its errors name the setting at fault.
func New(cfg Config) (*Driver, error) {
	cfg = cfg.withDefaults()
	base, err := wire.ParseBase(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	d := &Driver{base: base, cfg: cfg, now: time.Now}
	d.submits, d.pooled = cfg.Network.Transports()
	return d, nil
}

// Close ends idle connections. Calls that are running go on.
func (d *Driver) Close() {
	d.submits.CloseIdleConnections()
	d.pooled.CloseIdleConnections()
}

// imageSizes and videoSizes are OpenAI's own.
func imageSizes() map[string]string {
	return map[string]string{"1:1": "1024x1024", "3:2": "1536x1024", "2:3": "1024x1536"}
}

func videoSizes() map[string]string {
	return map[string]string{"16:9": "1280x720", "9:16": "720x1280"}
}

// ImageRatios are the aspect ratios that OpenAI's images have, the usual one first.
func ImageRatios() []string { return ratiosOf(imageSizes(), "1:1") }

// VideoRatios are those of its videos.
func VideoRatios() []string { return ratiosOf(videoSizes(), "16:9") }

func ratiosOf(sizes map[string]string, first string) []string {
	delete(sizes, first)
	return append([]string{first}, slices.Sorted(maps.Keys(sizes))...)
}

func (c Config) withDefaults() Config {
	if c.BaseURL == "" {
		c.BaseURL = BaseURL
	}
	if c.AnswerBytes <= 0 {
		c.AnswerBytes = 128 << 20
	}
	for _, s := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.ImageTimeout, 5 * time.Minute},
		{&c.VideoTimeout, time.Minute},
		{&c.StatusTimeout, 20 * time.Second},
		{&c.ChatHeaderTimeout, 5 * time.Minute},
		{&c.ChatIdleTimeout, 2 * time.Minute},
	} {
		if *s.value <= 0 {
			*s.value = s.def
		}
	}
	c.Image = c.Image.withDefaults(imageSizes())
	c.Video = c.Video.withDefaults(videoSizes())
	return c
}

// withDefaults also copies what the caller could change later.
func (f Format) withDefaults(ratios map[string]string) Format {
	f.Sizes, f.MaxCount = slices.Clone(f.Sizes), max(1, f.MaxCount)
	if f.Ratios != nil {
		ratios = maps.Clone(f.Ratios)
	}
	f.Ratios = ratios
	return f
}

func (c Config) check() error {
	switch {
	case !slices.Contains([]VideoShape{NoVideos, Videos, NewAPI}, c.Videos):
		return fmt.Errorf("videos: %q is not one of %q and %q", c.Videos, Videos, NewAPI)
	case !slices.Contains([]string{"", "url", "b64_json"}, c.ResponseFormat):
		return fmt.Errorf("response_format: %q is not one of \"url\" and \"b64_json\"", c.ResponseFormat)
	case !c.Chat && !c.Images && !c.Edits && c.Videos == NoVideos:
		return errors.New("none of chat, images, edits and videos is there: the upstream could be asked for nothing")
	case c.Thumbnails && c.Videos != Videos:
		return fmt.Errorf("thumbnails: only an upstream with videos %q has them", Videos)
	case c.Seconds < 0:
		return errors.New("seconds: it must not be less than zero")
	case c.Video.MaxCount > 1:
		return errors.New("max_count: a video comes alone")
	}
	return errors.Join(c.Image.check("image"), c.Video.check("video"))
}

func (f Format) check(kind string) error {
	for ratio, size := range f.Ratios {
		if size != "" && !isSize(size) {
			return fmt.Errorf("%s ratios: the size %q of %q is not like \"1024x1024\"", kind, size, ratio)
		}
	}
	for _, size := range f.Sizes {
		if !isSize(size) {
			return fmt.Errorf("%s sizes: %q is not like \"1024x1024\"", kind, size)
		}
	}
	return nil
}

// isSize tells whether a text is width and height in pixels.
func isSize(s string) bool {
	return regexp.MustCompile(`^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$`).MatchString(s)
}
