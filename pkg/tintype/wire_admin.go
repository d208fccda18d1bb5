package tintype

import (
	"encoding/json"
	"time"
)

// AdminAccount is how a pooled account stands (GET /admin/v1/accounts).
type AdminAccount struct {
	ID       string   `json:"id"`
	Upstream string   `json:"upstream"`
	Note     string   `json:"note,omitempty"`
	Models   []string `json:"models,omitempty"` // empty: all

	// State is one word for all of it: "healthy", "busy" (all its slots are
	// taken), "cooling" (until CoolsUntil), "canary" (one job finds out whether it
	// works again), "parked" (until somebody acts), "draining", "drained" or
	// "disabled".
	State string `json:"state"`

	Cause      string               `json:"cause,omitempty"`
	Evidence   string               `json:"evidence,omitempty"` // what the upstream said
	Since      *time.Time           `json:"since,omitempty"`
	CoolsUntil *time.Time           `json:"cools_until,omitempty"`
	Cooling    map[string]time.Time `json:"models_cooling,omitempty"` // by the upstream's model id
	Canary     string               `json:"canary,omitempty"`         // the job

	InFlight    int                  `json:"in_flight"`
	MaxInFlight int                  `json:"max_in_flight"`
	Kinds       map[string]AdminKind `json:"kinds"`
	PerMinute   int                  `json:"requests_per_minute,omitempty"`
	GapMS       int64                `json:"min_gap_ms,omitempty"`
	Weight      int                  `json:"weight"`
	QuotaReset  *time.Time           `json:"quota_reset,omitempty"`
	Failures    int64                `json:"failures"` // cooldowns so far

	// History is only in GET /admin/v1/accounts/{id}, the newest first.
	History []AdminRemark `json:"history,omitempty"`
}

// AdminKind is an account's load of one kind of jobs. Nil limits: none.
type AdminKind struct {
	InFlight    int  `json:"in_flight"`
	MaxInFlight *int `json:"max_in_flight"`
	Daily       *int `json:"daily"`
	Left        *int `json:"left"` // of Daily, until quota_reset
}

// AdminRemark is one entry of an account's history.
type AdminRemark struct {
	At       time.Time  `json:"at"`
	What     string     `json:"what"` // "cooled", "recovered", "cleared", "enable", "disable" or "drain"
	Cause    string     `json:"cause,omitempty"`
	Model    string     `json:"model,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Parked   bool       `json:"parked,omitempty"`
	Evidence string     `json:"evidence,omitempty"`
}

// AdminUpstream is how an upstream stands (GET /admin/v1/upstreams).
type AdminUpstream struct {
	Name       string     `json:"name"`
	State      string     `json:"state"` // "open", "paused", "cooling" or "canary"
	Cause      string     `json:"cause,omitempty"`
	CoolsUntil *time.Time `json:"cools_until,omitempty"`
	Waiting    int        `json:"waiting"` // jobs in its lines
	Accounts   int        `json:"accounts"`
}

// AdminLine is what one tenant has in front of the accounts (GET /admin/v1/lines).
type AdminLine struct {
	Tenant  string `json:"tenant"`
	Waiting int    `json:"waiting"`
	Held    int    `json:"held"` // of them, over the tenant's own limits
	Running int    `json:"running"`
}

// AdminQueue is how one stage's queue stands (GET /admin/v1/queues).
type AdminQueue struct {
	Stage          string  `json:"stage"`
	Pending        int     `json:"pending"`
	Active         int     `json:"active"`
	Retry          int     `json:"retry"`
	Scheduled      int     `json:"scheduled"`
	Archived       int     `json:"archived"`
	LatencySeconds float64 `json:"latency_seconds"`
}

// AdminJob is a job's whole record and log (GET /admin/v1/jobs/{id}).
type AdminJob struct {
	Job    Job                        `json:"job"`
	Tenant string                     `json:"tenant"`
	Record map[string]json.RawMessage `json:"record"` // as it is kept
	Events []AdminEvent               `json:"events"`
}

// AdminEvent is one entry of a job's log.
type AdminEvent struct {
	Seq     int64     `json:"seq"`
	Type    string    `json:"type"`
	At      time.Time `json:"at"`
	Status  string    `json:"status"`
	Phase   string    `json:"phase,omitempty"`
	Failure string    `json:"failure,omitempty"`
}

// AdminTest is what an account's test call came to (POST
// /admin/v1/accounts/{id}/test).
type AdminTest struct {
	OK       bool   `json:"ok"`
	Class    string `json:"class,omitempty"`
	Evidence string `json:"evidence,omitempty"`
	Millis   int64  `json:"milliseconds"`
}
