// Package job is the domain of the service: what a generation job is, which
// states it passes through and what is written down about it.
//
//	queued ──admission──► submitting ──accepted──► running ──ready──► mirroring ──► succeeded
//	   └───────────────────────┴───────────────────────┴──────────────────┴───────► failed · canceled
//
// A job is accepted as Queued and waits in a line until admission gives it a
// slot on an account. A worker writes a fence, submits it to the upstream once,
// and from then on the job belongs to that account: it is polled, its media is
// copied into the bucket, and it ends in one final state. An upstream whose
// submit call itself returns the media skips Running. Each change appends an
// [Event]; the log is what callers follow. What the upstream may still make for
// a job that is final is harvested: see [Harvest].
//
// The package does no I/O and imports only fault and the standard library.
// redisstore keeps the jobs.
package job

import (
	"cmp"
	"fmt"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
)

// Kind is what a job makes.
type Kind string

// The kinds of media.
const (
	Image Kind = "image"
	Video Kind = "video"
)

// State is how far a job has come. The package comment has the diagram.
type State string

// The states of a job.
const (
	Queued     State = "queued"     // accepted; waiting for a slot, or holding one with the bell rung
	Submitting State = "submitting" // fence written; the POST may be on the wire
	Running    State = "running"    // the upstream has it; a worker polls
	Mirroring  State = "mirroring"  // the media is being copied to our bucket
	Succeeded  State = "succeeded"  // final; Media is complete
	Failed     State = "failed"     // final; Failure is set
	Canceled   State = "canceled"   // final
)

// Final tells whether a state is one of the three last ones.
func (s State) Final() bool {
	switch s {
	case Succeeded, Failed, Canceled:
		return true
	case Queued, Submitting, Running, Mirroring:
	}
	return false
}

// Place is a model at an upstream.
type Place struct {
	Upstream      string `json:"upstream"`
	UpstreamModel string `json:"upstream_model"`
}

// Priority is a job's place among its like.
type Priority string

// The priorities.
const (
	High   Priority = "high"
	Normal Priority = "normal"
	Low    Priority = "low"
)

// Spec is what the caller asked for, validated and with every default filled
// in. It never changes once the job is accepted.
type Spec struct {
	Kind   Kind   `json:"kind"`
	Model  string `json:"model"`  // the public name, as the caller wrote it
	Prompt string `json:"prompt"` // as the caller wrote it

	Upstream      string `json:"upstream"`       // name in the configuration
	UpstreamModel string `json:"upstream_model"` // the upstream's own model id

	Ratio string `json:"ratio,omitempty"` // "16:9"; empty: the upstream follows the input image
	Style string `json:"style,omitempty"` // images; empty: none

	// Fallbacks are where else the same may be had, in order. Upstream and
	// UpstreamModel are those that the job is at; it moves on only while nothing was
	// created for it.
	Fallbacks []Place `json:"fallbacks,omitempty"`

	// Input is the reference image, already fetched, checked and stored.
	Input *Input `json:"input,omitempty"`

	// References are the further reference images, and LastFrame the image that
	// a video ends with. Stored like Input.
	References []Input `json:"references,omitempty"`
	LastFrame  *Input  `json:"last_frame,omitempty"`

	// The rest is empty or zero where the caller said nothing: then the model's
	// configured value counts, or else the upstream's own.

	Size           string `json:"size,omitempty"`       // "1024x1024"; pixels, width first
	Count          int    `json:"n,omitempty"`          // how many images
	Seed           *int64 `json:"seed,omitempty"`       // of the upstream's dice
	Resolution     string `json:"resolution,omitempty"` // "2K", "720p"
	Seconds        int    `json:"seconds,omitempty"`    // length of a video
	NegativePrompt string `json:"negative_prompt,omitempty"`

	// Trace is where the caller's trace stands, as in the header traceparent. Empty:
	// the job belongs to none.
	Trace string `json:"trace,omitempty"`

	// Webhook is where the caller wants to be told. Nil: nowhere but at its
	// tenant's own endpoints.
	Webhook *Webhook `json:"webhook,omitempty"`
}

// Inputs gives all input images.
func (s Spec) Inputs() []Input {
	var all []Input
	if s.Input != nil {
		all = append(all, *s.Input)
	}
	all = append(all, s.References...)
	if s.LastFrame != nil {
		all = append(all, *s.LastFrame)
	}
	return all
}

// Class names the jobs that take about as long as this one: the same model and
// size.
func (s Spec) Class() string {
	return fmt.Sprintf("%s|%s|%s|%d|%d", s.Kind, s.UpstreamModel, cmp.Or(s.Size, s.Resolution), s.Seconds, s.Count)
}

// Input is a reference image in our bucket.
type Input struct {
	Key         string `json:"key"`
	ContentType string `json:"content_type"`
	SizeBytes   int64  `json:"size_bytes"`
	Width       int    `json:"width,omitempty"` // zero if the format hides it
	Height      int    `json:"height,omitempty"`
}

