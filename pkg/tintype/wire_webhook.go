package tintype

import (
	"encoding/json"
	"time"
)

// WebhookEvent is what a receiver is sent. [VerifyWebhook] gives one.
type WebhookEvent struct {
	// ID is the same in every try of the event, and for every receiver of it: a
	// receiver that has seen it has nothing more to do. It is not in the body.
	ID string `json:"-"`

	Type      EventType `json:"type"`
	Timestamp time.Time `json:"timestamp"` // of the event, not of the try

	// Data is the job right after the event. Of a job that was deleted meanwhile it
	// holds no more than ID, Object and Status.
	Data Job `json:"data"`

	// Truncated names what had to be left out to keep the body below 20 kB, like
	// "data.timeline". Data.URLs.Get has all of it.
	Truncated []string `json:"truncated,omitempty"`
}

// EventWebhookTest is the type of the event that a test of an endpoint sends. Its
// Data is no job.
const EventWebhookTest EventType = "webhook.test"

// WebhookState is how the deliveries of a job's events stand.
type WebhookState struct {
	Pending   int `json:"pending"` // still to be made, or to be tried again
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"` // given up

	LastFailure *WebhookAttempt `json:"last_failure"` // nil if no try has failed
}

// WebhookAttempt is one try of a delivery.
type WebhookAttempt struct {
	At         time.Time `json:"at"`
	Status     int       `json:"status"` // of HTTP; 0 if there was no answer
	Error      *string   `json:"error"`  // nil if it was taken
	DurationMS int64     `json:"duration_ms"`

	// Delivery names the delivery, where the attempt stands apart from it.
	Delivery string `json:"delivery,omitempty"`
}

// ObjectWebhookDelivery and ObjectWebhookEndpoint tell what an object is.
const (
	ObjectWebhookDelivery = "webhook_delivery"
	ObjectWebhookEndpoint = "webhook_endpoint"
)

// WebhookDelivery is one event on its way to one receiver:
// GET /v1/jobs/{id}/deliveries.
type WebhookDelivery struct {
	ID       string    `json:"id"` // unique within the job
	Object   string    `json:"object"`
	EventID  string    `json:"event_id"` // what the receiver knows it by
	Type     EventType `json:"type"`
	Endpoint *string   `json:"endpoint"` // nil: the job's own webhook_url
	Status   string    `json:"status"`   // pending, delivered or failed

	CreatedAt   time.Time        `json:"created_at"`
	NextAt      *time.Time       `json:"next_attempt_at"` // nil once it is not pending
	FinishedAt  *time.Time       `json:"finished_at"`
	AttemptsAll int              `json:"attempt_count"`
	Attempts    []WebhookAttempt `json:"attempts"` // the newest 20, oldest first
}

// MarshalJSON writes a list that is nil as an empty one.
func (d WebhookDelivery) MarshalJSON() ([]byte, error) {
	type plain WebhookDelivery
	if d.Attempts == nil {
		d.Attempts = []WebhookAttempt{}
	}
	return json.Marshal(plain(d))
}

// WebhookEndpoint is where a credential's jobs are told of: /v1/webhooks.
type WebhookEndpoint struct {
	ID          string      `json:"id"`
	Object      string      `json:"object"`
	URL         string      `json:"url"`
	Description string      `json:"description"`
	Events      []EventType `json:"events"`
	Status      string      `json:"status"`          // WebhookEnabled or WebhookDisabled
	Reason      string      `json:"disabled_reason"` // "gone": it answered 410; empty otherwise
	CreatedAt   time.Time   `json:"created_at"`

	// Secret is there once, in the answer that made it.
	Secret string `json:"secret,omitempty"`

	// OldSecretUntil is until when the secret before signs, too; nil outside of a
	// rotation.
	OldSecretUntil *time.Time `json:"old_secret_until"`
}

// WebhookEnabled and WebhookDisabled are whether an endpoint is told of anything.
// What happens while it is disabled it is not told of later, and what was still to
// be delivered there fails.
const (
	WebhookEnabled  = "enabled"
	WebhookDisabled = "disabled"
)

// WebhookRequest makes an endpoint: POST /v1/webhooks.
type WebhookRequest struct {
	// URL is where events are sent. Required: https, and public unless the server's
	// operator says otherwise.
	URL string `json:"url"`

	// Events are those that it is told of. Empty: those of a job's end.
	Events []EventType `json:"events,omitempty"`

	// Description is for people; at most 200 runes.
	Description string `json:"description,omitempty"`
}

// WebhookChange changes an endpoint: POST /v1/webhooks/{id}. What is left zero
// stays as it is.
type WebhookChange struct {
	URL         string      `json:"url,omitempty"`
	Events      []EventType `json:"events,omitempty"`
	Description *string     `json:"description,omitempty"` // of "": there is none any more
	Status      string      `json:"status,omitempty"`      // WebhookEnabled or WebhookDisabled
}

// DeletedWebhook answers DELETE /v1/webhooks/{id}.
type DeletedWebhook struct {
	ID      string `json:"id"`
	Object  string `json:"object"` // ObjectWebhookEndpoint
	Deleted bool   `json:"deleted"`
}

// WebhookList is a list of endpoints or deliveries.
type WebhookList[T WebhookEndpoint | WebhookDelivery] struct {
	Object string `json:"object"` // "list"
	Data   []T    `json:"data"`
}
