package config

import (
	"time"

	"github.com/tintypehq/tintype/internal/account"
)

// DefaultArkURL is Ark's API in mainland China.
const DefaultArkURL = "https://ark.cn-beijing.volces.com/api/v3"

// Upstream is one service that generates.
type Upstream struct {
	// Name is how models refer to it; unique.
	Name string `yaml:"name"`

	// Driver is the protocol: ark, openai for anything with OpenAI's API, doubaoweb
	// for the sessions of Doubao's web chat (unofficial: see the README), or sim for
	// the built-in simulator of `tintype run`.
	Driver Driver `yaml:"driver" default:"ark"`

	OpenAI OpenAI `yaml:"openai"`

	// Profile is a YAML file with what is other than in the built-in profile of the
	// driver doubaoweb's protocol. Empty: nothing.
	Profile string `yaml:"profile"`

	// BaseURL is the root of its API. Empty: DefaultArkURL for ark,
	// DefaultOpenAIURL for openai; the
	// simulator's own for sim, known only once it runs.
	BaseURL string `yaml:"base_url"`

	// AllowPrivate lets its API and its media links be on private addresses,
	// and its API speak plain HTTP.
	AllowPrivate bool `yaml:"allow_private" default:"false"`

	// PassThroughMaxInFlight is how many jobs one passed-through credential may
	// run at once.
	PassThroughMaxInFlight int `yaml:"pass_through_max_in_flight" default:"2" range:"1..1000"`

	OnUnknown OnUnknown `yaml:"on_unknown"`

	// VisibilityLag is how long the upstream may leave a new job out of its
	// list. A submission whose answer was lost counts as never accepted only if
	// it is still not listed after that. Too short, and it is paid for twice.
	VisibilityLag time.Duration `yaml:"visibility_lag" default:"60s" range:"0s..10m"`

	// Accounts are the pool. Empty: only passed-through credentials work.
	Accounts []Account `yaml:"accounts"`
}

// Driver is a protocol of an upstream.
type Driver string

// The drivers.
const (
	ArkDriver    Driver = "ark"
	OpenAIDriver Driver = "openai"
	DoubaoWeb    Driver = "doubaoweb"
	SimDriver    Driver = "sim" // the ark protocol, spoken to our own simulator
)

func (Driver) values() []string { return texts(ArkDriver, OpenAIDriver, DoubaoWeb, SimDriver) }

// arks tells whether the upstream has Ark's models.
func (d Driver) arks() bool { return d == ArkDriver || d == SimDriver }

// OnUnknown is what happens to a job whose submission may or may not have
// been accepted.
type OnUnknown struct {
	// Image and Video are fail (say so) or resubmit (maybe paying twice).
	Image OnUnknownMode `yaml:"image" default:"fail"`
	Video OnUnknownMode `yaml:"video" default:"fail"`
}

// OnUnknownMode is what happens after an unknown outcome.
type OnUnknownMode string

// What happens after an unknown outcome.
const (
	Fail     OnUnknownMode = "fail"
	Resubmit OnUnknownMode = "resubmit"
)

func (OnUnknownMode) values() []string { return texts(Fail, Resubmit) }

// Account is one credential of the pool.
type Account struct {
	// ID names the account in logs, metrics and jobs; unique over all
	// upstreams and stable, since running jobs refer to it.
	ID string `yaml:"id"`

	// Key is the credential.
	Key account.Secret `yaml:"key"`

	// MaxInFlight is how many jobs it may run at once.
	MaxInFlight int `yaml:"max_in_flight" default:"10" range:"1..1000"`

	// Models are the upstream's model ids that it may use. Empty: all.
	Models []string `yaml:"models"`

	// Image and Video are limits for its jobs of one kind.
	Image KindLimits `yaml:"image"`
	Video KindLimits `yaml:"video"`

	// RequestsPerMinute is how many jobs may begin on it in a minute, spread over
	// it. 0: no limit.
	RequestsPerMinute int `yaml:"requests_per_minute" default:"0" range:"0..60000"`

	// MinGap is the least time between the beginnings of two of its jobs.
	MinGap time.Duration `yaml:"min_gap" default:"0s" range:"0s..10m"`

	// QuotaReset is the time of day at which the daily quotas begin anew, as
	// hours and minutes, in QuotaZone, the name of a time zone.
	QuotaReset string `yaml:"quota_reset" default:"00:00"`
	QuotaZone  string `yaml:"quota_zone" default:"UTC"`

	// Weight is its share of the work beside the others of its upstream.
	Weight int `yaml:"weight" default:"1" range:"1..100"`

	// Cookies, Headers and Query are texts "name=value" from the operator's own
	// browser, for the driver doubaoweb. They count from the next start on.
	Cookies []account.Secret `yaml:"cookies"`
	Headers []account.Secret `yaml:"headers"`
	Query   []account.Secret `yaml:"query"`

	// Note is the operator's own, shown beside the account.
	Note string `yaml:"note"`

	// Enabled false keeps the account for the jobs that it has and gives it no
	// new ones.
	Enabled bool `yaml:"enabled" default:"true"`
}

