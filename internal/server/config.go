package server

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
)

// Config is all that a Server needs. Store, News, Ring, Blobs, Models, Drivers
// and Inputs are required; whoever made them closes them.
type Config struct {
	Store *redisstore.Store

	// News must be running ([redisstore.News.Run]), or waiters learn of no change.
	News *redisstore.News

	// Ring wakes the workers. Its errors are logged: the sweeper rings again.
	Ring func(context.Context, ...job.Bell) error

	Blobs blob.Store

	// Archive finds a final job whose record has left the store. Nil: none.
	Archive func(context.Context, job.ID) (*job.Job, error)

	Models  *upstream.Registry
	Drivers map[string]upstream.Driver // by the upstream's name

	// PassThroughMaxInFlight is how many jobs one credential of a caller's own
	// may run at once, by the upstream's name. Absent: 2.
	PassThroughMaxInFlight map[string]int

	Inputs *fetch.Client // fetches what callers name by URL

	Auth     Auth
	Wait     Wait
	Limits   Limits
	Jobs     JobTimes
	Repeats  Repeats
	Fairness Fairness
	Admin    Admin
	Webhooks Webhooks
	Shutdown Shutdown
	Delivery Delivery

	// FileRetention is how long an uploaded file is kept; a caller may ask for
	// less. Zero: 30 days.
	FileRetention time.Duration

	// CORSOrigins are the origins whose browsers may call; "*" means every
	// one. Empty: none.
	CORSOrigins []string

	// PublicURL is the origin, with or without a path, under which callers
	// reach this server: all links begin with it. Empty: as each request says
	// by its Host.
	PublicURL string

	// TrustForwarded believes X-Forwarded-Proto and X-Forwarded-Host where
	// there is no PublicURL.
	TrustForwarded bool

	Log     *slog.Logger
	Tracer  trace.Tracer         // of requests; nil: no spans
	Metrics *prometheus.Registry // served at /metrics; nil: a new one
	Version string               // told by /healthz
}

// WaitMode is how a blocking call is kept alive. Window needs Repeats.Absorb, or
// callers that send idempotency keys: by these the repeats find their job.
type WaitMode string

// The modes.
const (
	Keepalive WaitMode = "keepalive" // silence, then 200 and a space now and then, then the body
	Hold      WaitMode = "hold"      // silence until the status is known
	Window    WaitMode = "window"    // silence, then 409 so that the caller's SDK comes back
)

// Wait says how callers are kept waiting. Zero values mean the defaults.
type Wait struct {
	Mode      WaitMode      // Keepalive
	Silence   time.Duration // 15 s: before the first space of Keepalive; negative: none
	Space     time.Duration // 15 s: between two spaces
	Window    time.Duration // 50 s: before the 409 of Window
	MaxPrefer time.Duration // 300 s: the longest wait of "Prefer: wait" and of a long poll
	Recheck   time.Duration // 5 s: before a job is read again that could not be read
	Beat      time.Duration // 10 s: between two signs of life of a stream

	// Slack is how long after its job's deadline a caller is still kept, since
	// the end of a job takes a moment to be written. 30 s.
	Slack time.Duration
}

// Limits bound what comes from outside. Zero values mean the defaults.
type Limits struct {
	BodyBytes    int64         // 32 MiB: of a request's body
	BodyBudget   int64         // 512 MiB: for all bodies held at once; with what it takes to take them apart it may be four times that
	PromptRunes  int           // 4000: of a prompt; runes, so that Chinese has the same room
	ImageBytes   int64         // 10 MiB: of an input image, decoded
	ImagePixels  int           // 36 million: of an input image, width × height
	Messages     int           // 1024: of a chat request
	Parts        int           // 256: of one message's content; images in all messages of a chat
	Waiting      int           // 20,000: callers that wait in this process at once
	WaitingOfOne int           // 10,000: of them, those of one tenant
	FetchTime    time.Duration // 20 s: to fetch an input image
	ReadStall    time.Duration // 30 s: a caller's pause within its request's body; all of it may take that and a second for each 16 KiB
	WriteStall   time.Duration // 30 s: a caller's pause in reading what we send
	HeaderBytes  int           // 64 KiB: of a request's headers
	HeaderTime   time.Duration // 10 s: until a request's headers are there
	Connections  int           // 25,000: open at once; one more is closed as soon as it is there
}

// JobTimes is what a job is given. Zero values mean the defaults.
type JobTimes struct {
	ImageDeadline time.Duration // 10 min, from acceptance
	VideoDeadline time.Duration // 1 h, from acceptance
	ImageHarvest  time.Duration // 1 h, from the deadline: late media is still taken
	VideoHarvest  time.Duration // 6 h, from the deadline
	Retention     time.Duration // 7 days, from the final state

	// LeastRetention and MostRetention bound what a request may ask for in its
	// place. 1 h; Retention.
	LeastRetention, MostRetention time.Duration
}

