// Package ledger writes down what callers did to the simulator, and what it
// would have cost them. Tests compare it with what a client believes.
//
// A submission is charged when it was accepted: the task was created, or the
// image was being made. Whether its caller ever got the answer does not matter,
// just as at a real upstream. A task that is cancelled while it waits costs
// nothing: its submission was accepted, and is charged no more.
package ledger

import "time"

// Ledger is a copy of everything written down since the start or the last
// reset.
type Ledger struct {
	Since       time.Time    `json:"since"`
	Now         time.Time    `json:"now"` // by the simulator's clock
	Totals      Totals       `json:"totals"`
	Submissions []Submission `json:"submissions"` // in the order of their arrival
	Accounts    []Account    `json:"accounts"`    // those that were used, by name
}

// Totals are sums over all submissions, also over those that were dropped
// from a list that grew too long.
type Totals struct {
	Submissions int `json:"submissions"`
	Accepted    int `json:"accepted"`
	Refused     int `json:"refused"`
	Charged     int `json:"charged"`
	Polls       int `json:"polls"`   // status requests for one task
	Lists       int `json:"lists"`   // status requests for many
	Deletes     int `json:"deletes"` // DELETE requests, also refused ones
	MediaReads  int `json:"media_reads"`
	Dropped     int `json:"dropped"` // submissions no longer listed
}

// Kind is what a submission asks for.
type Kind string

// The kinds.
const (
	Chat  Kind = "chat"
	Image Kind = "image"
	Video Kind = "video"
)

// Outcome is what became of a submission at the door.
type Outcome string

// The outcomes.
const (
	Accepted Outcome = "accepted"
	Refused  Outcome = "refused" // answered with an error, nothing created
)

// Submission is one request to make something.
type Submission struct {
	Seq              int64     `json:"seq"` // from 1, never used again
	At               time.Time `json:"at"`
	Protocol         string    `json:"protocol"`
	Account          string    `json:"account"`    // its name in the configuration; made from the key otherwise; "limited" or "invalid" for a key that is
	KeyHash          string    `json:"key_sha256"` // the first 12 hex digits
	Kind             Kind      `json:"kind"`
	Model            string    `json:"model"`
	Prompt           string    `json:"prompt"`           // cut at 4,096 bytes
	Inputs           int       `json:"inputs,omitempty"` // pictures that an image or video request brought
	SafetyIdentifier string    `json:"safety_identifier,omitempty"`
	RequestID        string    `json:"request_id"`
	TaskID           string    `json:"task_id,omitempty"` // videos
	Outcome          Outcome   `json:"outcome"`
	Code             string    `json:"code,omitempty"` // the error's code if it was refused
	Charged          bool      `json:"charged"`

	// Count is how many media it was charged for: images asked for or made,
	// 1 for a video or a chat, 0 if nothing was charged or no longer is.
	Count int `json:"count"`

	// Answered tells whether the whole answer was handed to the connection. A
	// client that left before may still have missed it.
	Answered bool   `json:"answered"`
	Status   int    `json:"status"` // HTTP status of the answer, 0 before it
	Fault    string `json:"fault,omitempty"`

	State      string     `json:"state,omitempty"` // of the task, now
	Polls      int        `json:"polls"`
	LastPoll   *time.Time `json:"last_poll,omitempty"`
	Deletes    int        `json:"deletes"`
	MediaReads int        `json:"media_reads"`
}

// Account is what happened on one credential.
type Account struct {
	Name        string  `json:"name"`
	KeyHash     string  `json:"key_sha256"`
	InFlight    int     `json:"in_flight"` // accepted and not final, now
	Running     int     `json:"running"`   // of these, those that have a slot
	MaxInFlight int     `json:"max_in_flight"`
	MaxRunning  int     `json:"max_running"`
	Series      []Point `json:"series"` // one for each change, the newest 10,000
}

// Point is how much was in flight from a moment on.
type Point struct {
	At       time.Time `json:"at"`
	InFlight int       `json:"in_flight"`
	Running  int       `json:"running"`
}
