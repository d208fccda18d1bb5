package job

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Webhook is where the caller of one job wants to be told of it.
type Webhook struct {
	URL    string      `json:"url"`
	Events []EventType `json:"events"` // in the order of EventTypes; never empty

	// Origin is what the links in what is told begin with, where the service has
	// no public URL of its own: as the caller itself reached it.
	Origin string `json:"origin,omitempty"`
}

// EventTypes are all types of events, in the order in which a job may meet them.
func EventTypes() []EventType {
	return []EventType{
		EventQueued, EventAdmitted, EventSubmitted, EventProgress, EventMedia,
		EventSucceeded, EventFailed, EventCanceled, EventRecovered,
	}
}

// FinalEventTypes are those of a job's end.
func FinalEventTypes() []EventType {
	return []EventType{EventSucceeded, EventFailed, EventCanceled, EventRecovered}
}

// ParseEventTypes reads the names of events and gives each once, in the order of
// EventTypes. wrong is the place of the first name that is none, or -1.
func ParseEventTypes(names []string) (types []EventType, wrong int) {
	for i, name := range names {
		if !slices.Contains(EventTypes(), EventType(name)) {
			return nil, i
		}
	}
	for _, t := range EventTypes() {
		if slices.Contains(names, string(t)) {
			types = append(types, t)
		}
	}
	return types, -1
}

// JoinEventTypes writes types with commas.
func JoinEventTypes(types []EventType) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = string(t)
	}
	return strings.Join(words, ",")
}

// SplitEventTypes reads what JoinEventTypes wrote.
func SplitEventTypes(text string) []EventType {
	var types []EventType
	for word := range strings.SplitSeq(text, ",") {
		if word != "" {
			types = append(types, EventType(word))
		}
	}
	return types
}

// WebhookID is what an event is known by to those who are told of it, however
// often and in how many places.
func WebhookID(id ID, seq int64) string {
	return "evt_" + string(id) + "_" + strconv.FormatInt(seq, 10)
}

// WebhookState is how a job's deliveries stand.
type WebhookState struct {
	Pending   int // not made yet
	Delivered int
	Failed    int // given up

	// Last is the last try that failed; nil if none has.
	Last *WebhookTry
}

// WebhookTry is one try of a delivery.
type WebhookTry struct {
	At      time.Time     `json:"at"`
	Status  int           `json:"status,omitempty"` // HTTP; zero: there was no answer
	Error   string        `json:"error,omitempty"`  // for the receiver's owner; empty: it was taken
	Took    time.Duration `json:"took_ns"`
	Deliver string        `json:"delivery,omitempty"` // of WebhookState.Last: which delivery it was of
}
