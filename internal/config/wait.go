package config

import (
	"net/netip"
	"time"
)

// Wait is how a call waits for its job.
type Wait struct {
	// Mode is how a blocking call waits: keepalive (spaces before the answer),
	// hold (silence), window (409, upon which OpenAI's SDKs come back to the same
	// job; needs retention.absorb).
	Mode WaitMode `yaml:"mode" default:"keepalive"`

	// Silence is how long a keepalive call stays able to fail with a true HTTP
	// status, before its first space.
	Silence time.Duration `yaml:"silence" default:"15s" range:"0s..10m"`

	// Interval is the time between two spaces. Below the shortest timeout of
	// any proxy on the way; nginx has 60s.
	Interval time.Duration `yaml:"interval" default:"15s" range:"1s..5m"`

	// Window is when a window call answers 409.
	Window time.Duration `yaml:"window" default:"50s" range:"1s..10m"`

	// MaxPrefer is the longest wait that a caller may ask for.
	MaxPrefer time.Duration `yaml:"max_prefer" default:"300s" range:"1s..1h"`

	// SSEHeartbeat is the time between two signs of life on a stream.
	SSEHeartbeat time.Duration `yaml:"sse_heartbeat" default:"10s" range:"1s..5m"`

	// Recheck is how often a process looks whether the jobs that are waited for have
	// changed without news of it: a lost wake-up costs no more than this.
	Recheck time.Duration `yaml:"recheck" default:"5s" range:"100ms..1m"`
}

// WaitMode is how a blocking call waits.
type WaitMode string

// The ways to wait.
const (
	Keepalive WaitMode = "keepalive"
	Hold      WaitMode = "hold"
	Window    WaitMode = "window"
)

func (WaitMode) values() []string { return texts(Keepalive, Hold, Window) }

// Limits bound what one request may bring and what one process holds.
type Limits struct {
	// Body is the largest request body. nginx in front has its own: 1 MB.
	Body Size `yaml:"body" default:"32MiB" range:"64KiB..256MiB"`

	// BodyBudget is how much memory one API process sets aside for request bodies
	// at once; whoever comes then is told to come back. With what it takes to take
	// them apart it may be four times that. At least twice Body.
	BodyBudget Size `yaml:"body_budget" default:"512MiB" range:"64KiB..64GiB"`

	// HeaderBytes is the largest request head.
	HeaderBytes Size `yaml:"header_bytes" default:"64KiB" range:"4KiB..1MiB"`

	// ReadStall is a caller's longest pause within its request's body; all of it
	// may take that and a second for each 16 KiB.
	ReadStall time.Duration `yaml:"read_stall" default:"30s" range:"1s..10m"`

	// WriteStall is a caller's longest pause in reading what we send.
	WriteStall time.Duration `yaml:"write_stall" default:"30s" range:"1s..10m"`

	// Connections is how many connections one API process has open at once. One
	// more is closed as soon as it is there. At least WaitingPerProcess.
	Connections int `yaml:"connections" default:"25000" range:"1..1000000"`

	// PromptRunes is the longest prompt, in runes.
	PromptRunes int `yaml:"prompt_runes" default:"4000" range:"1..1000000"`

	// ImageBytes is the largest input image, decoded from base64.
	ImageBytes Size `yaml:"image_bytes" default:"10MiB" range:"1KiB..64MiB"`

	// ImagePixels is width × height of the largest input image.
	ImagePixels int `yaml:"image_pixels" default:"36000000" range:"1000..1000000000"`

	// ChatMessages is the most messages of one chat request.
	ChatMessages int `yaml:"chat_messages" default:"1024" range:"1..100000"`

	// WaitingPerProcess is how many calls and streams one API process lets wait
	// at once; more are told to come back.
	WaitingPerProcess int `yaml:"waiting_per_process" default:"20000" range:"1..1000000"`

	// WaitingPerTenant is how many of them one credential may have.
	WaitingPerTenant int `yaml:"waiting_per_tenant" default:"10000" range:"1..1000000"`
}

// Fetch is how input images are got from the URLs that callers give.
type Fetch struct {
	// AllowPrivate are networks in CIDR notation that may be fetched from
	// although they are private. Empty: none.
	AllowPrivate []netip.Prefix `yaml:"allow_private"`

	// Timeout is the time for one image.
	Timeout time.Duration `yaml:"timeout" default:"20s" range:"1s..5m"`

	// MaxRedirects is how many redirects are followed, each checked anew.
	MaxRedirects int `yaml:"max_redirects" default:"3" range:"0..10"`
}