// Job is one request for media and all that has become of it, as it stands in
// the store. Times are UTC to the millisecond and come from the store's clock.
type Job struct {
	ID     ID
	Tenant string // who asked; only this tenant sees the job
	Spec   Spec
	State  State

	// Version counts the changes, from 1. It is also the sequence number of
	// the newest event.
	Version int64

	// Secret is the unguessable part of the job's media links.
	Secret string

	// Account holds the job's slot, from admission to the final state or the end
	// of the harvest behind it; Fence is
	// the number of the last submission that was begun, zero before the first.
	Account string
	Fence   int64

	// UpstreamID is the upstream's own task name, set when the submit was
	// accepted. Jobs of upstreams that answer at once have a request id or
	// nothing here.
	UpstreamID string

	// Phase is the upstream's own word for what it does, of a closed set:
	// "queued" or "generating". Empty outside of Running.
	Phase Phase

	// Sources are the upstream's links to the media, set on Mirroring.
	Sources []Source

	// Media grows while the job is mirrored, in the order of Sources.
	Media []Media

	Usage   *Usage       // what the upstream says it counted; nil if it said nothing
	Failure *fault.Error // set in Failed
	Cancel  *Cancel      // nil as long as nobody wants it canceled

	// Webhooks is how its deliveries stand; nil if there were none. The log knows
	// nothing of them.
	Webhooks *WebhookState

	// UpstreamTook is how long the upstream says that it took; zero if it does not.
	UpstreamTook time.Duration

	// Recovered: it had failed, and its media came late.
	Recovered bool

	// Harvest is what goes on after the final state, until HarvestUntil at the
	// latest. HarvestUntil is set from the beginning.
	Harvest      Harvest
	HarvestUntil time.Time

	// Removed: it has expired or was deleted. For its caller it is gone, and it is
	// kept only until all of it can go.
	Removed bool

	// DoubtTold: that the outcome of its last submission is not known was counted and
	// logged.
	DoubtTold bool

	// AdmittedAt is when the job was given a slot, the last time if it was several
	// times. ExpectedBy is by when it was first said to be done with nine chances in
	// ten. Zero: not yet.
	AdmittedAt time.Time
	ExpectedBy time.Time

	CreatedAt   time.Time
	BegunAt     time.Time // its last submission was begun; zero before
	SubmittedAt time.Time // the upstream accepted; zero before
	ReadyAt     time.Time // its media was found to be made; zero before, and where the submission's answer had it
	FinishedAt  time.Time // final; zero before
	Deadline    time.Time // not final by then: failed with fault.GenerationTimeout
	ExpiresAt   time.Time // the record and its media are kept until then
}

// Phase is what an upstream does with a job that it accepted.
type Phase string

// The phases of a running job.
const (
	PhaseQueued     Phase = "queued"     // accepted, waiting at the upstream
	PhaseGenerating Phase = "generating" // being made
)

// Role is what one stored file is to its job.
type Role string

// The roles of media.
const (
	Primary Role = "primary" // the image or the video itself
	Cover   Role = "cover"   // a still that stands for a video
)

// Source is one file at the upstream, waiting to be mirrored.
type Source struct {
	Role Role   `json:"role"`
	URL  string `json:"url,omitempty"` // used verbatim; expires

	// Key is where the file waits in our own bucket, for upstreams that send
	// bytes instead of a link. Then URL is empty.
	Key string `json:"key,omitempty"`

	// Data is the file as such an upstream sent it. It is put under Key before
	// anything is written down, and never reaches the store of jobs.
	Data []byte `json:"-"`
}

// Media is one stored file with its facts.
type Media struct {
	Name        string        `json:"name"` // "image-0.png"; the last segment of its key and its link
	Key         string        `json:"key"`  // object key in the bucket
	Role        Role          `json:"role"`
	ContentType string        `json:"content_type"` // sniffed from the bytes, never the upstream's claim
	SizeBytes   int64         `json:"size_bytes"`
	SHA256      string        `json:"sha256"` // lower-case hex
	Width       int           `json:"width,omitempty"`
	Height      int           `json:"height,omitempty"`
	Duration    time.Duration `json:"duration_ns,omitempty"` // zero for an image
	FPS         float64       `json:"fps,omitempty"`         // zero if unknown
}

// Usage is what the upstream counted for a job.
type Usage struct {
	OutputTokens int64 `json:"output_tokens,omitempty"`
	TotalTokens  int64 `json:"total_tokens,omitempty"`
	Images       int64 `json:"images,omitempty"`

	// Missed says to the caller why there are fewer images than were asked for, if
	// the upstream has said so.
	Missed string `json:"missed,omitempty"`
}

// Missing gives the usage, which may be nil, with why images are missing.
func (u *Usage) Missing(why string) *Usage {
	var v Usage
	if u != nil {
		v = *u
	}
	v.Missed = why
	return &v
}

// Short is how many of the images that were asked for the upstream has not made;
// zero until the job has succeeded.
func (j *Job) Short() int {
	if j.State != Succeeded {
		return 0
	}
	return max(0, j.Spec.Count-len(j.Primaries()))
}

// Dir is the folder of a job's objects in the bucket.
func (id ID) Dir() string { return "jobs/" + string(id) + "/" }

// Primaries are the media that the caller asked for, in order.
func (j *Job) Primaries() []Media { return j.withRole(Primary) }

// Covers are the stills of the media, in order.
func (j *Job) Covers() []Media { return j.withRole(Cover) }

func (j *Job) withRole(r Role) []Media {
	var out []Media
	for _, m := range j.Media {
		if m.Role == r {
			out = append(out, m)
		}
	}
	return out
}

// FirstEvents is the log of a job that has just been accepted and was given a
// slot in the same moment. Nil for every other: its log has to be read.
func (j *Job) FirstEvents() []Event {
	const accepted, admitted = 1, 2
	if j.State != Queued || j.Account == "" || j.Version != admitted {
		return nil
	}
	return []Event{
		{Seq: accepted, Type: EventQueued, Time: j.CreatedAt, State: Queued},
		{Seq: admitted, Type: EventAdmitted, Time: j.CreatedAt, State: Queued},
	}
}