// KindLimits bound an account's jobs of one kind. 0: no limit.
type KindLimits struct {
	// MaxInFlight is how many of the account's max_in_flight they may be.
	MaxInFlight int `yaml:"max_in_flight" default:"0" range:"0..1000"`

	// Daily is how many may begin until the next reset.
	Daily int `yaml:"daily" default:"0" range:"0..1000000"`
}

// reset reads QuotaReset and QuotaZone.
func (a Account) reset() (account.Reset, error) {
	at, err := time.Parse("15:04", a.QuotaReset)
	if err != nil {
		return account.Reset{}, err
	}
	zone, err := time.LoadLocation(a.QuotaZone)
	return account.Reset{At: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, Zone: zone}, err
}

// Account gives the account as it is used.
func (a Account) Account(upstream string) account.Account {
	reset, _ := a.reset() // checked at the start
	return account.Account{
		ID: a.ID, Upstream: upstream, Secret: a.Key, MaxInFlight: a.MaxInFlight, Models: a.Models, Disabled: !a.Enabled,
		Weight: a.Weight, PerMinute: a.RequestsPerMinute, Gap: a.MinGap, Reset: reset, Note: a.Note,
		Kinds: map[string]account.KindLimits{
			"image": {MaxInFlight: a.Image.MaxInFlight, Daily: a.Image.Daily},
			"video": {MaxInFlight: a.Video.MaxInFlight, Daily: a.Video.Daily},
		},
	}
}

// Model is one public name and what stands behind it.
type Model struct {
	// Name is how callers write it; unique. It may hold spaces.
	Name string `yaml:"name"`

	// Aliases are other names for the same.
	Aliases []string `yaml:"aliases"`

	// Kind is chat, image or video. Required.
	Kind ModelKind `yaml:"kind"`

	// Upstream is the name of one. Empty: the only one there is.
	Upstream string `yaml:"upstream"`

	// ID is the upstream's model id, or an endpoint id (ep-…). Required.
	ID string `yaml:"id"`

	// Fallbacks are where else it is to be had, in order: taken when the upstream
	// before cannot serve a job, and only while nothing was created for it. Callers
	// may ask for what all of them can. Not for chat.
	Fallbacks []Fallback `yaml:"fallbacks"`

	// Family is which model this is, as far as its abilities go. Empty: told
	// from ID; an endpoint id does not tell it.
	Family Family `yaml:"family"`

	// Default makes this the model of requests that name none. Without one,
	// the first of its kind is.
	Default bool `yaml:"default" default:"false"`

	// Ratios are the aspect ratios that callers may ask for, such as 16:9. The
	// default is 1:1, of videos 16:9, or the first where that is not among them.
	// Empty: all of the family. Not for chat.
	Ratios []string `yaml:"ratios"`

	// Resolution is the size that is asked for: 1K, 2K, 3K or 4K for images,
	// 480p, 720p, 1080p or 4k for videos. Empty: the family's default.
	Resolution string `yaml:"resolution"`

	// Duration is the length of videos, whole seconds. 0s: the family's default.
	Duration time.Duration `yaml:"duration" default:"0s" range:"0s..30s"`

	// Resolutions and Durations are those that callers may ask for, of what the
	// model has. Empty: all of it. A request that names none gets Resolution and
	// Duration, which have to be among them, or else the family's default, or the
	// first one here where that is not among them. A size in pixels goes by its
	// resolution.
	Resolutions []string        `yaml:"resolutions"`
	Durations   []time.Duration `yaml:"durations"`

	// MaxN is how many images one request may ask for (n). 0: as many as the model
	// makes at once.
	MaxN int `yaml:"max_n" default:"0" range:"0..4"`

	// GenerateAudio gives videos sound where the family can; Ark charges about
	// double for it.
	GenerateAudio bool `yaml:"generate_audio" default:"false"`

	// Thinking is for chat: disabled, enabled or auto, where the request does
	// not say.
	Thinking Thinking `yaml:"thinking" default:"disabled"`
}

// Fallback is a model at another upstream.
type Fallback struct {
	Upstream string `yaml:"upstream"` // the name of one
	ID       string `yaml:"id"`       // its model id
}

// ModelKind is what a model makes.
type ModelKind string

// The kinds of models.
const (
	ChatModel  ModelKind = "chat"
	ImageModel ModelKind = "image"
	VideoModel ModelKind = "video"
)

func (ModelKind) values() []string { return texts(ChatModel, ImageModel, VideoModel) }

// Thinking is whether a chat model thinks before it answers.
type Thinking string

// Whether a chat model thinks.
const (
	ThinkingDisabled Thinking = "disabled"
	ThinkingEnabled  Thinking = "enabled"
	ThinkingAuto     Thinking = "auto"
)

func (Thinking) values() []string { return texts(ThinkingDisabled, ThinkingEnabled, ThinkingAuto) }
