package tintype

import (
	"encoding/json"
	"time"
)

// Job is one request for media and all that has become of it. All of its keys
// are always there, null where nothing is known yet, but for "n" and "missing", for
// "choices", which comes with success, and "error", which comes with failure:
// some readers take the mere presence of that key for one. Times are UTC.
type Job struct {
	ID     string `json:"id"`
	Object string `json:"object"` // ObjectJob
	Kind   Kind   `json:"kind"`
	Model  string `json:"model"`
	Status Status `json:"status"`
	Phase  Phase  `json:"phase"` // empty once the status is final

	// Progress is 0 to 100 percent, by milestones: no estimate of time. It is
	// 100 in StatusSucceeded only.
	Progress int `json:"progress"`

	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at"`  // the upstream accepted; nil before
	FinishedAt *time.Time `json:"finished_at"` // final; nil before
	Deadline   time.Time  `json:"deadline"`    // not final by then: failed with CodeGenerationTimeout
	ExpiresAt  time.Time  `json:"expires_at"`  // record and media are kept until then

	Queue *Queue `json:"queue"` // nil outside of the line
	ETA   *ETA   `json:"eta"`   // nil if too few jobs have been measured

	Media   []Media  `json:"media"`             // what was asked for, then the stills; grows while files are stored; never null
	Choices []Choice `json:"choices,omitempty"` // as in MediaResponse, once succeeded

	Usage     *MediaUsage  `json:"usage"`           // nil if the upstream counted nothing
	Error     *ErrorDetail `json:"error,omitempty"` // of a failed job, else nil
	Cancel    *Cancel      `json:"cancel"`          // nil if nobody asked
	Recovered bool         `json:"recovered"`       // succeeded after it had been given up

	// N is how many images were asked for, if more than one; Missing is set once the
	// upstream has made fewer of them. Both are left out else.
	N       int      `json:"n,omitempty"`
	Missing *Missing `json:"missing,omitempty"`

	// RecoverableUntil is when a job that has failed is really given up: its media
	// may still come, and the job succeeds then. Nil: nothing is waited for.
	RecoverableUntil *time.Time `json:"recoverable_until"`

	Webhook *WebhookState `json:"webhook"` // nil if nobody was to be told

	Timeline []Moment `json:"timeline"` // oldest first; never null
	URLs     JobURLs  `json:"urls"`
}

// MarshalJSON writes lists that are nil as empty ones.
func (j Job) MarshalJSON() ([]byte, error) {
	type plain Job
	if j.Media == nil {
		j.Media = []Media{}
	}
	if j.Timeline == nil {
		j.Timeline = []Moment{}
	}
	return json.Marshal(plain(j))
}

// Kind is what a job or a model makes.
type Kind string

// The kinds. A job is of the first two; chat is answered without a job.
const (
	KindImage Kind = "image"
	KindVideo Kind = "video"
	KindChat  Kind = "chat"
)

// Status is how far a job has come.
type Status string

// The statuses of a job.
const (
	StatusQueued    Status = "queued"    // accepted, not yet at the upstream
	StatusRunning   Status = "running"   // the upstream works on it, or is just being asked to
	StatusMirroring Status = "mirroring" // the media is being copied to the server's bucket
	StatusSucceeded Status = "succeeded" // final; Media is complete
	StatusFailed    Status = "failed"    // final, but that media which comes late may still recover it
	StatusCanceled  Status = "canceled"  // final
)

// Final tells whether s is one of the three last statuses.
func (s Status) Final() bool {
	switch s {
	case StatusSucceeded, StatusFailed, StatusCanceled:
		return true
	case StatusQueued, StatusRunning, StatusMirroring:
	}
	return false
}

// Phase is what is being done for a job at the moment.
type Phase string

// The phases of a job, in their order.
const (
	PhaseQueued     Phase = "queued"     // waiting, in the server's line or, when running, in the upstream's
	PhaseSubmitting Phase = "submitting" // being handed to the upstream
	PhaseGenerating Phase = "generating" // being made
	PhaseMirroring  Phase = "mirroring"  // being copied to the server's bucket
)