// Repeats says how requests that come again are known. Zero values mean the
// defaults.
type Repeats struct {
	KeyFor time.Duration // 24 h: how long an idempotency key finds its job
	Absorb time.Duration // 10 min: how long after its end a job absorbs retries; negative: never

	// Secret keys the digests by which requests are known, the same in every
	// process. Empty: they are plain, and who reads the store can try prompts.
	Secret []byte
}

// Shutdown says how Run ends.
type Shutdown struct {
	// Delay is how long the server still takes new calls after /readyz began
	// to say no, so that load balancers can notice. Zero: none.
	Delay time.Duration
}

// DeliveryMode is how media links are served.
type DeliveryMode string

// The modes.
const (
	Proxy    DeliveryMode = "proxy"    // the bytes come through this server
	Redirect DeliveryMode = "redirect" // 302 to a presigned link of the store
)

// Delivery says how media links are served. The zero value means Proxy.
type Delivery struct {
	Mode      DeliveryMode
	Presigner blob.Presigner // required for Redirect
	TTL       time.Duration  // of a presigned link; zero: 15 min
}

func (c Config) withDefaults() Config {
	c.Wait = Wait{
		Mode:      cmp.Or(c.Wait.Mode, Keepalive),
		Silence:   cmp.Or(c.Wait.Silence, 15*time.Second),
		Space:     cmp.Or(c.Wait.Space, 15*time.Second),
		Window:    cmp.Or(c.Wait.Window, 50*time.Second),
		MaxPrefer: cmp.Or(c.Wait.MaxPrefer, 300*time.Second),
		Recheck:   cmp.Or(c.Wait.Recheck, 5*time.Second),
		Beat:      cmp.Or(c.Wait.Beat, 10*time.Second),
		Slack:     cmp.Or(c.Wait.Slack, 30*time.Second),
	}
	c.Limits = Limits{
		BodyBytes:    cmp.Or(c.Limits.BodyBytes, 32<<20),
		BodyBudget:   cmp.Or(c.Limits.BodyBudget, 512<<20),
		PromptRunes:  cmp.Or(c.Limits.PromptRunes, 4000),
		ImageBytes:   cmp.Or(c.Limits.ImageBytes, 10<<20),
		ImagePixels:  cmp.Or(c.Limits.ImagePixels, 36_000_000),
		Messages:     cmp.Or(c.Limits.Messages, 1024),
		Parts:        cmp.Or(c.Limits.Parts, 256),
		Waiting:      cmp.Or(c.Limits.Waiting, 20_000),
		WaitingOfOne: cmp.Or(c.Limits.WaitingOfOne, 10_000),
		FetchTime:    cmp.Or(c.Limits.FetchTime, 20*time.Second),
		ReadStall:    cmp.Or(c.Limits.ReadStall, 30*time.Second),
		WriteStall:   cmp.Or(c.Limits.WriteStall, 30*time.Second),
		HeaderBytes:  cmp.Or(c.Limits.HeaderBytes, 64<<10),
		HeaderTime:   cmp.Or(c.Limits.HeaderTime, 10*time.Second),
		Connections:  cmp.Or(c.Limits.Connections, 25_000),
	}
	c.Jobs = JobTimes{
		ImageDeadline: cmp.Or(c.Jobs.ImageDeadline, 10*time.Minute),
		VideoDeadline: cmp.Or(c.Jobs.VideoDeadline, time.Hour),
		ImageHarvest:  cmp.Or(c.Jobs.ImageHarvest, time.Hour),
		VideoHarvest:  cmp.Or(c.Jobs.VideoHarvest, 6*time.Hour),
		Retention:     cmp.Or(c.Jobs.Retention, 7*24*time.Hour),

		LeastRetention: cmp.Or(c.Jobs.LeastRetention, time.Hour),
		MostRetention:  cmp.Or(c.Jobs.MostRetention, c.Jobs.Retention, 7*24*time.Hour),
	}
	c.FileRetention = cmp.Or(c.FileRetention, 30*24*time.Hour)
	c.Repeats.KeyFor = cmp.Or(c.Repeats.KeyFor, 24*time.Hour)
	c.Repeats.Absorb = cmp.Or(c.Repeats.Absorb, 10*time.Minute)
	c.Delivery.Mode = cmp.Or(c.Delivery.Mode, Proxy)
	c.Delivery.TTL = cmp.Or(c.Delivery.TTL, 15*time.Minute)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	return c
}
