package server

import (
	"time"
	"unicode/utf8"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/webhook"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// WebhookBytes is the size below which a webhook's body stays: receivers limit
// what they read, and the job itself has the rest.
const WebhookBytes = 20_000

// WebhookBody writes what a receiver is sent about an event. The job is as it was
// after the event; nil if it is gone, then the event alone is told. What has to be
// left out is named.
func WebhookBody(origin string, d *redisstore.Delivery, j *job.Job, log []job.Event) ([]byte, error) {
	e := tintype.WebhookEvent{Type: tintype.EventType(d.Type), Timestamp: d.At}
	if j != nil {
		e.Data = viewJob(origin, j, log)
		e.Data.Webhook = nil // that it is being told is no news
		body, err := encodeJSON(e)
		for _, cut := range webhookCuts() {
			if err != nil || len(body) < WebhookBytes {
				return body, err
			}
			if cut.from(&e.Data) {
				e.Truncated = append(e.Truncated, cut.name)
				body, err = encodeJSON(e)
			}
		}
		if err != nil || len(body) < WebhookBytes {
			return body, err
		}
	}
	body, err := encodeJSON(bareEvent(e, d))
	if err == nil && len(body) >= WebhookBytes { // the caller reached us by an absurd name
		e.Data.URLs.Get = ""
		return encodeJSON(bareEvent(e, d))
	}
	return body, err
}

// bareEvent is the event without the job.
func bareEvent(e tintype.WebhookEvent, d *redisstore.Delivery) any {
	type bare struct {
		ID     string           `json:"id"`
		Object string           `json:"object"`
		Status tintype.Status   `json:"status"`
		URLs   *tintype.JobURLs `json:"urls,omitempty"`
	}
	data := bare{ID: string(d.Job), Object: tintype.ObjectJob, Status: statusWord(d.State)}
	if e.Data.URLs.Get != "" {
		data.URLs = &e.Data.URLs
	}
	return struct {
		Type      tintype.EventType `json:"type"`
		Timestamp time.Time         `json:"timestamp"`
		Data      bare              `json:"data"`
		Truncated []string          `json:"truncated"`
	}{e.Type, e.Timestamp, data, []string{"data"}}
}

// webhookCut leaves something out of a job, if there is any of it.
type webhookCut struct {
	name string
	from func(*tintype.Job) bool
}

// webhookCuts are what is left out, what is missed least first.
func webhookCuts() []webhookCut {
	return []webhookCut{
		{"data.timeline", func(j *tintype.Job) bool {
			had := len(j.Timeline) > 0
			j.Timeline = nil
			return had
		}},
		{"data.choices", func(j *tintype.Job) bool {
			had := len(j.Choices) > 0
			j.Choices = nil
			return had
		}},
		{"data.error.message", func(j *tintype.Job) bool { return j.Error != nil && shorten(&j.Error.Message) }},
		{"data.media", func(j *tintype.Job) bool {
			had := len(j.Media) > 0
			j.Media = nil
			return had
		}},
	}
}

// shorten cuts a text to what a person reads.
func shorten(text *string) bool {
	const most = 1000
	if len(*text) <= most {
		return false
	}
	end := most
	for !utf8.RuneStart((*text)[end]) {
		end--
	}
	*text = (*text)[:end] + "…"
	return true
}

// testBody is what the test of an endpoint sends.
func testBody(endpoint string, at time.Time) ([]byte, error) {
	return encodeJSON(map[string]any{
		"type": webhook.TestType, "timestamp": at.UTC(), "data": map[string]string{"object": tintype.ObjectWebhookEndpoint, "id": endpoint},
	})
}