// Missing tells of images that were asked for and that the upstream has not made.
type Missing struct {
	N       int    `json:"n"`       // how many
	Message string `json:"message"` // why, as far as the upstream has said so
}

// Queue is a job's place in the line.
type Queue struct {
	Position int `json:"position"` // jobs ahead of this one, for this caller
	Depth    int `json:"depth"`    // jobs in the line

	// Reason says why more jobs are ahead than when it was last asked for:
	// "fair_share", others came who have had less. Empty otherwise.
	Reason string `json:"reason,omitempty"`
}

// ETA says when a job should be done, going by jobs measured before.
type ETA struct {
	P50At time.Time `json:"p50_at"` // half of such jobs were done by then
	P90At time.Time `json:"p90_at"` // nine in ten
	N     int       `json:"n"`      // how many were measured
}

// Media is one file of a job, stored in the server's bucket.
type Media struct {
	ID       string  `json:"id"`                         // unique within the job
	Type     string  `json:"type"`                       // like "image/png", by the bytes
	URL      string  `json:"url"`                        // on the API's own origin; needs no key
	CoverURL string  `json:"cover_url,omitempty"`        // a still of a film; empty if there is none
	Bytes    int64   `json:"bytes"`                      // size of the file
	SHA256   string  `json:"sha256"`                     // of the file, lower-case hex
	Width    int     `json:"width,omitempty"`            // pixels; zero if unknown
	Height   int     `json:"height,omitempty"`           // pixels; zero if unknown
	Duration float64 `json:"duration_seconds,omitempty"` // seconds; zero for an image
	FPS      float64 `json:"fps,omitempty"`              // frames a second; zero if unknown
}

// Cancel tells of a wish to cancel and what came of it.
type Cancel struct {
	RequestedAt time.Time     `json:"requested_at"`
	Outcome     CancelOutcome `json:"outcome,omitempty"` // empty while the upstream is asked
	Billing     Billing       `json:"billing,omitempty"` // empty while the upstream is asked
}

// CancelOutcome is what came of a wish to cancel.
type CancelOutcome string

// The outcomes of a wish to cancel.
const (
	CancelBeforeSubmit CancelOutcome = "before_submit"        // the upstream never heard of the job
	CancelConfirmed    CancelOutcome = "upstream_confirmed"   // the upstream stopped
	CancelUnsupported  CancelOutcome = "upstream_unsupported" // the upstream cannot stop
	CancelTooLate      CancelOutcome = "too_late"             // it was made already
)

// Billing says whether a canceled job costs money at the upstream.
type Billing string

// What a canceled job may cost.
const (
	BillingNone     Billing = "none"
	BillingPossible Billing = "possible"
	BillingCharged  Billing = "charged"
)

// Moment is one line of a job's history.
type Moment struct {
	Event EventType `json:"event"`
	At    time.Time `json:"at"`
}

// JobURLs are the addresses of a job, absolute. An empty one is not offered.
type JobURLs struct {
	Get     string `json:"get"`
	Events  string `json:"events,omitempty"`
	Cancel  string `json:"cancel,omitempty"`
	Content string `json:"content,omitempty"` // the first of Media, with the key; the others are behind 1, 2 and so on in place of its 0
}

// EventType names what happened to a job.
type EventType string

// The types of events.
const (
	EventQueued    EventType = "job.queued"
	EventAdmitted  EventType = "job.admitted"  // it left the line
	EventSubmitted EventType = "job.submitted" // the upstream accepted
	EventProgress  EventType = "job.progress"
	EventMedia     EventType = "job.media" // one file is stored
	EventSucceeded EventType = "job.succeeded"
	EventFailed    EventType = "job.failed"
	EventCanceled  EventType = "job.canceled"
	EventRecovered EventType = "job.recovered" // succeeded after it had failed

	// EventGap stands for events that the server no longer has; its Job is
	// the state after them.
	EventGap EventType = "gap"
)

// Event is one entry of a job's log.
type Event struct {
	// Seq numbers the log from 1. It is the cursor to go on from. Zero for an
	// event that is shown but not kept, like an estimate that changed.
	Seq  int64     `json:"seq"`
	Type EventType `json:"type"`
	Time time.Time `json:"time"`
	Job  Job       `json:"job"` // right after the event
}
