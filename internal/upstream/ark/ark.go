// Package ark is the driver for Volcengine Ark and BytePlus ModelArk: Doubao
// chat, Seedream images and Seedance video, over the official API with an API
// key.
//
// Images are made while the submit call waits and come back with it; a video is
// a task that is asked after with the key that created it. Links to media expire
// after 24 hours and are handed on verbatim.
//
// How a submission is sent once and no more is told in package wire. One whose
// answer is lost is ambiguous until the list of tasks shows the mark that a video's submission carries where its model takes
// one.
package ark

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// BaseURL is where the API of the Chinese region is.
const BaseURL = "https://ark.cn-beijing.volces.com/api/v3"

// Config is what a driver needs. Zero durations mean the default.
type Config struct {
	// BaseURL is the API's root with its version, without a slash at the end.
	// Empty means the constant BaseURL.
	BaseURL string

	// ImageTimeout and VideoTimeout bound a submission from the first lookup to
	// the last byte of the answer. An image is made meanwhile. Defaults: 3 min
	// and 1 min.
	ImageTimeout, VideoTimeout time.Duration

	StatusTimeout time.Duration // one free call, such as a status call; default 20 s

	// VisibilityLag is how long a new task may be missing from the list of
	// tasks. Nobody has documented it. Default 1 min; less than zero: none.
	VisibilityLag time.Duration

	// ChatHeaderTimeout is how long the first byte of a chat answer may take;
	// an answer that is not streamed comes all at once, when it is complete.
	// Default 5 min. ChatIdleTimeout is the longest silence within an answer.
	// Default 2 min.
	ChatHeaderTimeout, ChatIdleTimeout time.Duration

	// Families names the family of models whose ids do not tell it, such as
	// endpoint ids.
	Families map[string]Family

	// Settings changes what is asked of single models, by their ids.
	Settings map[string]Settings

	// Network replaces parts of the connections.
	Network wire.Network
}

// Settings are the choices that callers do not have. Zero values mean the
// family's default.
type Settings struct {
	Resolution string // video: "480p", "720p", "1080p", "4k"
	Seconds    int    // video: length; -1 lets the model choose, where it can

	// Audio asks for a video with sound, which costs more on some models. It
	// must be false for families without sound.
	Audio bool

	Size string // image: the tier, "1K", "2K", "3K" or "4K"; the ratio gives the shape
}

// Driver speaks to one installation of Ark. It is safe for concurrent use.
type Driver struct {
	base    string
	cfg     Config
	submits *http.Transport // a fresh connection for each request
	pooled  *http.Transport
	now     func() time.Time
}

var _ upstream.Driver = (*Driver)(nil)

// New makes a driver. Its errors name the setting at fault.
func New(cfg Config) (*Driver, error) {
	cfg = cfg.withDefaults()
	base, err := wire.ParseBase(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	cfg.Families, cfg.Settings = maps.Clone(cfg.Families), maps.Clone(cfg.Settings)
	d := &Driver{base: base, cfg: cfg, now: time.Now}
	d.submits, d.pooled = cfg.Network.Transports()
	for id, family := range cfg.Families {
		if _, ok := ProfileOf(id, family); !ok {
			return nil, fmt.Errorf("the family %q of model %q is unknown; known are %v", family, id, Families())
		}
	}
	for id, s := range cfg.Settings {
		if err := d.checkSettings(id, s); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Close ends idle connections. Calls that are running go on.
func (d *Driver) Close() {
	d.submits.CloseIdleConnections()
	d.pooled.CloseIdleConnections()
}

func (c Config) withDefaults() Config {
	if c.BaseURL == "" {
		c.BaseURL = BaseURL
	}
	if c.VisibilityLag == 0 {
		c.VisibilityLag = time.Minute
	}
	c.VisibilityLag = max(0, c.VisibilityLag)
	for _, s := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.ImageTimeout, 3 * time.Minute},
		{&c.VideoTimeout, time.Minute},
		{&c.StatusTimeout, 20 * time.Second},
		{&c.ChatHeaderTimeout, 5 * time.Minute},
		{&c.ChatIdleTimeout, 2 * time.Minute},
	} {
		if *s.value <= 0 {
			*s.value = s.def
		}
	}
	return c
}

// checkSettings compares settings with what the model's family can do.
func (d *Driver) checkSettings(id string, s Settings) error {
	p, known := d.lookup(id)
	if !known {
		return nil // the upstream will say
	}
	v := p.Video
	switch {
	case s.Size != "" && p.Image.Tiers[s.Size] == nil:
		return fmt.Errorf("model %q: size %q is not one of %v", id, s.Size, slices.Sorted(maps.Keys(p.Image.Tiers)))
	case s.Resolution != "" && !slices.Contains(v.Resolutions, s.Resolution):
		return fmt.Errorf("model %q: resolution %q is not one of %v", id, s.Resolution, v.Resolutions)
	case s.Seconds == -1 && !v.AutoSeconds:
		return fmt.Errorf("model %q cannot choose the length of a video itself", id)
	case s.Seconds != 0 && s.Seconds != -1 && (s.Seconds < v.MinSeconds || s.Seconds > v.MaxSeconds):
		return fmt.Errorf("model %q: a video of %d s is outside of %d to %d s", id, s.Seconds, v.MinSeconds, v.MaxSeconds)
	case s.Audio && !v.Audio:
		return fmt.Errorf("model %q makes no sound", id)
	}
	return nil
}

func (d *Driver) lookup(id string) (Profile, bool) {
	return ProfileOf(id, d.cfg.Families[id])
}

// profile gives what to ask of a model, also of one that nobody knows.
func (d *Driver) profile(id string, kind upstream.ModelKind) Profile {
	if p, ok := d.lookup(id); ok && p.Kind == kind {
		return p
	}
	return fallback(kind)
}
